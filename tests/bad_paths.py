"""Paths that cannot be used, and whoever may not use them.

Not the tests themselves: `test_paths.py`, which says what has to come of it.
"""

import ctypes
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

DEADLINE_S = 30
_CAPABILITY_VERSION_3 = 0x20080522
_DAC_OVERRIDE_AND_READ_SEARCH = 0b110


@contextmanager
def as_anybody() -> Iterator[None]:
    """Take from root, in this thread and those it starts, what lets it pass every permission."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; the same for the rest
    libc = ctypes.CDLL(None)
    assert libc.capget(header, sets) == 0
    before = sets[0]
    sets[0] &= ~_DAC_OVERRIDE_AND_READ_SEARCH
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = before
        assert libc.capset(header, sets) == 0


def left_in(folder: Path) -> list[str]:
    """Return everything below ``folder``, also below what is closed to others."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def absent(folder: Path) -> Path:
    return folder / "absent"


def in_absent(folder: Path) -> Path:
    return folder / "absent" / "x"


def under_a_file(folder: Path) -> Path:
    (folder / "file").write_text("x")
    return folder / "file" / "x"


def garbage(folder: Path) -> Path:
    (folder / "garbage").write_bytes(b"\xff\x00\x80garbage" * 100)
    return folder / "garbage"


def empty(folder: Path) -> Path:
    (folder / "empty").touch()
    return folder / "empty"


def full_folder(folder: Path) -> Path:
    (folder / "folder").mkdir()
    (folder / "folder" / "inside").write_text("x")
    return folder / "folder"


def loop(folder: Path) -> Path:
    (folder / "loop").symlink_to("loop")
    return folder / "loop"


def in_a_loop(folder: Path) -> Path:
    return loop(folder) / "x"


def dangling(folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "gone" / "x")
    return folder / "link"


def too_long(folder: Path) -> Path:
    return folder / ("n" * 300)


def in_closed(folder: Path) -> Path:
    (folder / "closed").mkdir()
    (folder / "closed" / "x").write_text("x")
    (folder / "closed").chmod(0)
    return folder / "closed" / "x"


def closed_file(folder: Path) -> Path:
    (folder / "shut").write_text("x")
    (folder / "shut").chmod(0)
    return folder / "shut"


def closed_folder(folder: Path) -> Path:
    return in_closed(folder).parent


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def a_socket(folder: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as made:
        # By its short name: an address has room for 108 bytes.
        before = Path.cwd()
        os.chdir(folder)
        try:
            made.bind("socket")
        finally:
            os.chdir(before)
    return folder / "socket"


Bad = Callable[[Path], Path]
NOWHERE: tuple[Bad, ...] = (under_a_file, in_a_loop, loop, too_long, in_closed, pipe, a_socket)
"""Good for nothing at all."""
NO_FILE: tuple[Bad, ...] = (*NOWHERE, absent, in_absent, dangling, full_folder, closed_file)
"""Nothing to read."""
NO_TEXT: tuple[Bad, ...] = (*NO_FILE, empty, garbage)
"""Nothing to make sense of."""
NO_PLACE: tuple[Bad, ...] = (*NOWHERE, in_absent, full_folder)
"""Where no file can be written."""
NO_FOLDER: tuple[Bad, ...] = (*NOWHERE, garbage, closed_folder)
"""Where no folder can be made or filled."""
NO_DATA: tuple[Bad, ...] = (*NO_FOLDER, absent, in_absent, dangling, full_folder)
"""No exchange's data directory."""
