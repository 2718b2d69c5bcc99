"""The asks of all groups, as the account's frames tell them. Pure.

An ask is of one host and one symbol; its ``client_order_id`` is ``group/NAME/HOST/...``, by which a
Manager that starts anew finds it. An ask is here from the moment it is sent.
"""

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from exchange.wire.frames import OrderUpdate
from manager.selling.group import place_of

OPEN: Final = ("new", "partially_filled")
Pending: TypeAlias = Literal["", "place", "replace", "cancel"]


class Ask(Struct):
    """``pending``: the request that has no answer yet; ``changed_ms``: when it was sent.

    ``shrinks``: it takes units away; ``tried``: the units that a change asks for.
    """

    client_order_id: str
    group: str
    host: str
    symbol: str
    price_ucr: int
    leaves: int
    filled: int = 0
    pending: Pending = ""
    shrinks: bool = False
    tried: int = 0
    changed_ms: int = 0

    @property
    def most(self) -> int:
        """Return what it may be for as soon as its request is done."""
        return max(self.leaves, self.tried) if self.pending == "replace" else self.leaves


class Asks:
    def __init__(self) -> None:
        self.by_id: dict[str, Ask] = {}
        self._by_host: dict[str, dict[str, Ask]] = {}
        self._by_group: dict[str, dict[str, Ask]] = {}

    def of_group(self, name: str) -> list[Ask]:
        return list(self._by_group.get(name, {}).values())

    def on(self, host: str) -> list[Ask]:
        return list(self._by_host.get(host, {}).values())

    def hosts(self) -> list[str]:
        return list(self._by_host)

    def add(self, ask: Ask) -> None:
        self.by_id[ask.client_order_id] = ask
        self._by_host.setdefault(ask.host, {})[ask.client_order_id] = ask
        self._by_group.setdefault(ask.group, {})[ask.client_order_id] = ask

    def drop(self, client_order_id: str) -> Ask | None:
        ask = self.by_id.pop(client_order_id, None)
        if ask is not None:
            for kept, key in ((self._by_host, ask.host), (self._by_group, ask.group)):
                del kept[key][client_order_id]
                if not kept[key]:
                    del kept[key]
        return ask

    def fold(self, row: OrderUpdate) -> Ask | None:
        """Take in an order's row; return the ask that it is about, also when that is done."""
        place = place_of(row.client_order_id)
        if place is None or row.side != "sell":
            return None
        if row.status not in OPEN:
            return self.drop(row.client_order_id)
        ask = self.by_id.get(row.client_order_id)
        if ask is None:
            ask = Ask(row.client_order_id, *place, row.symbol, 0, 0)
            self.add(ask)
        ask.price_ucr = row.price_ucr or 0
        ask.leaves, ask.filled = row.leaves_qty, row.filled_qty
        return ask

    def rebuild(self, rows: Iterable[OrderUpdate]) -> None:
        """The account's open orders as they are: nothing else is asked, and nothing pending."""
        changed = {ask.client_order_id: ask.changed_ms for ask in self.by_id.values()}
        self.by_id.clear()
        self._by_host.clear()
        self._by_group.clear()
        for row in rows:
            ask = self.fold(row)
            if ask is not None:
                ask.changed_ms = changed.get(ask.client_order_id, 0)
