"""The file of a guest's console, and its older, rotated part. Shell module.

virtlogd renames ``v-1.log`` to ``v-1.log.0``, that to ``v-1.log.1`` and so on, and begins anew.
"""

import os
from pathlib import Path
from typing import BinaryIO, Final

ROLLED_MAX: Final = 3
"""Older files that virtlogd keeps, unless it is told otherwise."""


def read_tail(log: Path, most: int) -> bytes | None:
    """Return the last ``most`` bytes of a console, None when nothing of it is there.

    Raises `OSError`.
    """
    parts: list[bytes] = []
    seen: set[int] = set()
    room = most
    for name in (log.name, *(f"{log.name}.{number}" for number in range(ROLLED_MAX))):
        try:
            file = log.with_name(name).open("rb")
        except FileNotFoundError:
            continue
        with file:
            inode = os.fstat(file.fileno()).st_ino
            # Rolled over while we look: this is the file that was read just now.
            if inode not in seen:
                parts.append(_end_of(file, room))
                room -= len(parts[-1])
            seen.add(inode)
        if room == 0:
            break
    return b"".join(reversed(parts)) if parts else None


def _end_of(file: BinaryIO, most: int) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - most))
    return file.read(most)
