"""`headroom lease list|release|recall`: what you rent and what you let. Shell.

Recalling is the same as `headroom host recall`, for those who think of leases.
"""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from exchange.cli.common import EXIT_USAGE, Json, Key, Url, fail, moment, print_json
from exchange.cli.fleet import work
from exchange.cli.fleet.cli import Yes, recall
from exchange.cli.lease_text import lease_lines, release_lines
from exchange.cli.one_request import ask, checked, logged_in
from exchange.cli.typed import time_option, units_option
from exchange.wire.requests import AccountState, LeaseRelease

app = typer.Typer(no_args_is_help=True, help="Leases that you rented or sold.")


@app.callback()
def group() -> None:
    """Leases that you rented or sold."""


app.command("recall")(recall)


@app.command("list")
def list_leases(
    key: Key,
    bought: Annotated[bool, typer.Option("--bought", help="Only what you rent.")] = False,
    sold: Annotated[bool, typer.Option("--sold", help="Only what you let.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the leases that have not ended: units, price, what was charged, state and end."""
    if bought and sold:
        fail("lease list: --bought or --sold, not both", EXIT_USAGE)
    state = ask(url, key, AccountState(req_id=1))
    side = "buy" if bought else "sell" if sold else None
    leases = [row for row in state["leases"] if side in (None, row["side"])]
    if as_json:
        print_json({"leases": leases})
        return
    for line in lease_lines(leases, state["vms"], _now_ms(), work.width()):
        typer.echo(line)


@app.command("release")
def release(
    leases: Annotated[list[str], typer.Argument(metavar="LEASE...", help="Such as l-9.")],
    key: Key,
    units: Annotated[
        int | None, units_option("--units", "Of each lease so many; else all.")
    ] = None,
    at_ms: Annotated[int | None, time_option("--at", "Later: +2h, 20:00 (UTC) or a date.")] = None,
    yes: Yes = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Give leases back, now or at a time. Their VMs are killed; what is owed is told before."""
    state = ask(url, key, AccountState(req_id=1))
    rows = _rented(state["leases"], leases)
    if not (as_json and yes):
        for row in rows:
            for line in release_lines(row, state["vms"], units, at_ms is not None, _now_ms()):
                typer.echo(line, err=True)
    when = "" if at_ms is None else f" at {moment(at_ms)}"
    work.confirm(f"release {', '.join(row['lease_id'] for row in rows)}{when}", yes)
    jobs: list[work.Job] = [(row, _request(row["lease_id"], units, at_ms)) for row in rows]
    outcome = logged_in(url, key, lambda client: work.each(client, jobs, "release"))
    work.show(outcome, as_json, f"will be released{when}" if when else "released")


def _rented(rows: Sequence[Any], named: Sequence[str]) -> list[Any]:
    """Return the leases that are meant; exit 1, before anything is done, when one is not rented."""
    rented = {row["lease_id"]: row for row in rows if row["side"] == "buy"}
    useless = [each for each in named if each not in rented]
    if useless:
        fail("\n".join(f"you rent no lease {each!r}" for each in useless))
    return [rented[each] for each in dict.fromkeys(named)]


def _request(lease_id: str, units: int | None, at_ms: int | None) -> LeaseRelease:
    fields = {"lease_id": lease_id, "units": units, "at_ms": at_ms}
    return checked("lease release", fields, LeaseRelease)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
