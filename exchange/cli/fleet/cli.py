"""`headroom host list|approve|drain|offer|recall|token`: one owner, many hosts. Shell.

They are parts of `headroom host`, whose other parts run on the host itself; these need the owner's
trader key and run anywhere. Hosts are named by id or name, also by patterns such as ``r7-*``.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import typer

from exchange.cli.common import (
    EXIT_USAGE,
    DiskMib,
    Json,
    Key,
    MemMib,
    Mvcpu,
    Url,
    fail,
    print_json,
)
from exchange.cli.fleet import pick, text, work
from exchange.cli.fleet.pick import Row
from exchange.cli.one_request import checked, logged_in
from exchange.cli.typed import units_option
from exchange.client import Client
from exchange.units import count_text
from exchange.wire.requests import HostApprove, HostDrain, HostOffer, HostToken, LeaseRecall
from exchange.wire.types import HostStatus

SECRET_BYTES: Final = 24
_LEASE_ID: Final = re.compile(r"l-[0-9]+")

Hosts = Annotated[
    list[str], typer.Argument(metavar="HOST...", help="Ids, names or patterns such as 'r7-*'.")
]
HostsOrAll = Annotated[
    list[str] | None,
    typer.Argument(metavar="[HOST]...", help="Ids, names or patterns such as 'r7-*'; else all."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def list_hosts(
    key: Key,
    hosts: HostsOrAll = None,
    status: Annotated[
        str | None, typer.Option("--status", help="Only these, such as pending or live.")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List your hosts: what they offer and sold, their load, what they delivered, last contact."""
    if status not in (None, *get_args(HostStatus)):
        fail(f"host list: --status {status}: not {', '.join(get_args(HostStatus))}", EXIT_USAGE)
    rows, leases = logged_in(url, key, work.fleet_and_leases)
    sold = pick.sold(leases)
    shown = [row for row in _picked(rows, hosts or ()) if status in (None, row["status"])]
    if as_json:
        print_json({"hosts": [row | {"sold_units": sold.get(row["host"], 0)} for row in shown]})
        return
    now_ms = time.time_ns() // 1_000_000
    for line in text.host_lines(shown, sold, now_ms, work.width()):
        typer.echo(line)


def approve(
    key: Key,
    hosts: HostsOrAll = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Let in hosts that enrolled with a secret of many uses: all that wait, or those named."""
    found = _picked(logged_in(url, key, work.fleet), hosts or ())
    waiting = [row for row in found if hosts or row["status"] == "pending"]
    jobs: list[work.Job] = [(row, HostApprove(req_id=1, host=row["host"])) for row in waiting]
    _send(url, key, jobs, as_json, "approve", "approved")


def drain(
    key: Key,
    hosts: Hosts,
    off: Annotated[bool, typer.Option("--off", help="Let them sell again.")] = False,
    yes: Yes = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Take hosts off the market: their asks are withdrawn, their leases run on."""
    found = _picked(logged_in(url, key, work.fleet), hosts)
    if not off:
        work.confirm(f"drain {_told(found)}", yes)
    jobs: list[work.Job] = [
        (row, HostDrain(req_id=1, host=row["host"], enabled=not off)) for row in found
    ]
    _send(url, key, jobs, as_json, "drain", "sells again" if off else "drained")


def offer(
    key: Key,
    hosts: Hosts,
    mvcpu: Mvcpu = None,
    mem_mib: MemMib = None,
    disk_mib: DiskMib = None,
    residual_below_pct: Annotated[
        int | None,
        typer.Option("--residual-below-pct", help="Offer only while the own load is below this."),
    ] = None,
    lift: Annotated[
        list[str] | None,
        typer.Option(
            "--lift", help="Take a limit away: offered, residual_below_pct or image_max_mib."
        ),
    ] = None,
    image_max_mib: Annotated[
        int | None,
        typer.Option("--image-max-mib", min=1, help="No VM with a larger image may start."),
    ] = None,
    yes: Yes = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Limit what hosts offer; limits that are not named stay.

    Less than is sold cancels asks and recalls spot leases.
    """
    parts = {"mvcpu": mvcpu, "mem_mib": mem_mib, "disk_mib": disk_mib}
    given = [value for value in parts.values() if value is not None]
    if len(given) not in (0, len(parts)):
        fail("host offer: --mvcpu, --mem-mib and --disk-mib: all three or none", EXIT_USAGE)
    limit: dict[str, Any] = {"offered": parts} if given else {}
    limit |= {"residual_below_pct": residual_below_pct} if residual_below_pct is not None else {}
    limit |= {"image_max_mib": image_max_mib} if image_max_mib is not None else {}
    limit |= {"lift": lift} if lift else {}
    if not limit:
        fail("host offer: no limit; --mvcpu, --mem-mib and --disk-mib set one", EXIT_USAGE)
    checked("host offer", {"host": "h-1"} | limit, HostOffer)
    found = _picked(logged_in(url, key, work.fleet), hosts)
    work.confirm(f"limit {_told(found)}", yes)
    jobs: list[work.Job] = [
        (row, checked("host offer", {"host": row["host"]} | limit, HostOffer)) for row in found
    ]
    _send(url, key, jobs, as_json, "offer", "limited")


def recall(
    key: Key,
    what: Annotated[
        list[str],
        typer.Argument(metavar="HOST|LEASE...", help="Hosts as elsewhere, or leases such as l-9."),
    ],
    units: Annotated[
        int | None, units_option("--units", "Of each lease so many; else all.")
    ] = None,
    yes: Yes = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """End the spot leases of hosts, or some leases, with 120 s notice; it can cost bonds."""
    rows, leases = logged_in(url, key, work.fleet_and_leases)
    hosts = _holding(rows, leases, what)
    ending = pick.leases(leases, what, hosts)
    if not ending:
        fail("no spot lease of yours that goes on")
    if not (as_json and yes):
        for line in text.lease_lines(ending, work.width()):
            typer.echo(line, err=True)
    work.confirm(f"recall {count_text(len(ending), 'spot lease')}", yes)
    jobs: list[work.Job] = [
        (row, LeaseRecall(req_id=1, lease_id=row["lease_id"], units=units)) for row in ending
    ]
    _send(url, key, jobs, as_json, "recall", "recalled")


def token(
    key: Key,
    zone: Annotated[str, typer.Option(help="The zone that the hosts stand in.")],
    uses: Annotated[int, typer.Option(help="How many hosts it lets in.")] = 1,
    ttl_s: Annotated[int, typer.Option("--ttl-s", help="Seconds until it expires.")] = 3_600,
    count: Annotated[
        int, typer.Option("--count", min=1, max=1_000, help="Make so many secrets.")
    ] = 1,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Let hosts enroll: print new secrets, a line each, this once.

    A host that enrolls with a secret of one use is let in at once; with one of more uses it waits
    for headroom host approve.
    """
    made = [secrets.token_hex(SECRET_BYTES) for _ in range(count)]
    fields = {"zone": zone, "uses": uses, "ttl_s": ttl_s}
    jobs: list[work.Job] = [
        ({"token": each}, checked("host token", fields | _digest(each), HostToken)) for each in made
    ]

    async def run(client: Client) -> work.Outcome:
        return await work.each(client, jobs, "token")

    outcome = logged_in(url, key, run)
    told = [about | result for about, result in outcome.done]
    if as_json:
        print_json({"tokens": told})
    else:
        for each in told:
            typer.echo(each["token"])
    if outcome.failed:
        fail(f"{len(outcome.failed)} of {count} secrets: {outcome.failed[0].why}")


def _digest(secret: str) -> dict[str, str]:
    return {"token_sha256": hashlib.sha256(secret.encode()).hexdigest()}


def _picked(rows: Sequence[Row], patterns: Sequence[str]) -> list[Row]:
    """Return the hosts that are meant; exit 1, before anything is done, when a word fits none."""
    found, useless = pick.hosts(rows, patterns)
    if useless:
        fail("\n".join(f"you have no host {each!r}" for each in useless))
    return found


def _holding(rows: Sequence[Row], leases: Sequence[Row], what: Sequence[str]) -> list[Row]:
    """Return the hosts that are meant beside leases; exit 1 when a word is neither."""
    own = {row["lease_id"] for row in leases if row["side"] == "sell"}
    named = [each for each in what if each not in own]
    found, useless = pick.hosts(rows, named)
    if useless:
        fail("\n".join(map(_not_yours, useless)))
    return found if named else []


def _not_yours(word: str) -> str:
    lease = _LEASE_ID.fullmatch(word) is not None
    return f"you let no lease {word!r}" if lease else f"you have no host {word!r}"


def _told(rows: Sequence[Row]) -> str:
    """Return which hosts are meant, for a question: three by name, more by number."""
    if len(rows) <= 3:
        return ", ".join(f"{row['name']} ({row['host']})" for row in rows)
    return f"{len(rows)} hosts, {rows[0]['name']} to {rows[-1]['name']}"


def _send(
    url: str | None, key: Path, jobs: Sequence[work.Job], as_json: bool, what: str, past: str
) -> None:
    async def run(client: Client) -> work.Outcome:
        return await work.each(client, jobs, what)

    work.show(logged_in(url, key, run), as_json, past)


COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "list": list_hosts,
    "approve": approve,
    "drain": drain,
    "offer": offer,
    "recall": recall,
    "token": token,
}
