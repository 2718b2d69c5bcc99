"""Runs qemu-img within limits, and names the cause when it fails. Shell module.

It reads a format that the renter wrote, so memory, CPU time and wall time are bounded. The bound is
on memory that is written (RLIMIT_DATA): one on addresses also counts what threads only reserve, and
made sound images fail by chance. What runs into a limit is tried once more, with room.
"""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from msgspec import Struct

from exchange.units import MIB
from hostagent.core.blame import Blame, Ended, Verb, blame
from hostagent.core.ports import ImageError
from hostagent.machine.children import DIES_WITH_US
from hostagent.machine.conversion_group import JOINS

QEMU_IMG: Final = "qemu-img"


class Limits(Struct, frozen=True):
    """What one call may use; a stack is what each of its threads sets aside."""

    data_bytes: int
    cpu_s: int
    wall_s: float
    stack_bytes: int = 2 * MIB


LIMITS: Final[dict[Verb, tuple[Limits, Limits]]] = {
    "info": (Limits(1024 * MIB, 20, 30), Limits(2048 * MIB, 40, 60)),
    "convert": (Limits(1024 * MIB, 600, 1800), Limits(4096 * MIB, 1800, 3600)),
}
"""Of the first try, and of the one with room."""


def qemu_img(verb: Verb, source: Path, arguments: list[str], group: Path | None = None) -> str:
    """Return what ``qemu-img verb arguments`` prints, or raise `ImageError` with its reason.

    ``group``: of the control group to run in, the file to join it by.
    """
    ended, why = _try(verb, source, arguments, group)
    if why == "limit" and verb == "info" and _sound_image_passes():
        why = "image_invalid"
    if why is None:
        return ended.output
    said = (ended.said.strip().splitlines() or [f"{QEMU_IMG} ended with {ended.code}"])[-1]
    if ended.code is None:
        said = f"{QEMU_IMG} {verb} did not end in time"
    raise ImageError(f"disk image: {said}", "host_tools" if why == "limit" else why)


def _try(
    verb: Verb, source: Path, arguments: list[str], group: Path | None
) -> tuple[Ended, Blame | None]:
    ended, why = Ended(0), None
    for limits in LIMITS[verb]:
        ended = _run([verb, *arguments], limits, group)
        why = None if ended.code == 0 else blame(verb, ended, _reads(source))
        if why != "limit":
            break
    return ended, why


def _run(arguments: list[str], limits: Limits, group: Path | None = None) -> Ended:
    bounds = [f"--data={limits.data_bytes}", f"--cpu={limits.cpu_s}"]
    bounds.append(f"--stack={limits.stack_bytes}")
    joins = [] if group is None else [*JOINS, str(group)]
    command = [*DIES_WITH_US, *joins, "prlimit", *bounds, "--", QEMU_IMG, *arguments]
    # One pool of memory for all threads, and words that we can read.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limits.wall_s,
            env=environment,
        )
    except FileNotFoundError as error:
        raise ImageError("setpriv is not installed (package util-linux)", "host_tools") from error
    except OSError as error:
        raise ImageError(f"cannot run {QEMU_IMG}: {error.strerror}", "host_tools") from error
    except subprocess.TimeoutExpired:
        return Ended(None)
    return Ended(done.returncode, done.stderr, done.stdout)


def _reads(source: Path) -> bool:
    try:
        with source.open("rb") as file:
            while file.read(MIB):
                pass
    except OSError:
        return False
    return True


def _sound_image_passes() -> bool:
    """Tell whether qemu-img works here at all: if so, a call that it cannot end is the image's."""
    with tempfile.NamedTemporaryFile(suffix=".raw") as sound:
        sound.truncate(MIB)
        return _run(["info", "-f", "raw", sound.name], LIMITS["info"][0]).code == 0
