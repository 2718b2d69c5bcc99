"""Reads an owner's hosts and leases, and sends one request for each of many. Shell."""

import shutil
import sys
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import msgspec
import typer
from msgspec import Struct

from exchange.cli.common import EXIT_INTERRUPTED, EXIT_NOT_SO, EXIT_USAGE, fail, print_json
from exchange.cli.fleet.pick import Row
from exchange.cli.one_request import refusal
from exchange.client import Client, Refused, Unknown
from exchange.wire.frames import HostUpdate
from exchange.wire.requests import AccountState, Unsubscribe
from exchange.wire.types import Request

Job: TypeAlias = tuple[Row, Request]
"""What a request is about, which is shown, and the request."""

PATIENCE_S: Final = 60
"""How long a request is sent again while the exchange says "later"."""
PROGRESS_FROM: Final = 20
"""From so many requests on, a terminal shows how many are done."""

TABLE_SIZE: Final = (80, 24)
"""Columns and lines where the output is no terminal."""
NAMES: Final = ("host", "name", "lease_id", "order_id", "vm_id")
"""Fields that say what a request was about."""


class Failed(Struct, frozen=True):
    """``reason``: of the protocol's reasons, or ``unanswered``, or ``not_tried``."""

    about: Row
    reason: str
    why: str


class Outcome(Struct, frozen=True):
    done: list[tuple[Row, Any]]
    failed: list[Failed]


async def fleet(client: Client) -> list[Row]:
    """Return a row for each of the account's hosts, and hang up. Raises `Refused` or `Unknown`."""
    await client.subscribe("fleet")
    # Its answer comes behind the rows of the subscription.
    await client.request(Unsubscribe(req_id=1, channel="fleet"), patient=True)
    await client.close()
    rows = {each.host: each async for each in client.events() if isinstance(each, HostUpdate)}
    return [msgspec.to_builtins(row) for row in rows.values()]


async def fleet_and_leases(client: Client) -> tuple[list[Row], list[Row]]:
    """Return the account's hosts, and its leases that have not ended; hang up."""
    state = await client.request(AccountState(req_id=1), patient=True)
    return await fleet(client), list(state["leases"])


async def each(client: Client, jobs: Sequence[Job], what: str) -> Outcome:
    """Send the requests one after the other; a refusal does not keep the others from being sent.

    A missing answer does: whatever is behind it would wait as long.
    """
    outcome = Outcome([], [])
    for at, (about, request) in enumerate(jobs):
        _progress(what, at, len(jobs))
        try:
            result = await client.request(request, PATIENCE_S, patient=True)
            outcome.done.append((about, result))
        except Refused as error:
            outcome.failed.append(Failed(about, error.reason, refusal(error, type(request))))
        except Unknown as error:
            outcome.failed.append(Failed(about, "unanswered", str(error)))
            untried = [Failed(row, "not_tried", "not tried") for row, _ in jobs[at + 1 :]]
            outcome.failed.extend(untried)
            break
    _progress(what, len(jobs), len(jobs))
    return outcome


def confirm(what: str, yes: bool) -> None:
    """Ask whether ``what`` shall be done; exit 2 where nobody can be asked, 1 for a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{what}: nobody is here to be asked; add --yes", EXIT_USAGE)
    try:
        agreed = typer.confirm(f"{what}?", err=True)
    except typer.Abort as error:
        typer.echo(err=True)  # the answer's line has no end
        interrupted = isinstance(error.__context__, KeyboardInterrupt)
        raise typer.Exit(EXIT_INTERRUPTED if interrupted else EXIT_NOT_SO) from None
    if not agreed:
        raise typer.Exit(EXIT_NOT_SO)


def show(outcome: Outcome, as_json: bool, past: str) -> None:
    """Print what was done and what was not, a line each; exit 1 when something was not."""
    if as_json:
        failed = [_name(each.about) | _why(each) for each in outcome.failed]
        done = [_name(about) | (result or {}) for about, result in outcome.done]
        print_json({"done": done, "failed": failed})
    else:
        for about, _ in outcome.done:
            typer.echo(f"{_words(about)} {past}")
    for each in outcome.failed:
        typer.echo(f"headroom: {_words(each.about)}: {each.why}", err=True)
    if outcome.failed:
        raise typer.Exit(EXIT_NOT_SO)


def width() -> int:
    """Return the columns of the terminal."""
    return shutil.get_terminal_size(TABLE_SIZE).columns


def _name(about: Row) -> Row:
    return {name: about[name] for name in NAMES if name in about}


def _why(failed: Failed) -> Row:
    return {"reason": failed.reason, "message": failed.why}


def _words(about: Row) -> str:
    return " ".join(str(each) for each in reversed(_name(about).values()))


def _progress(what: str, done: int, whole: int) -> None:
    if whole >= PROGRESS_FROM and sys.stderr.isatty():
        sys.stderr.write(f"\r{what}: {done} of {whole}" + ("\n" if done == whole else ""))
        sys.stderr.flush()
