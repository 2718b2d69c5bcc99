"""The options of what is on the bus between the doors and the exchange. Shell."""

import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from exchange.cli.common import EXIT_USAGE, fail
from exchange.doors.bus import BusError, BusSettings, library, login_in, without_login
from exchange.doors.server import BusServer
from exchange.files import require_regular, why
from exchange.recovery.loading import Loaded
from exchange.server.server import ExchangeServer, Settings

SCHEMES: Final = ("nats", "tls")

BUS: Final = typer.Option(
    "--bus", metavar="URL", help="The NATS server of the doors, nats://HOST:PORT or tls://."
)
BusLogin = Annotated[
    Path | None, typer.Option("--bus-login", help="A file with USER:PASSWORD for it.")
]
BusCa = Annotated[Path | None, typer.Option("--bus-ca", help="PEM: who may certify a tls:// one.")]


def bus_settings(url: str, login: Path | None, ca: Path | None) -> BusSettings:
    """Return the checked options; exit with one line that shows no password."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in SCHEMES and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        known = False
    if not known:
        fail(f"--bus {without_login(url)}: not an address like nats://HOST:PORT", EXIT_USAGE)
    try:
        library()
        return BusSettings(
            url=url,
            login=login_in(login) if login else None,
            tls=_tls(ca) if ca or parts.scheme == "tls" else None,
        )
    except BusError as error:
        fail(str(error))


def server_on(
    url: str | None, login: Path | None, ca: Path | None
) -> Callable[[Settings, Loaded], ExchangeServer]:
    """Return what makes the server, on the bus if there is one."""
    if url is None:
        return ExchangeServer
    return partial(BusServer, bus=bus_settings(url, login, ca))


def _tls(ca: Path | None) -> ssl.SSLContext:
    try:
        if ca is not None:
            require_regular(ca)
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        fail(f"--bus-ca {ca}: no certificates in PEM")
    except OSError as error:
        fail(f"--bus-ca {ca}: {why(error)}")
