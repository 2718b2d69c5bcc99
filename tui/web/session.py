"""One tab of a browser: a process that runs the terminal, and the WebSocket that shows it. Shell.

The process speaks textual-serve's packets: a letter, four bytes of length, the payload. ``D`` is
what a terminal reads or writes, ``M`` is JSON about it.
"""

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiohttp import WSMsgType, web
from msgspec import Struct

from hostagent.machine.children import DIES_WITH_US

AWAY_S: Final = 5.0
"""A page that is loaded again within this time finds its terminal as it was."""
QUIT_S: Final = 3.0
AWAY: Final = "This terminal has ended while its page was away"
PACKET_BYTES_MAX: Final = 8 * 1024 * 1024
SAID_BYTES_MAX: Final = 16 * 1024
PRELUDE_LINES_MAX: Final = 10
COLS_MAX: Final = 500
ROWS_MAX: Final = 300
READY: Final = b"__GANGLION__\n"
LEFT, MOVED, FAILED, GONE, OVER = 4000, 4001, 4002, 4003, 4004
"""Close codes; the reason says it in words. `OVER`: a fresh link is needed."""
SERVER_ENDED: Final = (1001, "The server has ended")


class Size(Struct, frozen=True):
    """In cells."""

    width: int
    height: int

    def within_bounds(self) -> "Size":
        return Size(
            min(max(self.width, 1), COLS_MAX),
            min(max(self.height, 1), ROWS_MAX),
        )


class Session:
    """Runs ``command`` until it ends, or `end` is called, or its page was away for too long."""

    def __init__(self, command: Sequence[str], size: Size) -> None:
        self._command = [*DIES_WITH_US, *command]
        self.size = size
        self._process: Process | None = None
        self._page: web.WebSocketResponse | None = None
        self._away: asyncio.TimerHandle | None = None
        self._why_ended: tuple[int, str] | None = None
        self._task = asyncio.create_task(self._run())

    @property
    def ends(self) -> bool:
        """Whether it is over, or about to be."""
        return self.over or self._why_ended is not None

    @property
    def over(self) -> bool:
        return self._task.done()

    async def ended(self) -> None:
        """Return when the process is gone."""
        await asyncio.wait([self._task])

    # --- the page ---

    async def show_on(self, page: web.WebSocketResponse, size: Size) -> None:
        """Show the terminal on ``page`` until one of them ends; an earlier page gives way."""
        before, self._page = self._page, page
        if self._away is not None:
            self._away.cancel()
        if before is not None:
            await before.close(code=MOVED, message=b"This terminal is open in another tab")
        if self._process is not None:
            self.size = size
            await self._tell({"type": "attach", "width": size.width, "height": size.height})
        try:
            async for message in page:
                if message.type == WSMsgType.TEXT:
                    await self._take(message.data)
        finally:
            if self._page is page:
                self._page = None
                self._away = asyncio.get_running_loop().call_later(AWAY_S, self.end, GONE, AWAY)

    async def _take(self, text: str) -> None:
        """Do what the page says; what cannot be read is passed over."""
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return
        match said:
            case ["stdin", str(keys)]:
                await self._send(b"D", keys.encode("utf-8", "replace"))
            case ["resize", {"width": int(width), "height": int(height)}]:
                self.size = size = Size(width, height).within_bounds()
                await self._tell({"type": "resize", **msgspec.to_builtins(size)})
            case ["focus" | "blur" as kind]:
                await self._tell({"type": kind})
            case ["ping", str(mark)] if self._page is not None:
                await self._page.send_json(["pong", mark])
            case _:
                pass

    # --- the process ---

    async def _tell(self, what: dict[str, Any]) -> None:
        await self._send(b"M", json.dumps(what).encode())

    async def _send(self, kind: bytes, payload: bytes) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError, RuntimeError):
            process.stdin.write(kind + len(payload).to_bytes(4, "big") + payload)
            await process.stdin.drain()

    def end(self, code: int, why: str) -> None:
        """End the process, whatever it does; the page hears ``why``."""
        if self._why_ended is None:
            self._why_ended = code, why
            self._task.cancel()

    async def _run(self) -> None:
        code, why = FAILED, "The terminal cannot be started"
        process: Process | None = None
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env=self._environment(),
                start_new_session=True,
            )
            self._process = process
            code, why = await self._show(process)
        except OSError as error:
            why = f"{why}: {error.strerror}"
        except asyncio.CancelledError:
            code, why = self._why_ended or SERVER_ENDED
        finally:
            if process is not None:
                await asyncio.shield(asyncio.create_task(_stop(process)))
            if self._page is not None:
                await self._page.close(code=code, message=_short(why))

    def _environment(self) -> dict[str, str]:
        given = {
            "TEXTUAL_DRIVER": "tui.web.driver:BrowserDriver",
            "TEXTUAL_COLOR_SYSTEM": "truecolor",
            "COLORTERM": "truecolor",
            "TERM": "xterm-256color",
            "TERM_PROGRAM": "textual",
            "COLUMNS": str(self.size.width),
            "ROWS": str(self.size.height),
        }
        # Whether the server's own terminal has colours says nothing about the browser.
        return {name: text for name, text in os.environ.items() if name != "NO_COLOR"} | given

    async def _show(self, process: Process) -> tuple[int, str]:
        """Pass on what the process draws; return the close code and why it has ended."""
        assert process.stdout is not None and process.stderr is not None, "both are pipes"
        said = asyncio.create_task(_tail(process.stderr))
        try:
            if await _began(process.stdout):
                left = await self._pass_on(process.stdout)
                if left:
                    return LEFT, "You have left the terminal"
            text = (await said).decode("utf-8", "replace").strip()
        finally:
            said.cancel()
        line = (text.splitlines() or ["it ended without a word"])[-1]
        return FAILED, f"The terminal has ended: {line.removeprefix('headroom: ')}"

    async def _pass_on(self, out: asyncio.StreamReader) -> bool:
        """Return whether the terminal was left; False: it just stopped."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await out.readexactly(5)
                length = int.from_bytes(head[1:], "big")
                if length > PACKET_BYTES_MAX:
                    return False
                payload = await out.readexactly(length)
                if head[:1] == b"D" and self._page is not None:
                    with contextlib.suppress(OSError):  # it goes away; its reader says so
                        await self._page.send_bytes(payload)
                elif head[:1] == b"M" and json.loads(payload).get("type") == "exit":
                    return True
        return False


async def _began(out: asyncio.StreamReader) -> bool:
    for _ in range(PRELUDE_LINES_MAX):
        line = await out.readline()
        if not line or line == READY:
            return bool(line)
    return False


async def _tail(err: asyncio.StreamReader) -> bytes:
    """Read to the end, and return the last of it."""
    kept = b""
    while more := await err.read(4096):
        kept = (kept + more)[-SAID_BYTES_MAX:]
    return kept


async def _stop(process: Process) -> None:
    """Let the process leave; kill it, and all it has started, when it does not."""
    assert process.stdin is not None, "a pipe"
    process.stdin.close()
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(QUIT_S):
            await process.wait()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _short(text: str) -> bytes:
    """Return at most the 123 bytes that a close frame has room for."""
    return text.encode("utf-8", "replace")[:120].decode("utf-8", "ignore").encode()
