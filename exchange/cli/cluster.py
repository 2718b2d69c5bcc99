"""`headroom cluster`: PostgreSQL and NATS as a cluster has them, on this machine, for trying."""

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.common import fail
from exchange.cluster.postgres import Postgres
from exchange.cluster.programs import ClusterError
from exchange.cluster.up import NODES, Cluster, stay_up

app = typer.Typer(no_args_is_help=True, help="Try the servers of a cluster on this machine.")


Folder = Annotated[Path, typer.Option("--dir", help="Everything is in it; what is there goes on.")]


@app.command("up")
def up(
    folder: Folder,
    ready_file: Annotated[
        Path | None,
        typer.Option("--ready-file", help="Says where all listen while all are up. [DIR/ready]"),
    ] = None,
) -> None:
    """Start three PostgreSQL nodes and NATS on loopback, until Ctrl-C."""
    where = folder.absolute()
    try:
        stay_up(Cluster(where, print_now), ready_file or where / "ready")
    except ClusterError as error:
        fail(f"cluster up: {error}")
    except OSError as error:
        fail(f"cluster up: {error.filename}: {error.strerror}")


@app.command("promote")
def promote(folder: Folder) -> None:
    """Have the standby that has most take writes, when the primary has ended."""
    if not folder.is_dir():
        fail(f"cluster promote: {folder}: no such folder")
    try:
        Postgres(folder.absolute(), NODES, print_now).promote()
    except ClusterError as error:
        fail(f"cluster promote: {error}")
    except OSError as error:
        fail(f"cluster promote: {error.filename}: {error.strerror}")


def print_now(text: str) -> None:
    print(text, flush=True)
