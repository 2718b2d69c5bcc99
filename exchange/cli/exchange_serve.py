"""`headroom exchange serve`: by an options' line to a running exchange, or to its standby."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from exchange.cli.bus import BUS, BusCa, BusLogin, server_on
from exchange.cli.common import EXIT_USAGE, fail
from exchange.cli.exchange_place import (
    Data,
    Journal,
    Scratch,
    UnsafeSingle,
    folder_of,
    one_of,
    store_of,
)
from exchange.cli.listening import Insecure, TlsCert, TlsKey, checked
from exchange.engine.engine import Engine
from exchange.engine.paranoid import ParanoidEngine
from exchange.journal.chain import BrokenChainError
from exchange.log import options
from exchange.recovery.loading import Loaded, load
from exchange.recovery.snapshotter import SNAPSHOT_EVERY
from exchange.server import pauses
from exchange.server.server import ExchangeServer, Settings, serve
from exchange.server.starting import EXIT_DISK_LOST, StartError
from exchange.session.uploads import QUOTA_BYTES
from exchange.standby.lead import DataLead
from exchange.standby.standby import stand_by
from exchange.storage.disk import DiskMarks
from exchange.storage.sqlite_journal import DataDirError, DataLock, DiskLostError
from exchange.storage.sqlite_store import SqliteStore
from exchange.units import MIB

SnapshotEvery = Annotated[
    int, typer.Option("--snapshot-every", min=1, help="Commands from snapshot to snapshot.")
]
CancelOnlyMib = Annotated[
    int | None, typer.Option(min=0, help="Less free disk: only cancels are taken. [512]")
]
ReadyFile = Annotated[
    Path | None, typer.Option("--ready-file", help="Holds url and pid while it serves.")
]
ImageQuotaMib = Annotated[
    int, typer.Option("--image-quota-mib", min=0, help="Images of one account, all together.")
]
Private = Annotated[bool, typer.Option("--private", help="Public channels need a login too.")]
AcceptClock = Annotated[
    bool, typer.Option("--accept-clock", help="Start although the clock looks wrong.")
]
Paranoid = Annotated[
    bool, typer.Option("--paranoid", help="Check after every command that it kept the laws; slow.")
]
Standby = Annotated[
    bool,
    typer.Option("--standby", help="Follow the process that serves; serve when it has ended."),
]
HaltMib = Annotated[int | None, typer.Option(min=0, help="Less free disk: nothing is taken. [128]")]


class How(Struct, frozen=True):
    """How to serve, beside the `Settings`."""

    make: Callable[[Settings, Loaded], ExchangeServer]
    make_engine: type[Engine]
    private: bool
    standby: bool
    unsafe_single: bool


def serve_command(
    data: Data = None,
    journal: Journal = None,
    scratch: Scratch = None,
    unsafe_single: UnsafeSingle = False,
    listen: Annotated[
        str, typer.Option("--listen", help="ADDRESS:PORT; port 0 picks one.")
    ] = "127.0.0.1:8750",
    ready_file: ReadyFile = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    insecure: Insecure = False,
    bus: Annotated[str | None, BUS] = None,
    bus_login: BusLogin = None,
    bus_ca: BusCa = None,
    private: Private = False,
    accept_clock: AcceptClock = False,
    snapshot_every: SnapshotEvery = SNAPSHOT_EVERY,
    disk_cancel_only_mib: CancelOnlyMib = None,
    disk_halt_mib: HaltMib = None,
    image_quota_mib: ImageQuotaMib = QUOTA_BYTES // MIB,
    log_level: options.Level = options.INFO,
    log_format: options.Format = options.TEXT,
    paranoid: Paranoid = False,
    standby: Standby = False,
) -> None:
    """Serve the exchange until SIGTERM."""
    place = one_of("exchange serve", data, journal)
    _require_one_way(place, bus, standby)
    options.set_up(log_level, log_format)
    host, port, tls = checked("--listen", listen, tls_cert, tls_key, insecure)
    settings = Settings(
        data_dir=folder_of(place, scratch, unsafe_single),
        host=host,
        port=port,
        ready_file=ready_file,
        tls=tls,
        accept_clock=accept_clock,
        snapshot_every=snapshot_every,
        disk=DiskMarks(disk_cancel_only_mib, disk_halt_mib),
        image_quota_bytes=image_quota_mib * MIB,
    )
    make_engine, make = ParanoidEngine if paranoid else Engine, server_on(bus, bus_login, bus_ca)
    _serve(place, settings, How(make, make_engine, private, standby, unsafe_single))


def _require_one_way(place: Path | str, bus: str | None, standby: bool) -> None:
    """End with a line about ways to serve that do not go together yet."""
    other = "--journal" if isinstance(place, str) else "--standby" if standby else ""
    if bus is not None and other:
        fail(f"{other} and --bus do not go together yet", EXIT_USAGE)


def _serve(place: Path | str, settings: Settings, how: How) -> None:
    try:
        store_of(place).require()
        code = _served(place, settings, how)
    except (BrokenChainError, DataDirError) as error:
        fail(str(error))
    except StartError as error:
        fail(str(error), error.exit_code)
    except DiskLostError as error:
        fail(str(error), EXIT_DISK_LOST)
    raise typer.Exit(code)


def _served(place: Path | str, settings: Settings, how: How) -> int:
    if isinstance(place, str):
        with DataLock(settings.data_dir):
            return pauses.run(_served_from(place, settings, how))
    if how.standby:
        lead, store = DataLead(place), SqliteStore(place)
        return pauses.run(stand_by(settings, store, lead, how.make_engine, how.private))
    with DataLock(place):
        loaded = load(SqliteStore(place), how.make_engine, how.private)
        return pauses.run(serve(settings, loaded, how.make))


def _served_from(url: str, settings: Settings, how: How) -> Coroutine[None, None, int]:
    from exchange.postgres.serving import Journalled, serve_journal
    from exchange.postgres.standby_lead import StandbyLead

    at = Journalled(url, how.unsafe_single)
    if how.standby:
        lead, store = StandbyLead(at), store_of(url)
        return stand_by(settings, store, lead, how.make_engine, how.private)
    return serve_journal(settings, at, how.make_engine, how.private)
