"""`headroom exchange door`: hold clients' sockets for an exchange that is on the bus."""

import asyncio
import gc
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.bus import BUS, BusCa, BusLogin, bus_settings
from exchange.cli.common import fail
from exchange.cli.listening import Insecure, TlsCert, TlsKey, checked
from exchange.doors.door import DoorSettings, serve_door
from exchange.log import options
from exchange.server.starting import StartError


def door_command(
    bus: Annotated[str, BUS],
    listen: Annotated[
        str, typer.Option("--listen", help="ADDRESS:PORT; port 0 picks one.")
    ] = "127.0.0.1:8760",
    bus_login: BusLogin = None,
    bus_ca: BusCa = None,
    writer_url: Annotated[
        str, typer.Option("--writer-url", help="Where clients reach the exchange itself.")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="What the logs call this door.")] = "",
    ready_file: Annotated[
        Path | None, typer.Option("--ready-file", help="Holds url and pid while it serves.")
    ] = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    insecure: Insecure = False,
    log_level: options.Level = options.INFO,
    log_format: options.Format = options.TEXT,
) -> None:
    """Hold the sockets of clients, until SIGTERM, for the exchange on the bus."""
    options.set_up(log_level, log_format)
    host, port, tls = checked("--listen", listen, tls_cert, tls_key, insecure)
    settings = DoorSettings(
        bus=bus_settings(bus, bus_login, bus_ca),
        host=host,
        port=port,
        name=name,
        writer_url=writer_url,
        tls=tls,
        ready_file=ready_file,
    )
    gc.freeze()
    try:
        asyncio.run(serve_door(settings))
    except StartError as error:
        fail(str(error), error.exit_code)
