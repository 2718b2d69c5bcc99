"""A simulated seller's robot: keeps an ask on the book for every free slot of its hosts. Pure.

One ask per host and listing, naming the host, so that the seller knows what backs it. What is sold
comes back when the lease ends and is listed again; what the exchange refuses or withdraws (a host
silent, a residual offer closed) is tried again a minute later. Source: scenario.md, ``[[seller]]``.
"""

from random import Random
from typing import Any

from msgspec import Struct

from exchange.model.capacity import units_in
from exchange.units import MAX_PRICE_UCR, MS_PER_MINUTE, MS_PER_SECOND
from exchange.wire.frames import Ack, ErrorReply, HostUpdate, LeaseUpdate, OrderUpdate
from exchange.wire.requests import LeaseRecall, OrderMassCancel, OrderPlace
from exchange.wire.types import Request
from sim.actors.position import DONE, Position, Working
from sim.actors.traders import LinkUp

RELIST_MS = MS_PER_SECOND
"""How soon a slot that came back is listed again."""
RETRY_MS = MS_PER_MINUTE


class PriceFactor(Struct, frozen=True):
    """From now on ask ``factor`` times the configured price (a price spike; 1.0 ends it)."""

    factor: float


class Withdraw(Struct, frozen=True):
    """Take all asks off the book, recall what is sold, and list nothing until `Resume`."""


class Resume(Struct, frozen=True):
    pass


class SellerConfig(Struct, frozen=True):
    """``units`` is what each of ``hosts`` (ids) can back of the class; ``jitter`` a share.

    ``need``: what one unit takes (mvcpu, mem_mib, disk_mib), of a seller whose hosts offer more or
    less as time goes and who hears of it by the channel ``fleet``.
    """

    name: str
    symbol: str
    hosts: list[str]
    units: int
    price_ucr: int
    jitter: float = 0.0
    need: tuple[int, int, int] | None = None


class Seller:
    def __init__(self, config: SellerConfig, random: Random) -> None:
        self.config = config
        self.position = Position()
        self._random = random
        self._factor = 1.0
        self._selling = True
        self._list_at_ms: int | None = None
        self._asked: dict[int, str] = {}
        self._count = 0
        self._units = dict.fromkeys(config.hosts, config.units)

    def next_deadline_ms(self) -> int | None:
        return self._list_at_ms

    def apply(self, message: Any, now_ms: int) -> list[Request]:
        """Return the requests that follow from ``message`` and the time."""
        out = self._handle(message, now_ms)
        if self._list_at_ms is not None and self._list_at_ms <= now_ms:
            self._list_at_ms = None
            out += self._list_free()
        return out

    def _handle(self, message: Any, now_ms: int) -> list[Request]:
        match message:
            case LinkUp():
                self.position.rebuild(message.account_state)
                self._wake(now_ms)
            case Resume():
                self._selling = True
                self._wake(now_ms)
            case PriceFactor():
                self._factor = message.factor
                self._wake(now_ms + RELIST_MS)
                return [self._cancel_all()]
            case Withdraw():
                self._selling = False
                return [self._cancel_all(), *self._recall_all()]
            case Ack():
                self._asked.pop(message.req_id, None)
            case ErrorReply():
                self.position.orders.pop(self._asked.pop(message.req_id, ""), None)
                self._wake(now_ms + RETRY_MS)
            case _:
                self.position.fold(message)
                self._see(message, now_ms)
        return []

    def _see(self, frame: Any, now_ms: int) -> None:
        """Notice when slots are free again."""
        match frame:
            case LeaseUpdate() if frame.state == "ended":
                self._wake(now_ms + RELIST_MS)
            case OrderUpdate() if frame.status in DONE and frame.status != "filled":
                self._wake(now_ms + (RELIST_MS if frame.reason == "mass_cancel" else RETRY_MS))
            case HostUpdate() if self.config.need is not None and frame.host in self._units:
                room = frame.offered.mvcpu, frame.offered.mem_mib, frame.offered.disk_mib
                units = min(self.config.units, units_in(room, self.config.need))
                if units > self._units[frame.host]:
                    self._wake(now_ms + RELIST_MS)
                self._units[frame.host] = units
            case _:
                return

    def _wake(self, at_ms: int) -> None:
        if self._list_at_ms is None or at_ms < self._list_at_ms:
            self._list_at_ms = at_ms

    def _list_free(self) -> list[Request]:
        if not self._selling:
            return []
        taken = dict.fromkeys(self.config.hosts, 0)
        for order in self.position.orders.values():
            taken[order.tag] += order.leaves_qty
        for lease in self.position.leases.values():
            taken[lease.host] += lease.units
        free = [(host, self._units[host] - units) for host, units in taken.items()]
        return [self._ask(host, units) for host, units in free if units > 0]

    def _ask(self, host: str, units: int) -> OrderPlace:
        self._count += 1
        client_order_id = f"{self.config.name}/{self._count}"
        factor = self._factor * (1 + self._random.uniform(-1, 1) * self.config.jitter)
        price_ucr = min(max(1, round(self.config.price_ucr * factor)), MAX_PRICE_UCR)
        req_id = self.position.next_req_id()
        self._asked[req_id] = client_order_id
        self.position.orders[client_order_id] = Working("sell", price_ucr, units, tag=host)
        return OrderPlace(
            req_id=req_id,
            client_order_id=client_order_id,
            symbol=self.config.symbol,
            side="sell",
            order_type="limit",
            qty=units,
            price_ucr=price_ucr,
            hosts=[host],
        )

    def _cancel_all(self) -> Request:
        return OrderMassCancel(req_id=self.position.next_req_id(), symbol=self.config.symbol)

    def _recall_all(self) -> list[Request]:
        return [
            LeaseRecall(req_id=self.position.next_req_id(), lease_id=lease_id)
            for lease_id in self.position.leases
        ]
