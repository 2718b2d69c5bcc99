"""Why a group has no asks in the book now, in words. Pure.

One reason when it is the group's, else each reason of its hosts with how many of them it keeps.
"""

from collections import Counter

from exchange.units import count_text
from exchange.wire.types import SPOT
from manager.selling.books import Books
from manager.selling.group import Group
from manager.selling.plan import possible
from manager.selling.preview import why_nothing
from manager.selling.stock import Stock, leased_units

REASONS_MAX = 3


def why_idle(stock: Stock, books: Books, group: Group, at_ms: int) -> str:
    """Return why ``group`` asks for nothing at ``at_ms``; it is not hibernating."""
    offer, hosts = group.offer, stock.of_group(group.name)
    if offer.kind == "none":
        return "its offer is none"
    if not hosts:
        return "no host of this account belongs to it"
    all_sold = sum(leased_units(stock.at(host).leases.values()) for host in hosts)
    if offer.max_units is not None and all_sold >= offer.max_units:
        return f"max_units {offer.max_units}: {count_text(all_sold, 'unit')} sold"
    found = Counter(_of_host(stock, books, group, host, at_ms) for host in hosts)
    if len(found) == 1:
        return next(iter(found))
    told = [f"{count_text(n, 'host')}: {why}" for why, n in found.most_common(REASONS_MAX)]
    return "; ".join(told)


def _of_host(stock: Stock, books: Books, group: Group, host: str, at_ms: int) -> str:
    hosting, offer = stock.at(host), group.offer
    row = hosting.row
    assert row is not None, "a host has a group by its row"
    if why := why_nothing(group, row):
        return why
    if SPOT in offer.delivery and not books.spot_open(group, row.zone, at_ms):
        return books.closed_text(group, row.zone, at_ms)
    leases = list(hosting.leases.values())
    sold = leased_units(leases)
    if not possible(offer, row.offered, leases):
        return "all it may sell is in use" if sold else "what it offers has room for no unit"
    return "its asks are on their way, or were refused: see the log"
