"""The groups of own servers and what they ask for, as rows. Pure."""

from manager.control.frames import AskRow, GroupRow
from manager.selling.asks import Ask
from manager.selling.selling import Selling


def group_rows(selling: Selling | None) -> list[GroupRow]:
    """Return a row for each group, in the order of the file."""
    if selling is None:
        return []
    hosts = [each.group.name for each in selling.stock.hosts.values() if each.group is not None]
    trouble = "hibernating" if selling.hibernating else ""
    return [
        GroupRow(name, group.offer.kind, hosts.count(name), _asks(selling, name), trouble)
        for name, group in selling.groups.items()
    ]


def _asks(selling: Selling, group: str) -> list[AskRow]:
    """Sum the asks of all hosts by what they sell and for how much."""
    units: dict[tuple[str, int], int] = {}
    for ask in selling.asks.by_id.values():
        if ask.group == group and ask.leaves:
            units[_book(ask)] = units.get(_book(ask), 0) + ask.leaves
    return [AskRow(symbol, count, price) for (symbol, price), count in sorted(units.items())]


def _book(ask: Ask) -> tuple[str, int]:
    return ask.symbol, ask.price_ucr
