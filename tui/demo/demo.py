"""`headroom demo`: the whole of Headroom in one terminal.

Behind the stage a child process runs a real exchange on a loopback port, simulated hosts and
background traders, each over its own WebSocket; in front the ordinary terminal logs in as a
trader with money and a server of its own. The child ends when its standard input closes, so it
cannot outlive the terminal, and it removes the folder that held everything.

This module may put packages together (tests/tidy_rules.py); nothing else imports it.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Annotated, Final, NamedTuple

import typer

from exchange.cli.common import EXIT_USAGE, fail
from exchange.cli.listening import Listen, Web, checked
from tui.app import HeadroomApp
from tui.link import LinkError
from tui.live_link import LiveLink
from tui.palettes import depth_of
from tui.run import run_app

app = typer.Typer(help="All of it in one terminal: exchange, hosts, traders, the market.")

OPENING_TIMEOUT_S: Final = 60
CLOSING_TIMEOUT_S: Final = 30
HEADLESS_SIZE: Final = (160, 50)
OPENING: Final = "Opening an exchange with simulated hosts and traders"
ROOT: Final = str(Path(__file__).resolve().parents[2])
SYMBOL: Final = "small.eu-de.flat.spot"


class Stage(NamedTuple):
    """Where the demo's exchange listens, the trader's key, and the process behind it."""

    url: str
    key: Path
    child: asyncio.subprocess.Process


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """Run the backstage process; raises `LinkError` when it does not come up."""
    with tempfile.TemporaryFile() as log:
        child = await _start(log)
        try:
            yield await _opened(child, log)
        finally:
            await _end(child)


async def _start(log: IO[bytes]) -> asyncio.subprocess.Process:
    paths = [ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tui.demo.demo",
        "backstage",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        # Ctrl-C is for the terminal; the child follows when its input closes.
        start_new_session=True,
    )


async def _opened(child: asyncio.subprocess.Process, log: IO[bytes]) -> Stage:
    assert child.stdout is not None, "asked for a pipe"
    try:
        async with asyncio.timeout(OPENING_TIMEOUT_S):
            line = await child.stdout.readline()
    except TimeoutError:
        raise LinkError(f"the demo's exchange did not open in {OPENING_TIMEOUT_S} s") from None
    if not line:
        log.seek(0)
        said = log.read().decode("utf-8", "replace").strip().splitlines()
        raise LinkError(f"the demo's exchange did not open: {said[-1] if said else 'no reason'}")
    ready = json.loads(line)
    return Stage(ready["url"], Path(ready["key"]), child)


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


async def play(for_s: float | None, headless: bool) -> tuple[int, HeadroomApp]:
    """Open the stage, run the terminal on it, close the stage; returns the exit code."""
    async with stage() as opened:
        terminal = HeadroomApp(
            LiveLink(opened.url, opened.key), symbol=SYMBOL, depth=depth_of(os.environ)
        )
        size = HEADLESS_SIZE if headless else None
        return await run_app(terminal, headless=headless, for_s=for_s, size=size), terminal


async def show_to_browsers(listen: Listen) -> None:
    """Open the stage and serve terminals on it to browsers until told to stop."""
    from tui.web.serve import listener_at, serve  # only here: it comes with the extra `web`

    with listener_at(listen) as listener:
        async with stage() as opened:
            where = [f"--url={opened.url}", f"--key={opened.key}", f"--symbol={SYMBOL}"]
            await serve(listener, listen, ["tui", "--in-browser", "--no-restore", *where])


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
        code, terminal = asyncio.run(play(for_s, headless))
    except LinkError as error:
        fail(str(error))
    if headless:
        model = terminal.desk.model
        trades = sum(len(tape.trades) for tape in model.tapes.values())
        books = len(model.books)
        typer.echo(f"{terminal.session.frames} frames, {trades} trades, {books} books")
    raise typer.Exit(code)


def _in_browsers(listen: Listen) -> None:
    typer.echo(f"{OPENING}; then open the link, and end it with Ctrl-C", err=True)
    try:
        asyncio.run(show_to_browsers(listen))
    except LinkError as error:
        fail(str(error))


@app.command("backstage", hidden=True)
def backstage() -> None:
    """Run the exchange, the hosts and the traders until standard input closes."""
    from tui.demo.stage import perform  # only here: the terminal need not load an exchange

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with tempfile.TemporaryDirectory(prefix="headroom-demo-") as folder:
        asyncio.run(perform(Path(folder)))


if __name__ == "__main__":
    app()
