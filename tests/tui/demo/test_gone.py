"""The demo's terminal is closed while a scenario runs: no process, socket or folder is left."""

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.tui.demo.test_demo import DEADLINE_S, ROOT, leftovers, read_until, wait_until

HUNG_UP = 129
F9 = b"\x1b[20~"


def started_by(folder: Path) -> dict[int, str]:
    """Return all processes whose folder for passing things is ``folder``: command line by pid."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            mine = f"TMPDIR={folder}".encode() in (process / "environ").read_bytes().split(b"\0")
            command = (process / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue  # it has ended meanwhile, or is another user's
        if mine and int(process.name) != os.getpid():
            found[int(process.name)] = " ".join(command)
    return found


@pytest.fixture
def demo(short_path: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Return a demo in a terminal of its own, and that terminal."""
    terminal, inside = pty.openpty()
    termios.tcsetwinsize(inside, (35, 120))
    child = subprocess.Popen(
        [sys.executable, "-m", "headroom", "demo"],
        cwd=ROOT,
        env={
            **os.environ,
            "TERM": "xterm-256color",
            "TMPDIR": str(short_path),
            "XDG_STATE_HOME": str(short_path / "state"),
        },
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )
    os.close(inside)
    return child, terminal


def test_a_closed_terminal_leaves_nothing(
    short_path: Path, demo: tuple[subprocess.Popen[bytes], int]
) -> None:
    """(Seen to fail while the signal ended the terminal at once: the scenario ran on.)"""
    child, terminal = demo
    read_until(terminal, b"TRY THIS")
    os.write(terminal, F9)
    read_until(terminal, b"bad_day")
    os.write(terminal, b"r")

    def runs() -> bool:
        if select.select([terminal], [], [], 0)[0]:
            os.read(terminal, 65536)  # else the screen's next rows would find no room
        return any("sim run" in each for each in started_by(short_path).values())

    wait_until(runs)
    os.close(terminal)
    assert child.wait(DEADLINE_S) == HUNG_UP
    wait_until(lambda: started_by(short_path) == {})
    assert leftovers(short_path) == []
