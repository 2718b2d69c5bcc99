"""`headroom exchange`: create an exchange, serve it, verify its journal."""

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.bus import BUS, BusCa, BusLogin, server_on
from exchange.cli.common import EXIT_USAGE, Json, JsonAnyway, fail, print_json
from exchange.cli.config import ConfigError, load_config
from exchange.cli.door import door_command
from exchange.cli.listening import Insecure, TlsCert, TlsKey, checked
from exchange.cli.progress import Progress
from exchange.engine.engine import Engine
from exchange.engine.paranoid import ParanoidEngine
from exchange.files import why
from exchange.journal.chain import BrokenChainError
from exchange.keys import KeyFileError, is_public_key, load_private_key, public_key_b64
from exchange.log import options
from exchange.recovery.backup import back_up
from exchange.recovery.loading import create_exchange, load
from exchange.recovery.rebuild import rebuild
from exchange.recovery.snapshotter import SNAPSHOT_EVERY
from exchange.recovery.verifying import verified
from exchange.server import pauses
from exchange.server.clock import SystemClock
from exchange.server.server import Settings, serve
from exchange.server.starting import EXIT_DISK_LOST, StartError
from exchange.session.uploads import QUOTA_BYTES
from exchange.standby.lead import DataLead
from exchange.standby.standby import stand_by
from exchange.storage.disk import DiskMarks
from exchange.storage.snapshots import SnapshotError
from exchange.storage.sqlite_journal import DataDirError, DataLock, DiskLostError, require
from exchange.storage.sqlite_store import SqliteStore
from exchange.units import MIB

app = typer.Typer(no_args_is_help=True, help="Run the Marketplace.")
app.command("door")(door_command)


Data = Annotated[Path, typer.Option("--data", help="The exchange's data directory.")]
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


@app.command("init")
def init(
    data: Data,
    operator_key: Annotated[
        str,
        typer.Option(
            "--operator-key", help="The first operator: a key file, or a base64 public key."
        ),
    ],
    config: Annotated[
        Path | None,
        typer.Option("--config", help="TOML file, see docs/operator.md; else defaults."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a new exchange in DIR: its journal begins with the configuration and the operator."""
    try:
        public_key = _public_key(operator_key)
        create_exchange(data, load_config(config), public_key, SystemClock().now_ms())
    except (ConfigError, KeyFileError, DataDirError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"data directory {data}: {why(error)}")
    facts = {"data": str(data), "operator_key": public_key}
    print_json(facts) if as_json else print(f"created an exchange in {data}")


@app.command("serve")
def serve_command(
    data: Data,
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
    """Serve the exchange in DIR until SIGTERM."""
    options.set_up(log_level, log_format)
    host, port, tls = checked("--listen", listen, tls_cert, tls_key, insecure)
    settings = Settings(
        data_dir=data,
        host=host,
        port=port,
        ready_file=ready_file,
        tls=tls,
        accept_clock=accept_clock,
        snapshot_every=snapshot_every,
        disk=DiskMarks(disk_cancel_only_mib, disk_halt_mib),
        image_quota_bytes=image_quota_mib * MIB,
    )
    if standby and bus is not None:
        fail("--bus: a standby cannot take it yet", EXIT_USAGE)
    make = server_on(bus, bus_login, bus_ca)
    try:
        require(data)
        store, engine = SqliteStore(data), ParanoidEngine if paranoid else Engine
        if standby:
            code = pauses.run(stand_by(settings, store, DataLead(data), engine, private))
        else:
            with DataLock(data):
                code = pauses.run(serve(settings, load(store, engine, private), make))
    except (BrokenChainError, DataDirError) as error:
        fail(str(error))
    except StartError as error:
        fail(str(error), error.exit_code)
    except DiskLostError as error:
        fail(str(error), EXIT_DISK_LOST)
    raise typer.Exit(code)


@app.command("verify")
def verify(
    data: Data,
    to_seq: Annotated[int | None, typer.Option("--to-seq", min=1, help="Stop at this row.")] = None,
    as_json: JsonAnyway = True,
) -> None:
    """Replay the journal read-only and print {"seq", "state_hash"}; a server may be running."""
    try:
        with Progress() as progress:
            found = verified(SqliteStore(data), to_seq, progress.row)
    except (BrokenChainError, DataDirError, SnapshotError) as error:
        fail(str(error))
    print_json({"seq": found.engine.seq, "state_hash": found.state_hash})


@app.command("backup")
def backup(
    data: Data,
    out: Annotated[Path, typer.Argument(help="A new directory for the copy.")],
    as_json: JsonAnyway = True,
) -> None:
    """Copy the journal, also of a running server, and verify the copy; prints what it holds."""
    try:
        with Progress() as progress:
            copied = back_up(data, out, progress.row)
    except (BrokenChainError, DataDirError, SnapshotError) as error:
        fail(str(error))
    facts = {"out": str(out), "seq": copied.engine.seq, "state_hash": copied.state_hash}
    print_json(facts)


@app.command("rebuild")
def rebuild_command(data: Data, as_json: JsonAnyway = True) -> None:
    """Build history.db, the past that statements are read from, anew from the journal."""
    try:
        require(data)
        with DataLock(data):
            seq = rebuild(data)
    except (BrokenChainError, DataDirError) as error:
        fail(str(error))
    except DiskLostError as error:
        fail(str(error), EXIT_DISK_LOST)
    print_json({"seq": seq})


def _public_key(text: str) -> str:
    if is_public_key(text):
        return text
    return public_key_b64(load_private_key(Path(text)))
