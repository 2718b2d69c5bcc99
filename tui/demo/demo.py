"""`headroom demo`: the whole of Headroom in one terminal.

Behind the stage a child process runs a real exchange on a loopback port, simulated hosts and
background traders, each over its own WebSocket, and the visitor's Manager; in front the ordinary
terminal logs in as a trader with money and servers of its own. The child ends when its standard
input closes, so it cannot outlive the terminal, and it removes the folder that held everything.

This module may put packages together (tests/tidy_rules.py); nothing else imports it.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Annotated, Any, Final, NamedTuple

import typer

from exchange.cli.common import EXIT_USAGE, fail
from exchange.cli.listening import Listen, Web, checked
from exchange.units import count_text
from sim.scenario.shipped import FOLDER as SCENARIOS
from tui.demo.market import SYMBOL
from tui.link import LinkError

app = typer.Typer(help="All of it in one terminal: exchange, hosts, traders, the market.")

OPENING_TIMEOUT_S: Final = 60
CLOSING_TIMEOUT_S: Final = 30
ENDING_TIMEOUT_S: Final = 5
"""That a terminal waits which cannot reach its exchange: it may be about to end."""
HEADLESS_SIZE: Final = (160, 50)
OPENING: Final = "Opening an exchange with simulated hosts and traders"
ROOT: Final = str(Path(__file__).resolve().parents[2])


class Stage(NamedTuple):
    """Where the demo's exchange listens, the trader's key, the process behind it, and where the
    visitor's Manager is found, if there is one."""

    url: str
    key: Path
    child: asyncio.subprocess.Process
    control: Path | None


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """Run an exchange of flat books alone; open once there is a market to look at.

    Raises `LinkError` when it does not come up.
    """
    async with _backstage("flat") as said:
        opened = await said.opening()
        await said.line()
        yield opened


@asynccontextmanager
async def whole_stage() -> AsyncIterator[Stage]:
    """Run all of it; open as soon as one can log in: the market fills then.

    Raises `LinkError` when it does not come up, and at the end when it ended by itself.
    """
    async with _backstage("whole") as said:
        _read_terminal()
        opened = await said.opening()
        try:
            yield opened
        except LinkError:
            # Maybe it cannot be reached because it ends.
            if await said.ends():
                raise LinkError(f"the demo's exchange ended: {said.why()}") from None
            raise
        if opened.child.returncode is not None:
            raise LinkError(f"the demo's exchange ended: {said.why()}")


class _Said:
    """What the backstage process says: lines of JSON, and in ``log`` its errors."""

    def __init__(self, child: asyncio.subprocess.Process, log: IO[bytes]) -> None:
        self.child, self.log = child, log
        self.folder: Path | None = None

    async def opening(self) -> Stage:
        """Return where to log in."""
        ready = await self.line()
        key, control = Path(ready["key"]), ready["control"]
        self.folder = key.parent
        return Stage(ready["url"], key, self.child, Path(control) if control else None)

    async def line(self) -> dict[str, Any]:
        """Return its next line."""
        assert self.child.stdout is not None, "asked for a pipe"
        try:
            async with asyncio.timeout(OPENING_TIMEOUT_S):
                line = await self.child.stdout.readline()
        except TimeoutError:
            raise LinkError(f"the demo's exchange did not open in {OPENING_TIMEOUT_S} s") from None
        if not line:
            raise LinkError(f"the demo's exchange did not open: {self.last()}")
        told: dict[str, Any] = json.loads(line)
        return told

    async def ends(self) -> bool:
        """Tell whether the process ends by itself, or has."""
        try:
            async with asyncio.timeout(ENDING_TIMEOUT_S):
                await self.child.wait()
        except TimeoutError:
            return False
        return True

    def why(self) -> str:
        """Return why the process has ended."""
        code = self.child.returncode
        killed = code is not None and code < 0
        return f"killed by {signal.Signals(-(code or 0)).name}" if killed else self.last()

    def last(self) -> str:
        """Return the last line of its errors that says something."""
        self.log.seek(0)
        lines = self.log.read().decode("utf-8", "replace").splitlines()
        # The frame that Python draws around grouped errors says nothing.
        return next(filter(None, (line.strip(" |+-") for line in reversed(lines))), "no reason")


@asynccontextmanager
async def _backstage(demo: str) -> AsyncIterator[_Said]:
    """Run the backstage process of the ``demo`` of that name."""
    with tempfile.TemporaryFile() as log:
        child = await _start(log, demo)
        said = _Said(child, log)
        try:
            yield said
        finally:
            await _end(child)
            if said.folder is not None:  # The child takes it away itself, unless it was killed.
                shutil.rmtree(said.folder, ignore_errors=True)


def _read_terminal() -> None:
    """Read the terminal's modules, which takes as long as the child needs to start."""
    from tui import app, run  # noqa: F401


async def _start(log: IO[bytes], demo: str) -> asyncio.subprocess.Process:
    paths = [ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tui.demo.stage", demo),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        # Ctrl-C is for the terminal; the child follows when its input closes.
        start_new_session=True,
    )


async def _end(child: asyncio.subprocess.Process) -> None:
    """Close the child's input and wait: it takes its folder away itself."""
    assert child.stdin is not None, "asked for a pipe"
    child.stdin.close()
    try:
        async with asyncio.timeout(CLOSING_TIMEOUT_S):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()


@asynccontextmanager
async def _watched(
    child: asyncio.subprocess.Process, end: Callable[[], object]
) -> AsyncIterator[None]:
    """Call ``end`` when ``child`` ends before the block does."""

    async def watch() -> None:
        await child.wait()
        end()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()


async def play(for_s: float | None, headless: bool) -> tuple[int, str]:
    """Open the stage, run the terminal on it, close the stage.

    Returns the exit code and what was seen; raises `LinkError` when the stage does not come up or
    ends by itself.
    """
    async with whole_stage() as opened:
        # Read by now, while the child started: `_read_terminal`.
        from tui.app import HeadroomApp
        from tui.config import usual
        from tui.farm_link import SocketFarmLink
        from tui.live_link import LiveLink
        from tui.palettes import depth_of
        from tui.run import run_app
        from tui.view.tips import TIPS

        terminal = HeadroomApp(
            LiveLink(opened.url, opened.key),
            symbol=SYMBOL,
            depth=depth_of(os.environ),
            farm_link=SocketFarmLink(opened.control),
            scenarios=SCENARIOS,
            tips=TIPS,
        )
        told = {"url": opened.url, "key": str(opened.key), "control": str(opened.control)}
        told |= {"symbol": SYMBOL, "scenarios": str(SCENARIOS)}
        terminal.shared.settings = usual(told, "the demo")
        size = HEADLESS_SIZE if headless else None
        async with _watched(opened.child, terminal.exit):
            code = await run_app(terminal, headless=headless, for_s=for_s, size=size)
    model = terminal.desk.model
    trades = sum(len(tape.trades) for tape in model.tapes.values())
    counts = {"frame": terminal.session.frames, "trade": trades, "book": len(model.books)}
    return code, ", ".join(count_text(count, thing) for thing, count in counts.items())


async def show_to_browsers(listen: Listen) -> None:
    """Open the stage and serve terminals on it to browsers until told to stop.

    Raises `LinkError` as `play` does.
    """
    from tui.web.serve import listener_at, serve  # only here: it comes with the extra `web`

    with listener_at(listen) as listener:
        async with whole_stage() as opened:
            where = [f"--url={opened.url}", f"--key={opened.key}", f"--symbol={SYMBOL}"]
            where += [f"--control={opened.control}", "--tips"]
            words = ["tui", "--in-browser", "--no-restore", *where]
            serving = asyncio.create_task(serve(listener, listen, words))
            async with _watched(opened.child, serving.cancel):
                await asyncio.wait({serving})
            if not serving.cancelled():
                serving.result()


@app.callback(invoke_without_command=True)
def demo(
    ctx: typer.Context,
    for_s: Annotated[
        float | None,
        typer.Option("--for", min=0.1, help="End by itself after SECONDS."),
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Without a terminal, for tests; needs --for.")
    ] = False,
    web: Web = None,
) -> None:
    """Watch a market move and trade on it; Ctrl-Q leaves."""
    if ctx.invoked_subcommand is not None:
        return
    if headless and for_s is None:
        fail("--headless needs --for SECONDS", EXIT_USAGE)
    if web is not None:
        _in_browsers(checked("--web", web, None, None, insecure=False))
        return
    if not headless and not sys.stdout.isatty():
        fail("headroom demo needs a terminal (or --headless --for SECONDS)", EXIT_USAGE)
    if not headless:
        typer.echo(f"{OPENING} ...", err=True)
    try:
        code, seen = asyncio.run(play(for_s, headless))
    except LinkError as error:
        fail(str(error))
    if headless:
        typer.echo(seen)
    raise typer.Exit(code)


def _in_browsers(listen: Listen) -> None:
    typer.echo(f"{OPENING}; then open the link, and end it with Ctrl-C", err=True)
    try:
        asyncio.run(show_to_browsers(listen))
    except LinkError as error:
        fail(str(error))
