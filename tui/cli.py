"""`headroom tui`: the market in the terminal."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.common import EXIT_USAGE, KeyOrFiles, UrlOrFiles, fail
from tui.actions import Keyboard, KeymapError
from tui.app import HeadroomApp
from tui.config import ConfigError, config_path, load_config
from tui.farm_link import SocketFarmLink
from tui.link import LinkError
from tui.live_link import LiveLink
from tui.palettes import depth_of
from tui.remembered import Remembered, keep, recall, remembered_path
from tui.run import NoTerminalError, run_app
from tui.screens.table import all_tables

app = typer.Typer(help="The market in the terminal.")

ReadOnly = Annotated[bool, typer.Option("--read-only", help="Send no orders, whatever the key.")]
Control = Annotated[
    Path | None,
    typer.Option(
        "--control",
        metavar="PATH",
        help="The Manager's control socket; default: that of your own Manager.",
        envvar="HEADROOM_CONTROL",
    ),
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="Use the settings of [profiles.NAME]."),
]
NoRestore = Annotated[
    bool, typer.Option("--no-restore", help="Begin anew, not where the terminal was left.")
]
Symbol = Annotated[str | None, typer.Option("--symbol", help="The instrument to show first.")]


@app.callback(invoke_without_command=True)
def tui(
    url: UrlOrFiles = None,
    key: KeyOrFiles = None,
    read_only: ReadOnly = False,
    symbol: Symbol = None,
    control: Control = None,
    profile: Profile = None,
    no_restore: NoRestore = False,
) -> None:
    """Watch the market and trade on it; without a key you only watch."""
    try:
        config = load_config(config_path(), profile)
        keyboard = Keyboard(all_tables(), config.keys())
        key_path = key or _path(config.key)
        link = LiveLink(url or config.url, key_path)
    except (ConfigError, KeymapError) as error:
        fail(str(error), EXIT_USAGE)
    except LinkError as error:
        fail(str(error))
    place = remembered_path(profile)
    remembered = Remembered() if no_restore else recall(place)
    terminal = HeadroomApp(
        link,
        read_only=read_only or key_path is None,
        theme=config.theme,
        symbol=symbol or remembered.symbol or config.symbol,
        fat_finger_pct=config.fat_finger_pct,
        depth=depth_of(os.environ),
        farm_link=SocketFarmLink(control or _path(config.control)),
        keyboard=keyboard,
        remembered=remembered,
    )
    try:
        code = asyncio.run(run_app(terminal))
    except LinkError as error:
        fail(str(error))
    except NoTerminalError as error:
        fail(str(error), EXIT_USAGE)
    keep(place, terminal.remember())
    raise typer.Exit(code)


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None
