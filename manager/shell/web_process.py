"""The terminal for browsers, as a process beside the Manager that ends with it. Shell.

It is `headroom tui --web`: it prints a link when it starts, and one for every line it is given.
"""

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from exchange.cli.listening import checked
from exchange.cli.service import program
from exchange.log import log
from hostagent.machine.children import DIES_WITH_US
from manager.core import log_events

START_S: Final = 60.0
LINK_S: Final = 10.0
STOP_S: Final = 2.0
"""Well below `ending.END_S`, within which the Manager itself must have ended."""
RESTART_S: Final = 5.0


class WebError(Exception):
    """There is no terminal for browsers; one line."""


def web_words(
    web: str | None,
    names: Sequence[str],
    tls_cert: Path | None,
    tls_key: Path | None,
    insecure: bool,
) -> list[str]:
    """Return the words that say where it listens, none without --web; exit 2 on wrong ones."""
    if web is None:
        return []
    checked("--web", web, tls_cert, tls_key, insecure)
    words = [f"--web={web}", *(f"--web-name={name}" for name in names)]
    files = {"--tls-cert": tls_cert, "--tls-key": tls_key}
    words += [f"{option}={path}" for option, path in files.items() if path is not None]
    return [*words, "--insecure"] if insecure else words


def account_words(words: Sequence[str], url: str, key: Path, control: Path) -> list[str]:
    """Return ``words`` and the account that the terminal is for; none without ``words``."""
    account = [f"--url={url}", f"--key={key}", f"--control={control}"]
    return [*words, *account] if words else []


class WebProcess:
    """Runs it with ``words``, again when it has ended."""

    def __init__(self, words: Sequence[str]) -> None:
        self._command = [*DIES_WITH_US, *program(), "tui", "--end-with-input", *words]
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> str:
        """Return the first link. Raises `WebError`; the process itself has said why."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        return await self._line(START_S)

    async def link(self) -> str:
        """Return a fresh link. Raises `WebError`."""
        async with self._turn:
            process = self._process
            if process is None or process.stdin is None or process.returncode is not None:
                raise WebError("the terminal for browsers has ended and is being started again")
            with contextlib.suppress(OSError):  # its output ends too
                process.stdin.write(b"\n")
                await process.stdin.drain()
            return await self._line(LINK_S)

    async def watch(self) -> None:
        """Start it again whenever it ends."""
        while self._process is not None:
            await self._process.wait()
            log.write(log_events.web("it has ended"))
            await asyncio.sleep(RESTART_S)
            async with self._turn:
                with contextlib.suppress(WebError):
                    await self.start()
                    log.write(log_events.web(""))

    async def stop(self) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _line(self, limit_s: float) -> str:
        assert self._process is not None and self._process.stdout is not None, "a pipe"
        try:
            async with asyncio.timeout(limit_s):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise WebError("the terminal for browsers does not answer") from None
        if not line:
            raise WebError("the terminal for browsers did not start")
        return line.decode().strip()


@contextlib.asynccontextmanager
async def web_terminal(words: Sequence[str]) -> AsyncIterator[WebProcess | None]:
    """Run it and print its link; without ``words`` there is none."""
    if not words:
        yield None
        return
    web = WebProcess(words)
    watching: asyncio.Task[None] | None = None
    try:
        print(await web.start(), flush=True)  # noqa: T201 - the link is for who started it
        watching = asyncio.create_task(web.watch())
        yield web
    finally:
        if watching is not None:
            watching.cancel()
        await web.stop()
