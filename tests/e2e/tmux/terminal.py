"""A terminal under tmux: keys go in, what it shows is read back as text."""

import asyncio
import contextlib
import os
import re
import shlex
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.e2e.test_chain import ROOT

SHOWS_S: Final = 40.0
LOOK_S: Final = 0.05
FIRST: Final = 2
"""How many of the first pictures a failure tells: a toast is gone at its end."""


class Terminal(NamedTuple):
    """One pane; ``server`` is the socket of the tmux that holds it."""

    server: Path
    name: str

    async def ask(self, *words: str) -> str:
        """Return what tmux prints."""
        command = ("tmux", "-S", str(self.server), "-f", "/dev/null", *words)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        out, _ = await asyncio.wait_for(process.communicate(), SHOWS_S)
        assert process.returncode == 0, words
        return out.decode()

    async def press(self, keys: str) -> None:
        """Press ``keys``: tmux's names and plain text, separated by blanks."""
        await self.ask("send-keys", "-t", f"={self.name}:", *keys.split())

    async def fills(self, width: int, height: int) -> None:
        """Wait until all of a pane of this size is drawn, the tabs and the footer."""
        rows = (await self.shows(r"LADDER(.*\n)+.*palette")).splitlines()
        assert len(rows) == height and max(map(len, rows)) in (width - 1, width), rows

    async def end(self) -> None:
        await self.ask("kill-session", "-t", f"={self.name}")

    async def text(self) -> str:
        return await self.ask("capture-pane", "-p", "-t", f"={self.name}:")

    async def shows(self, wanted: str, without: str = "") -> str:
        """Wait until the expression is found on the pane, and ``without`` is not; returns it."""
        deadline = time.monotonic() + SHOWS_S
        seen: dict[str, None] = {}
        while True:
            text = await self.text()
            if re.search(wanted, text) and not (without and re.search(without, text)):
                return text
            seen[text] = None
            assert time.monotonic() < deadline, self._missed(wanted, without, [*seen])
            await asyncio.sleep(LOOK_S)

    def _missed(self, wanted: str, without: str, seen: Sequence[str]) -> str:
        """Return what was waited for in vain, with what stood there first, which soon goes."""
        shown = "\n".join(dict.fromkeys([*seen[:FIRST], seen[-1]]))
        return f"{self.name}: {wanted!r}, no {without!r}\n{shown}"


@contextlib.asynccontextmanager
async def tmux() -> AsyncIterator[Path]:
    """Yield the socket of a tmux of our own; whatever runs in it ends with it."""
    # Not pytest's folder: the path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="headroom-tmux-", dir="/tmp") as folder:
        server = Path(folder) / "s"
        try:
            yield server
        finally:
            if server.exists():
                await Terminal(server, "").ask("kill-server")


async def open_terminal(
    server: Path, name: str, size: tuple[int, int], words: Sequence[str], env: Mapping[str, str]
) -> Terminal:
    """Run `headroom WORDS` in a pane of ``size``."""
    command = shlex.join([sys.executable, "-m", "headroom", *words])
    given = [f"-e{key}={value}" for key, value in env.items()]
    width, height = map(str, size)
    terminal = Terminal(server, name)
    bare = ("start-server", ";", "set-option", "-g", "status", "off", ";")
    stays = ("set-option", "-s", "exit-empty", "off", ";")  # between one terminal and the next
    where = ("-d", "-s", name, "-x", width, "-y", height, "-c", str(ROOT))
    await terminal.ask(*bare, *stays, "new-session", *where, *given, f"{command}; exec cat")
    return terminal


def own_folders(folder: Path, state: str) -> dict[str, str]:
    """Return the environment of a terminal at home in ``folder``, with its past in ``state``."""
    names = {"XDG_CONFIG_HOME": "", "XDG_RUNTIME_DIR": "", "XDG_STATE_HOME": state}
    return {**{name: str(folder / at) for name, at in names.items()}, "PATH": os.environ["PATH"]}
