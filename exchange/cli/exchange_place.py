"""Where an exchange is: `--data DIR` or `--journal URL`; the second alone imports PostgreSQL."""

import os
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from exchange.cli.common import EXIT_USAGE, fail
from exchange.storage.sqlite_store import SqliteStore
from exchange.storage.store import Store

Data: TypeAlias = Annotated[
    Path | None, typer.Option("--data", help="The exchange's data directory.")
]
Journal: TypeAlias = Annotated[
    str | None,
    typer.Option("--journal", help="Or its database: postgresql://HOST:PORT/DATABASE."),
]
Scratch: TypeAlias = Annotated[
    Path | None,
    typer.Option("--scratch", help="With --journal: folder for what can be made again."),
]
UnsafeSingle: TypeAlias = Annotated[
    bool,
    typer.Option("--unsafe-single", help="With --journal: a commit on one node is enough."),
]
_EXTRA: Final = "--journal: asyncpg is not installed; pip install 'headroom[cluster]'"


def one_of(command: str, data: Path | None, journal: str | None) -> Path | str:
    """Return the one that was given; ends with a line about none, both or a missing library."""
    if data is not None and journal is not None:
        fail(f"{command}: --data or --journal, not both", EXIT_USAGE)
    if data is not None:
        return data
    if journal is None:
        text = f"{command}: missing option '--data' or '--journal'"
        fail(f"{text}; {command} --help says more", EXIT_USAGE)
    require_library()
    return journal


def require_library() -> None:
    """End with a line unless PostgreSQL can be spoken to."""
    try:
        import asyncpg  # noqa: F401
    except ImportError:
        fail(_EXTRA)


def store_of(place: Path | str) -> Store:
    if isinstance(place, Path):
        return SqliteStore(place)
    from exchange.postgres.postgres_store import PostgresStore

    return PostgresStore(place)


def shown(place: Path | str) -> str:
    """Return how messages name it: without a password."""
    if isinstance(place, Path):
        return str(place)
    from exchange.postgres.connecting import shown as shown_url

    return shown_url(place)


def folder_of(place: Path | str, scratch: Path | None, unsafe_single: bool = False) -> Path:
    """Return the folder of a server; ends with a line about an option that does not fit."""
    if not isinstance(place, Path):
        return scratch_of(place, scratch)
    if scratch is not None or unsafe_single:
        fail("--scratch and --unsafe-single go with --journal", EXIT_USAGE)
    return place


def scratch_of(url: str, given: Path | None) -> Path:
    """Return the scratch folder of the exchange at ``url``; it is made where it is missing."""
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    name = f"exchange-{sha256(shown(url).encode()).hexdigest()[:12]}"
    folder = given or Path(home) / "headroom" / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        fail(f"--scratch {folder}: {error.strerror}")
    return folder
