"""What holds when a story of bursts is over, judged from facts: no I/O here, so that each law can
be shown to find what it is there for."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from exchange.wire.frames import LeaseUpdate, Notice
from exchange.wire.terms import BOND_TO_BUYER, SPOT_BOND_DIVISOR

BONDED: Final = ("recalled", *BOND_TO_BUYER)
"""How a lease may end that its seller recalled: in its first hour these pay the buyer a bond."""
MS_PER_HOUR: Final = 3_600_000
LEAST_MS: Final = 300_000
"""Every unit that its buyer releases owes five minutes."""


class Left(Struct):
    """What there is when nothing is wanted: each is to be empty, and no money held."""

    servers: list[str] = []
    """Of ours, in HAProxy."""
    orders: list[str] = []
    vms: list[str] = []
    guests: list[str] = []
    """Addresses at which a VM still answers."""
    held_ucr: int = 0


class Story(Struct):
    """What happened: leases as they stood last, and the account's statement.

    All leases are of one unit and shorter than an hour. ``most_units``: see the function;
    ``recalled``: leases that the seller recalled; ``gone_ucr``: what is missing of the deposit.
    """

    max_units: int
    most_units: int
    leases: Mapping[str, LeaseUpdate]
    recalled: set[str]
    charges: list[dict[str, Any]]
    gone_ucr: int


def broken(story: Story, left: Left) -> list[str]:
    """Return the laws that do not hold, each with what breaks it."""
    return [*_bought(story), *_left(left), *_ended(story), *_charged(story)]


def most_units(told: Iterable[LeaseUpdate | Notice]) -> int:
    """Return the most units of ``told``, in order, that ran at once.

    Recalled ones do not count, nor those whose host has been silent: both are replaced.
    """
    now: dict[str, int] = {}
    silent: set[str] = set()
    most = 0
    for one in told:
        lease_id = one.lease_id or ""
        if isinstance(one, Notice):
            silent |= {lease_id} if one.kind == "host_silent" else set()
            if one.kind in ("host_silent", "recall"):
                now.pop(lease_id, None)
        else:
            counts = one.state == "active" and lease_id not in silent
            now[lease_id] = one.units if counts else 0
        most = max(most, sum(now.values()))
    return most


def _bought(story: Story) -> Iterator[str]:
    if story.most_units > story.max_units:
        yield f"bought {story.most_units} units of at most {story.max_units}"


def _left(left: Left) -> Iterator[str]:
    for kind, names in (
        ("server in HAProxy", left.servers),
        ("order", left.orders),
        ("VM", left.vms),
        ("guest", left.guests),
    ):
        if names:
            yield f"orphan {kind}: {', '.join(names)}"
    if left.held_ucr:
        yield f"still held: {left.held_ucr} ucr"


def _ended(story: Story) -> Iterator[str]:
    for name, lease in story.leases.items():
        if lease.state != "ended":
            yield f"{name} has not ended: {lease.units} units are {lease.state}"
        elif name in story.recalled and lease.reason not in BONDED:
            yield f"bond forgone: {name} was recalled and ended as {lease.reason}"


def _charged(story: Story) -> Iterator[str]:
    """Each charge follows from its terms, each lease from its charges, the rest from the bonds."""
    paid: dict[str, int] = {}
    for row in story.charges:
        name = row["lease_id"]
        paid[name] = paid.get(name, 0) + row["amount_ucr"]
        if row["amount_ucr"] != owed_ucr(row):
            yield f"{name} was charged {row['amount_ucr']} and owed {owed_ucr(row)}"
    for name, lease in story.leases.items():
        got, least = paid.get(name, 0), -(-lease.price_ucr * LEAST_MS // MS_PER_HOUR)
        if got != lease.charged_ucr:
            yield f"{name} was charged {lease.charged_ucr} in charges of {got}"
        if lease.reason == "released" and got < least:
            yield f"{name} was charged {got} of at least {least}"
    bonds_ucr = sum(map(bond_ucr, story.leases.values()))
    if story.gone_ucr != sum(paid.values()) - bonds_ucr:
        charged = f"charges of {sum(paid.values())}, bonds of {bonds_ucr}"
        yield f"{story.gone_ucr} ucr are gone by {charged}"


def bond_ucr(lease: LeaseUpdate) -> int:
    """By rules.md 5.7 and 5.8: ten minutes of the price, when the seller ended it."""
    return lease.price_ucr // SPOT_BOND_DIVISOR if lease.reason in BONDED else 0


def owed_ucr(row: Mapping[str, Any]) -> int:
    """By rules.md 5.4: the units' time less what is left out, at least five minutes each."""
    there_ms = row["sold_ms"] - row["silent_ms"] - row["waited_ms"] - row["boot_ms"]
    owed_ms = int(row["price_ucr"]) * (int(there_ms) + int(row["minimum_ms"]))
    return max(0, -(-owed_ms // MS_PER_HOUR) - int(row["before_ucr"]))
