"""What a group would ask for by another offer, before anything is asked. Pure.

The plan, the books and the prices are those of the asks themselves. What the plan cannot know yet
is said in `notes`: a host's own load decides when it opens (rules.md 8.3).
"""

from collections.abc import Iterator
from typing import NamedTuple

from exchange.wire.frames import HostUpdate
from exchange.wire.text import paused_text
from exchange.wire.types import SPOT
from manager.selling.books import Books
from manager.selling.group import Group
from manager.selling.plan import Plan, plan, possible
from manager.selling.stock import Hosting, Stock, leased_units

NOTES_MAX = 20


class Wanted(NamedTuple):
    """An ask by book. ``price_ucr`` None: it goes by a book that is not known yet. ``opens_ms``: it
    waits for the group's hours until then."""

    symbol: str
    units: int
    hosts: int
    price_ucr: int | None
    opens_ms: int | None


class Preview(NamedTuple):
    """``unread``: symbols whose books must be followed before their price is known."""

    asks: list[Wanted]
    notes: list[str]
    unread: list[str]


def preview(stock: Stock, books: Books, group: Group, at_ms: int) -> Preview:
    """Return the asks of ``group``, whose offer need not be the one in force, at ``at_ms``."""
    units: dict[tuple[str, int | None], list[int]] = {}
    notes: list[str] = []
    for host, hosting, extra in _dealt(stock, group):
        row = hosting.row
        assert row is not None, "a host has a group by its row"
        why = why_nothing(group, row)
        if why:
            notes.append(f"{row.name} ({host}): {why}")
            continue
        for place, count in _of_host(books, group, hosting, extra, at_ms).items():
            units.setdefault(place, []).append(count)
    asks = [_ask(books, group, place, counts, at_ms) for place, counts in units.items()]
    asks.sort(key=lambda ask: (not ask.symbol.endswith(SPOT), ask.symbol))
    unread = [ask.symbol for ask in asks if ask.price_ucr is None]
    return Preview(asks, _few([*_of_group(stock, group, asks, notes), *notes]), unread)


def why_nothing(group: Group, row: HostUpdate) -> str:
    """Return why a host sells nothing now, "" when it may."""
    below_pct = group.offer.below_pct if group.offer.kind == "residual" else None
    if row.status != "live":
        return f"it is {row.status}"
    if row.paused is not None:
        return f"it is paused: {paused_text(row.paused)}"
    busy = row.load is not None and below_pct is not None and row.load.cpu_pct >= below_pct
    if busy and not row.vms and row.load is not None:
        return f"its load of {row.load.cpu_pct:.0f} % is not below {below_pct} %"
    if not row.offered.mvcpu:
        return "it offers nothing now"
    return ""


def _dealt(stock: Stock, group: Group) -> Iterator[tuple[str, Hosting, int | None]]:
    """Yield the hosts in the order of their ids, and how many more units the limit leaves each."""
    hosts = [(host, stock.at(host)) for host in sorted(stock.of_group(group.name))]
    most = group.offer.max_units
    left = 0 if most is None else most - sum(leased_units(h.leases.values()) for _, h in hosts)
    for host, hosting in hosts:
        extra = None
        if most is not None and hosting.row is not None and not why_nothing(group, hosting.row):
            leases = list(hosting.leases.values())
            extra = max(0, min(left, possible(group.offer, hosting.row.offered, leases)))
            left -= extra
        yield host, hosting, extra


def _of_host(
    books: Books, group: Group, hosting: Hosting, extra: int | None, at_ms: int
) -> dict[tuple[str, int | None], int]:
    """Return the units by symbol and the time from which they are asked for."""
    row, offer = hosting.row, group.offer
    if row is None or offer.kind == "none":
        return {}
    leases = list(hosting.leases.values())
    deliveries = books.deliveries(group, row.zone, at_ms)
    found = _named(books, group, row, plan(offer, row.offered, leases, deliveries, extra), None)
    if SPOT in offer.delivery and SPOT not in deliveries:
        opens_ms = books.opens_ms(group, row.zone, at_ms)
        later = plan(offer, row.offered, leases, [SPOT, *deliveries], extra)
        spot = {place: count for place, count in later.items() if place[1] == SPOT}
        if opens_ms is not None:
            found |= _named(books, group, row, spot, opens_ms)
    return found


def _named(
    books: Books, group: Group, row: HostUpdate, planned: Plan, opens_ms: int | None
) -> dict[tuple[str, int | None], int]:
    found = {}
    for (name, delivery), count in planned.items():
        symbol = books.find(name, row.zone, group.offer.pricing, delivery)
        if symbol is not None:
            found[symbol, opens_ms] = count
    return found


def _ask(
    books: Books, group: Group, place: tuple[str, int | None], counts: list[int], at_ms: int
) -> Wanted:
    symbol, opens_ms = place
    price_ucr = books.wanted_ucr(group, symbol, opens_ms or at_ms)
    return Wanted(symbol, sum(counts), len(counts), price_ucr, opens_ms)


def _of_group(stock: Stock, group: Group, asks: list[Wanted], notes: list[str]) -> Iterator[str]:
    offer, hosts = group.offer, stock.of_group(group.name)
    if not hosts:
        yield "no host of this account belongs to the group"
    elif offer.kind == "none":
        yield "nothing is offered: asks are withdrawn, what is sold runs on"
    elif not asks and len(notes) < len(hosts):
        names = ", ".join(offer.shapes)
        yield f"no {offer.pricing} market of {names} takes these hosts in these hours"
    if offer.kind == "residual":
        yield f"a host opens after 5 min below {offer.below_pct} %, closes after 1 min above it"


def _few(notes: list[str]) -> list[str]:
    if len(notes) <= NOTES_MAX:
        return notes
    return [*notes[: NOTES_MAX - 1], f"and {len(notes) - NOTES_MAX + 1} more"]
