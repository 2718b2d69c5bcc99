"""`headroom exchange`: create an exchange, serve it, verify its journal."""

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.common import EXIT_USAGE, Json, JsonAnyway, fail, print_json
from exchange.cli.config import ConfigError, load_config
from exchange.cli.door import door_command
from exchange.cli.exchange_move import move
from exchange.cli.exchange_place import (
    Data,
    Journal,
    Scratch,
    folder_of,
    one_of,
    shown,
    store_of,
)
from exchange.cli.exchange_serve import serve_command
from exchange.cli.progress import Progress
from exchange.files import why
from exchange.journal.chain import BrokenChainError
from exchange.journal.rows import JournalRow
from exchange.keys import KeyFileError, is_public_key, load_private_key, public_key_b64
from exchange.recovery.backup import back_up
from exchange.recovery.backup_more import add_to
from exchange.recovery.loading import Loaded, first_row
from exchange.recovery.rebuild import rebuild, rebuilt
from exchange.recovery.verifying import Look, verified
from exchange.server.clock import SystemClock
from exchange.server.starting import EXIT_DISK_LOST
from exchange.storage.history import FILE_NAME as HISTORY_NAME
from exchange.storage.snapshots import SnapshotError
from exchange.storage.sqlite_journal import DataDirError, DataLock, DiskLostError, create

app = typer.Typer(no_args_is_help=True, help="Run the Marketplace.")
app.command("serve")(serve_command)
app.command("door")(door_command)
app.command("move")(move)


@app.command("init")
def init(
    operator_key: Annotated[
        str,
        typer.Option(
            "--operator-key", help="The first operator: a key file, or a base64 public key."
        ),
    ],
    data: Data = None,
    journal: Journal = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="TOML file, see docs/operator.md; else defaults."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a new exchange: its journal begins with the configuration and the operator."""
    place = one_of("exchange init", data, journal)
    try:
        public_key = _public_key(operator_key)
        _create(place, first_row(load_config(config), public_key, SystemClock().now_ms()))
    except (ConfigError, KeyFileError, DataDirError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"data directory {place}: {why(error)}")
    at = shown(place)
    facts = {"data" if isinstance(place, Path) else "journal": at, "operator_key": public_key}
    print_json(facts) if as_json else print(f"created an exchange in {at}")


def _create(place: Path | str, row: JournalRow) -> None:
    if isinstance(place, Path):
        create(place, [row])
        return
    from exchange.postgres import schema

    schema.create(place, [row])


@app.command("verify")
def verify(
    data: Data = None,
    journal: Journal = None,
    to_seq: Annotated[int | None, typer.Option("--to-seq", min=1, help="Stop at this row.")] = None,
    since: Annotated[
        int | None,
        typer.Option("--since", min=0, help="Only what came behind this row, see operations."),
    ] = None,
    as_json: JsonAnyway = True,
) -> None:
    """Replay the journal read-only and print {"seq", "state_hash"}; a server may be running."""
    if since is not None and to_seq is not None:
        fail("exchange verify: --since or --to-seq, not both", EXIT_USAGE)
    try:
        store = store_of(one_of("exchange verify", data, journal))
        with Progress() as progress:
            found = verified(store, to_seq, progress.row, since)
    except (BrokenChainError, DataDirError, SnapshotError) as error:
        fail(str(error))
    print_json({"seq": found.engine.seq, "state_hash": found.state_hash})


@app.command("backup")
def backup(
    out: Annotated[Path, typer.Argument(help="A new directory for the copy.")],
    data: Data = None,
    journal: Journal = None,
    only_new: Annotated[
        bool, typer.Option("--segments", help="Add to an earlier backup only what it lacks.")
    ] = False,
    as_json: JsonAnyway = True,
) -> None:
    """Copy the journal, also of a running server, and verify the copy; prints what it holds."""
    try:
        place = one_of("exchange backup", data, journal)
        with Progress() as progress:
            copied = _backed_up(place, out, progress.row, only_new)
    except (BrokenChainError, DataDirError, SnapshotError) as error:
        fail(str(error))
    facts = {"out": str(out), "seq": copied.engine.seq, "state_hash": copied.state_hash}
    print_json(facts)


def _backed_up(place: Path | str, out: Path, look: Look, only_new: bool) -> Loaded:
    if isinstance(place, Path):
        return (add_to if only_new and out.exists() else back_up)(place, out, look)
    if only_new:
        fail("exchange backup: --segments goes with --data", EXIT_USAGE)
    from exchange.postgres.moving import copied_to

    return copied_to(place, out, look)


@app.command("rebuild")
def rebuild_command(
    data: Data = None,
    journal: Journal = None,
    scratch: Scratch = None,
    as_json: JsonAnyway = True,
) -> None:
    """Build history.db, the past that statements are read from, anew from the journal."""
    place = one_of("exchange rebuild", data, journal)
    try:
        folder = folder_of(place, scratch)
        store_of(place).require()
        with DataLock(folder):
            seq = rebuild(place) if isinstance(place, Path) else _rebuilt(place, folder)
    except (BrokenChainError, DataDirError) as error:
        fail(str(error))
    except DiskLostError as error:
        fail(str(error), EXIT_DISK_LOST)
    print_json({"seq": seq})


def _rebuilt(url: str, folder: Path) -> int:
    from exchange.postgres.postgres_source import PostgresSource

    return rebuilt(folder / HISTORY_NAME, store_of(url), PostgresSource(url))


def _public_key(text: str) -> str:
    if is_public_key(text):
        return text
    return public_key_b64(load_private_key(Path(text)))
