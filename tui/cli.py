"""`headroom tui`: the market in the terminal."""

import asyncio
import os
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from exchange.cli.common import EXIT_USAGE, KeyOrFiles, UrlOrFiles, fail
from exchange.cli.listening import Insecure, TlsCert, TlsKey, Web, WebName, checked
from tui.actions import Keyboard, KeymapError
from tui.app import HeadroomApp
from tui.config import Config, ConfigError, config_path, load_config, settings
from tui.farm_link import SocketFarmLink
from tui.link import LinkError
from tui.live_link import LiveLink
from tui.palettes import depth_of
from tui.remembered import Remembered, keep, recall, remembered_path
from tui.run import NoTerminalError, run_app
from tui.scenario_run import scenario_folder
from tui.screens.table import all_tables
from tui.view.tips import TIPS, Tip

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
    typer.Option("--profile", metavar="NAME", help="Use the settings of this profile in tui.toml."),
]
NoRestore = Annotated[
    bool, typer.Option("--no-restore", help="Begin anew, not where the terminal was left.")
]
InBrowser = Annotated[
    bool, typer.Option("--in-browser", hidden=True, help="Draw for the server of --web.")
]
EndWithInput = Annotated[
    bool, typer.Option("--end-with-input", hidden=True, help="End --web with standard input.")
]
Tips = Annotated[
    bool, typer.Option("--tips", hidden=True, help="Tell a visitor of the demo what to try.")
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
    web: Web = None,
    web_name: WebName = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    insecure: Insecure = False,
    in_browser: InBrowser = False,
    end_with_input: EndWithInput = False,
    tips: Tips = False,
) -> None:
    """Watch the market and trade on it; without a key you only watch."""
    asked = Asked(url, key, symbol, control, profile, read_only, no_restore)
    try:
        config = load_config(config_path(), profile)
        keyboard = Keyboard(all_tables(), config.keys())
        link = LiveLink(url or config.url, key or _path(config.key))
    except (ConfigError, KeymapError) as error:
        fail(str(error), EXIT_USAGE)
    except LinkError as error:
        fail(str(error))
    if web is None:
        raise typer.Exit(_show(asked, config, keyboard, link, in_browser, TIPS if tips else ()))
    from tui.web.serve import serve_terminal  # only here: it comes with the extra `web`

    listen = checked("--web", web, tls_cert, tls_key, insecure)
    serve_terminal(listen, asked.words(), web_name or (), end_with_input)


class Asked(NamedTuple):
    """What the command line says about the terminal."""

    url: str | None
    key: Path | None
    symbol: str | None
    control: Path | None
    profile: str | None
    read_only: bool
    no_restore: bool

    def words(self) -> list[str]:
        """Return the words that start this terminal once more, for a tab of a browser."""
        given = self._asdict()
        values = ("url", "key", "symbol", "control", "profile")
        words = [f"--{name}={given[name]}" for name in values if given[name] is not None]
        switches = [("--read-only", self.read_only), ("--no-restore", self.no_restore)]
        return ["tui", "--in-browser", *words, *(name for name, wanted in switches if wanted)]


def _show(
    asked: Asked,
    config: Config,
    keyboard: Keyboard,
    link: LiveLink,
    in_browser: bool,
    tips: tuple[Tip, ...],
) -> int:
    """Show the terminal until it is left; return the exit code."""
    place = remembered_path(asked.profile)
    remembered = Remembered() if asked.no_restore else recall(place)
    terminal = HeadroomApp(
        link,
        read_only=asked.read_only or not (asked.key or config.key),
        theme=config.theme,
        symbol=asked.symbol or remembered.symbol or config.symbol,
        fat_finger_pct=config.fat_finger_pct,
        depth=depth_of(os.environ),
        scenarios=scenario_folder(config.scenarios),
        farm_link=SocketFarmLink(asked.control or _path(config.control)),
        keyboard=keyboard,
        remembered=remembered,
        tips=tips,
    )
    given = {name: getattr(asked, name) for name in ("url", "key", "symbol", "control")}
    words = {name: None if value is None else str(value) for name, value in given.items()}
    terminal.shared.settings_file = str(config_path())
    terminal.shared.settings = settings(config, config_path(), asked.profile, words)
    try:
        code = asyncio.run(run_app(terminal, in_browser=in_browser))
    except LinkError as error:
        fail(str(error))
    except NoTerminalError as error:
        fail(str(error), EXIT_USAGE)
    keep(place, terminal.remember())
    return code


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None
