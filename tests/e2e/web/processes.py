"""The server of `headroom tui --web` as a process, and which processes live below it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

from tests.e2e.wait import eventually

ROOT = Path(__file__).parents[3]
START_S = 60


class Server(NamedTuple):
    """``link``: the first it has printed."""

    process: asyncio.subprocess.Process
    link: str

    @property
    def base(self) -> str:
        return self.link.partition("/?")[0]

    async def fresh_link(self) -> str:
        """Return another link, for which it is asked as by Enter."""
        assert self.process.stdin is not None and self.process.stdout is not None, "pipes"
        self.process.stdin.write(b"\n")
        return (await self.process.stdout.readline()).decode().strip()

    def terminals(self) -> list[int]:
        """Return the processes that it has started."""
        return children(self.process.pid)


@contextlib.asynccontextmanager
async def web_terminal(folder: Path, *words: str) -> AsyncIterator[Server]:
    """Run `headroom WORDS`, which prints a link; what it remembers is in ``folder``."""
    own = {name: str(folder) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "headroom",
        *words,
        cwd=ROOT,
        env=os.environ | own,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None, "a pipe"
    try:
        async with asyncio.timeout(START_S):
            line = await process.stdout.readline()
        yield Server(process, line.decode().strip())
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), START_S)


def children(parent: int) -> list[int]:
    """Return the living processes that ``parent`` has started."""
    return [pid for pid in _all() if alive(pid) and _stat(pid)[1:2] == [str(parent)]]


def alive(pid: int) -> bool:
    """Return whether a process runs; one that only waits to be taken notice of does not."""
    return _stat(pid)[:1] not in ([], ["Z"])


def _all() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid: int) -> list[str]:
    """Return state, parent and so on; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


async def come_about(holds: Callable[[], bool], limit_s: float, what: str) -> None:
    async def ask() -> bool | None:
        return holds() or None

    await eventually(ask, limit_s, what)
