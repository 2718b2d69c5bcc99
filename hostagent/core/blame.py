"""Decides why qemu-img failed on a renter's image: the image, the disk or the tools. Pure.

An image is judged by what ``qemu-img info`` says of it, and by nothing else: a conversion that runs
out of memory, threads, time or disk is its host's affair. The one exception is a conversion that
cannot make sense of bytes which the host can read: they are as they came.
"""

import re
from typing import Final, Literal, TypeAlias

from msgspec import Struct

Verb: TypeAlias = Literal["info", "convert"]
Blame: TypeAlias = Literal["image_invalid", "host_disk", "host_tools", "limit"]
"""``limit``: it ran into a limit of ours, and is worth one more try with room."""

NOT_FOUND: Final = 127
"""What prlimit ends with when there is no qemu-img."""
REFUSED: Final = 1
"""What qemu-img ends with when it has looked and says no."""
_NO_ROOM: Final = (
    "qemu_thread_create",
    "Cannot allocate memory",
    "Resource temporarily unavailable",
    "Too many open files",
)
_NO_DISK: Final = (
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
    "Read-only file system",
    "Permission denied",
    "No such file or directory",
)


class Ended(Struct, frozen=True):
    """How qemu-img ended. ``code`` None: it was cut off at its time limit; below 0: a signal."""

    code: int | None
    said: str = ""
    output: str = ""


def blame(verb: Verb, ended: Ended, source_reads: bool) -> Blame:
    """Return what a failed call comes from. ``source_reads``: this host can read the image."""
    said = _own_words(ended.said)
    if ended.code == NOT_FOUND:
        return "host_tools"
    if ended.code is None or ended.code < 0 or ended.code > NOT_FOUND or _has(said, _NO_ROOM):
        return "limit"
    if not source_reads or _has(said, _NO_DISK) or "error while writing" in said:
        return "host_disk"
    judged = verb == "info" or "error while reading" in said
    return "image_invalid" if judged and ended.code == REFUSED else "host_tools"


def _own_words(said: str) -> str:
    """Leave names out: a renter may have chosen one that reads like a full disk."""
    return re.sub("'.*'", "''", said, flags=re.DOTALL)


def _has(said: str, words: tuple[str, ...]) -> bool:
    return any(word in said for word in words)
