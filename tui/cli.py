"""`headroom tui`: the market in the terminal."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from tui.app import HeadroomApp
from tui.config import ConfigError, config_path, load_config
from tui.link import LinkError
from tui.live_link import LiveLink
from tui.run import NoTerminalError, run_app

app = typer.Typer(help="The market in the terminal.")

EXIT_NOT_SO = 1
EXIT_USAGE = 2

Url = Annotated[
    str | None,
    typer.Option("--url", help="The exchange; ws:// or wss://.", envvar="HEADROOM_URL"),
]
Key = Annotated[Path | None, typer.Option("--key", help="Key file; without one you only watch.")]
ReadOnly = Annotated[bool, typer.Option("--read-only", help="Send no orders, whatever the key.")]
Symbol = Annotated[str | None, typer.Option("--symbol", help="The instrument to show first.")]


@app.callback(invoke_without_command=True)
def tui(
    url: Url = None, key: Key = None, read_only: ReadOnly = False, symbol: Symbol = None
) -> None:
    """Watch the market and trade on it."""
    try:
        config = load_config(config_path())
        key_path = key or (Path(config.key).expanduser() if config.key else None)
        link = LiveLink(url or config.url, key_path)
    except ConfigError as error:
        raise _leave(str(error), EXIT_USAGE) from error
    except LinkError as error:
        raise _leave(str(error), EXIT_NOT_SO) from error
    terminal = HeadroomApp(
        link,
        read_only=read_only or key_path is None,
        theme=config.theme,
        symbol=symbol or config.symbol,
    )
    try:
        code = asyncio.run(run_app(terminal))
    except LinkError as error:
        raise _leave(str(error), EXIT_NOT_SO) from error
    except NoTerminalError as error:
        raise _leave(str(error), EXIT_USAGE) from error
    raise typer.Exit(code)


def _leave(text: str, code: int) -> typer.Exit:
    typer.echo(f"headroom: {text}", err=True)
    return typer.Exit(code)
