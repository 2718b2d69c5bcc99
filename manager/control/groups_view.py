"""The groups of own servers and what they ask for or would ask for, as rows. Pure."""

from typing import Any

from manager.control.frames import AskRow, GroupRow, OfferShown, WantedRow
from manager.selling.asks import Ask
from manager.selling.preview import Preview
from manager.selling.selling import Selling


def group_rows(selling: Selling | None) -> list[GroupRow]:
    """Return a row for each group, in the order of the file."""
    if selling is None:
        return []
    members: dict[str, list[str]] = {name: [] for name in selling.groups}
    for host, each in selling.stock.hosts.items():
        if each.group is not None:
            members[each.group.name].append(host)
    trouble = "hibernating" if selling.hibernating else ""
    return [
        GroupRow(
            name,
            group.offer.kind,
            len(members[name]),
            _asks(selling, name),
            trouble,
            members[name],
            selling.idle(group),
        )
        for name, group in selling.groups.items()
    ]


def offer_shown(offer: dict[str, Any], preview: Preview) -> OfferShown:
    """Return a preview as a program reads it."""
    return OfferShown(offer, [WantedRow(*ask) for ask in preview.asks], preview.notes)


def _asks(selling: Selling, group: str) -> list[AskRow]:
    """Sum the asks of all hosts by what they sell and for how much."""
    units: dict[tuple[str, int], int] = {}
    for ask in selling.asks.by_id.values():
        if ask.group == group and ask.leaves:
            units[_book(ask)] = units.get(_book(ask), 0) + ask.leaves
    return [AskRow(symbol, count, price) for (symbol, price), count in sorted(units.items())]


def _book(ask: Ask) -> tuple[str, int]:
    return ask.symbol, ask.price_ucr
