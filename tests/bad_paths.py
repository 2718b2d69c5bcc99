"""Paths that cannot be used, and a way to run a command that meets them in this process.

Not the tests themselves: `test_paths.py`, which says what has to come of it.
"""

import ctypes
import io
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import NamedTuple, NoReturn

from typer.main import get_command

import headroom

DEADLINE_S = 30
_CAPABILITY_VERSION_3 = 0x20080522
_DAC_OVERRIDE_AND_READ_SEARCH = 0b110


class Outcome(NamedTuple):
    code: object
    out: str
    errors: str


def run(args: list[str], bytes_max: int | None = None) -> Outcome:
    """Run `headroom` with ``args``; no file may grow beyond ``bytes_max``, as on a full disk."""
    out, errors = io.StringIO(), io.StringIO()
    with (
        redirect_stdout(out),
        redirect_stderr(errors),
        _deadline(),
        _logging(),
        _file_size(bytes_max),
    ):
        try:
            headroom.run(get_command(headroom.build_app()), args, "headroom")
        except SystemExit as end:
            code = end.code
    return Outcome(code, out.getvalue(), errors.getvalue())


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


@contextmanager
def _deadline() -> Iterator[None]:
    def late(number: int, frame: FrameType | None) -> NoReturn:
        raise AssertionError(f"still running after {DEADLINE_S} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(DEADLINE_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _logging() -> Iterator[None]:
    """Take back what a command that logs set up for the whole process."""
    root, ours = logging.getLogger(), logging.getLogger("headroom")
    handlers, levels = list(root.handlers), (root.level, ours.level)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        ours.setLevel(levels[1])


@contextmanager
def _file_size(most: int | None) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


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
