"""A person before the terminal, in the process or in a pty: presses keys, reads what is shown."""

import asyncio
import codecs
import fcntl
import os
import pty
import struct
import sys
import termios
import time
from asyncio.subprocess import Process
from pathlib import Path
from typing import Final, Protocol, Self

from textual.pilot import Pilot

from tests.e2e.wait import eventually
from tests.tui.story.stage import Stage
from tui.app import HeadroomApp
from tui.demo.recording import Event
from tui.demo.terminal import Terminal

ROOT = Path(__file__).parents[3]
DEADLINE_S: Final = 60
BYTES: Final = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "f3": "\x1bOR",
    "f5": "\x1b[15~",
    "f6": "\x1b[17~",
    "f8": "\x1b[19~",
    "ctrl+q": "\x11",
}
"""What a terminal sends for the keys that are no letters."""


class Seat(Protocol):
    """``title`` begins a chapter; ``rest`` is time to read, for those who watch."""

    async def press(self, *keys: str) -> None: ...

    @property
    def text(self) -> str: ...

    def title(self, text: str) -> None: ...

    async def rest(self, seconds: float) -> None: ...


async def sees(seat: Seat, *texts: str, without: str = "\0") -> None:
    """Wait until all ``texts`` are on the screen, and ``without`` is not."""

    async def look() -> bool | None:
        shown = seat.text
        return (without not in shown and all(text in shown for text in texts)) or None

    try:
        await eventually(look, DEADLINE_S, f"{texts}, not {without!r}")
    except AssertionError as error:
        raise AssertionError(f"{error}:\n{seat.text}") from None


class PilotSeat:
    """In the process of the application."""

    def __init__(self, app: HeadroomApp, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    @property
    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips)

    def title(self, text: str) -> None:
        del text

    async def rest(self, seconds: float) -> None:
        del seconds


class PtySeat:
    """`headroom tui` in a pty of its own; keeps what it wrote, and when."""

    typing_s: float = 0.0
    """Between two keys."""

    def __init__(self, process: Process, line: int, size: tuple[int, int]) -> None:
        self.process, self._line = process, line
        self._terminal = Terminal(*size)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._began_s = time.monotonic()
        self.events: list[Event] = []
        self.closed = asyncio.Event()
        asyncio.get_running_loop().add_reader(line, self._read)

    @classmethod
    async def open(cls, stage: Stage, size: tuple[int, int]) -> Self:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        where = (f"--url={stage.url}", f"--key={stage.key}", f"--control={stage.control}")
        # Another size than the terminal's: what a parent exports is not believed.
        surroundings = {
            "COLUMNS": "80",
            "LINES": "24",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "TZ": "UTC",
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "headroom", "tui", "--no-restore", *where),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=ROOT,
            env={**os.environ, **surroundings},
            start_new_session=True,
        )
        os.close(theirs)
        return cls(process, ours, size)

    @property
    def at_s(self) -> float:
        return time.monotonic() - self._began_s

    @property
    def text(self) -> str:
        return self._terminal.text

    def _read(self) -> None:
        try:
            data = os.read(self._line, 65_536)
        except OSError:  # so a pty ends on Linux
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._line)
            self.closed.set()
            return
        text = self._decoder.decode(data)
        self.events.append(Event(self.at_s, "o", text))
        self._terminal.feed(text)

    async def press(self, *keys: str) -> None:
        for key in keys:
            os.write(self._line, BYTES.get(key, key).encode())
            await asyncio.sleep(self.typing_s)

    def title(self, text: str) -> None:
        self.events.append(Event(self.at_s, "m", text))

    async def rest(self, seconds: float) -> None:
        del seconds

    async def leave(self) -> int:
        """Press Ctrl-Q; returns the exit code. What does not end is killed."""
        try:
            async with asyncio.timeout(DEADLINE_S / 3):
                await self.press("ctrl+q")
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._line)
        os.close(self._line)
        return self.process.returncode or 0
