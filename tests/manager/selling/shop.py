"""A seller's core on a real engine: what it asks for is done at once, what happens it is told.

Time passes in steps to whatever is due first at either end. Frames reach the core in the order in
which the exchange sends them; host rows and books come as the channels bring them.
"""

from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from exchange.model.commands import HostBack, HostSilent
from exchange.units import MS_PER_SECOND
from exchange.wire.frames import (
    AccountFrame,
    Ack,
    BookSnapshot,
    ErrorReply,
    HostUpdate,
    InstrumentUpdate,
)
from exchange.wire.requests import HostAnnounce, LeaseRelease
from exchange.wire.results import Done
from exchange.wire.types import Capacity, Paused
from manager.core.messages import Connected, Disconnected, Listen, ManagerMessage, Out, Send
from manager.core.outgoing import Outgoing
from manager.selling.group import Group, Offer, Room
from manager.selling.price import Fixed
from manager.selling.selling import Selling
from manager.selling.stock import SHAPES
from tests.exchange.support.market import SYMBOL, Market

BERLIN: dict[str, tzinfo] = {"DE": ZoneInfo("Europe/Berlin")}
PRICE_UCR = 20_000
Book = dict[tuple[str, str], tuple[int, int]]
"""(units, price) by host and symbol."""


def offer(**fields: Any) -> Offer:
    usual: dict[str, Any] = {
        "kind": "all",
        "shapes": {"small": SHAPES["small"]},
        "price": Fixed(PRICE_UCR),
    }
    return Offer(**{**usual, **fields})


def group(name: str = "rack", hosts: str = "*", **fields: Any) -> Group:
    return Group(name=name, hosts=(hosts,), offer=offer(**fields))


class Shop:
    """The account ``shop`` sells through `Selling`; ``ann`` buys."""

    def __init__(self, *groups: Group, hosts: int = 1, units: int = 4) -> None:
        self.market = Market()
        self.market.thorough = False
        self.market.open_account("shop")
        self.market.open_account("ann")
        self.groups = groups
        self.hosts = [self.market.add_host("shop", units) for _ in range(hosts)]
        self.requests: list[Any] = []
        self.logged: list[str] = []
        self.start()

    # --- the Manager's process ---

    def start(self) -> None:
        """A Manager that knows nothing begins."""
        self.outgoing = Outgoing()
        self.outgoing.now_ms = self.now_ms
        self.selling = Selling(self.outgoing, self.groups, BERLIN)
        self._listened: dict[str, Any] = {}
        self._rows: dict[str, HostUpdate] = {}
        self._instruments: dict[str, InstrumentUpdate] = {}
        self._heard_ms, self._heard_rows = self.now_ms, 0
        self._told = len(self._frames())
        self.connect()

    def connect(self) -> None:
        """Log in: the account's state, then the channels."""
        state = self.market.engine.account_state("shop")
        told = msgspec.to_builtins(state)
        self._told = len(self._frames())
        self.outgoing.connected()
        self._tell(
            Connected(
                told["account_seq"],
                list(state.orders),
                list(state.leases),
                [],
                self.now_ms,
            )
        )
        self._rows.clear()
        self.hear(fleet=True)

    def disconnect(self) -> None:
        self.outgoing.disconnected()
        self._tell(Disconnected())

    @property
    def now_ms(self) -> int:
        return self.market.now_ms

    def _frames(self) -> list[AccountFrame]:
        return self.market.frames.get("shop", [])

    def _tell(self, message: ManagerMessage) -> None:
        self.outgoing.now_ms = self.now_ms
        self._do(self.selling.apply(message, self.now_ms))

    def _do(self, outs: list[Out]) -> None:
        for out in outs:
            match out:
                case Send(request):
                    self.requests.append(request)
                    self.answer(request)
                case Listen(symbol):
                    self._listened[symbol] = None
                case _:
                    self.logged.append(str(out))

    def answer(self, request: Any) -> None:
        reply = self.market.send(request, "shop")
        self.hear_account()
        if isinstance(reply, Done):
            self._tell(Ack(request.req_id, result=msgspec.to_builtins(reply.result)))
        else:
            self._tell(ErrorReply(request.req_id, reply.reason, reply.message))

    def regroup(self, *groups: Group) -> list[Out]:
        """The file has other groups now; return what that gave rise to, done already."""
        self.groups = groups
        self.outgoing.now_ms = self.now_ms
        outs = self.selling.reconfigure(groups, False, self.now_ms)
        self._do(outs)
        return outs

    # --- what it hears ---

    def hear_account(self) -> None:
        while self._told < len(self._frames()):
            frame = self._frames()[self._told]
            self._told += 1
            if self.outgoing.online:
                self._tell(frame)

    def hear(self, fleet: bool = False) -> None:
        """Bring what is new: the account and books at once, the fleet once a second."""
        self.hear_account()
        if not self.outgoing.online:
            return
        for row in self.market.engine.instruments():
            if self._instruments.get(row.symbol) != row:
                self._instruments[row.symbol] = row
                self._tell(row)
        for symbol, before in list(self._listened.items()):
            book = self._book(symbol)
            if (book.bids, book.asks) != before:
                self._listened[symbol] = (book.bids, book.asks)
                self._tell(book)
        if fleet or self.now_ms - self._heard_ms >= MS_PER_SECOND:
            self._heard_ms, self._heard_rows = self.now_ms, len(self.market.journal)
            for host in self.market.engine.fleet_rows("shop"):
                if self._rows.get(host.host) != host:
                    self._rows[host.host] = host
                    self._tell(host)

    def _book(self, symbol: str) -> BookSnapshot:
        engine = self.market.engine
        bids, asks = engine.levels(symbol, "buy", 0), engine.levels(symbol, "sell", 0)
        return BookSnapshot(symbol, 0, self.now_ms, bids, asks, 0)

    # --- time ---

    def after(self, seconds: float) -> None:
        """Let time pass from deadline to deadline; the fleet's channel tells what happened."""
        end_ms = self.now_ms + int(seconds * 1000)
        while self.now_ms < end_ms:
            times = [end_ms]
            if self._heard_rows != len(self.market.journal):
                times.append(max(self.now_ms, self._heard_ms) + MS_PER_SECOND)
            dues = self.selling.next_deadline_ms(), self.market.engine.next_deadline_ms()
            times += [due_ms for due_ms in dues if due_ms is not None]
            self.market.advance(max(1, min(times) - self.now_ms))
            self.hear()
            self.outgoing.now_ms = self.now_ms
            self._do(self.selling.wake(self.now_ms))
            self.hear()

    # --- the world ---

    def sell_by_hand(self, order: str, qty: int, price_ucr: int, **terms: Any) -> None:
        reply = self.market.place(order, "sell", qty, price_ucr, **terms)
        assert isinstance(reply, Done), reply
        self.hear()

    def buy(self, order: str, qty: int, symbol: str = SYMBOL, price_ucr: int = 10**6) -> int:
        """Buy what there is, up to ``qty``; returns how many units that was."""
        label = f"ann.{order}"
        reply = self.market.place(label, "buy", qty, price_ucr, symbol=symbol, time_in_force="ioc")
        assert isinstance(reply, Done), reply
        self.hear()
        return int(reply.result.filled_qty)

    def leases(self) -> list[Any]:
        return list(self.market.engine.account_state("ann").leases)

    def release(self, lease_id: str, units: int | None = None) -> None:
        self.market.send(LeaseRelease(req_id=1, lease_id=lease_id, units=units), "ann")
        self.hear()

    def offers(self, host: str, room: Room, tags: list[str] | None = None) -> None:
        """Have the agent offer so much."""
        capacity = Capacity(*(1_000 * need for need in SHAPES["small"]))
        self.market.must(
            HostAnnounce(
                req_id=1,
                capacity=capacity,
                offered=Capacity(*room),
                classes=["nano", "small", "medium", "large"],
                cpu_model="test",
                accel="simulated",
                agent_version="1",
                boot_id="boot 1",
                tags=tags,
            ),
            "shop",
            host,
        )
        self.hear()

    def pauses(self, host: str, why: Paused | None = "hypervisor_lost") -> None:
        """Have the agent say why it starts no VM, or that it does again."""
        rows = [c.message for c, _ in self.market.journal if c.host == host]
        last = [message for message in rows if isinstance(message, HostAnnounce)][-1]
        self.market.must(msgspec.structs.replace(last, paused=why), "shop", host)
        self.hear()

    def silent(self, host: str) -> None:
        self.market.must(HostSilent(host, self.now_ms))
        self.hear()

    def back(self, host: str, units: int = 4) -> None:
        self.market.must(HostBack(host))
        self.market.announce("shop", host, units)
        self.market.sync("shop", host)
        self.hear()

    def asks(self) -> Book:
        """Return what the groups have in the books now."""
        found: Book = {}
        for row in self.market.engine.order_list("shop"):
            if row.client_order_id.startswith("group/"):
                place = row.client_order_id.split("/")[2], row.symbol
                assert place not in found, f"doubled: {row.client_order_id}"
                found[place] = row.leaves_qty, row.price_ucr or 0
        return found

    def spot(self) -> dict[str, int]:
        """Return the units asked on spot by host."""
        return {host: row[0] for (host, symbol), row in self.asks().items() if symbol == SYMBOL}


def room(units: int, name: str = "small") -> Room:
    mvcpu, mem_mib, disk_mib = SHAPES[name]
    return mvcpu * units, mem_mib * units, disk_mib * units
