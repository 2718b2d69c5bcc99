"""What it costs the Manager to sell: hosts in groups with limits, whose updates come all the time.

Every host is heard every `HEARD_S` seconds, as the ``fleet`` channel brings it; each time with
another load, and every fourth time with another capacity to offer. Requests are answered at once.
Both cores get every message, and are asked for their deadlines before it, as in the daemon.
"""

import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC
from typing import Any, Final

from bench.manager import (
    FLOW,
    HOSTS,
    RULES,
    START_MS,
    UNIT_RPS,
    VM,
    in_service,
    rules_of_every_kind,
)
from bench.measure import collector_held
from bench.report import Figure
from exchange.wire.frames import Ack, HostUpdate, InstrumentUpdate, OrderUpdate
from exchange.wire.requests import OrderCancel, OrderPlace, OrderReplace
from exchange.wire.types import ToldCapacity, ToldLoad
from manager.core.core import Manager
from manager.core.farm import ManagerConfig
from manager.core.messages import InstrumentsKnown, LoadSample, ManagerMessage, ManagerRequest, Send
from manager.selling.group import Group, Offer
from manager.selling.price import Fixed
from manager.selling.selling import Selling
from manager.selling.stock import SHAPES

HEARD_S: Final = 5
SECONDS: Final = 60
WARM_UP_S: Final = 66
"""Until residual hosts have told that they keep to their threshold."""
MAX_UNITS: Final = 600
SYMBOL: Final = "small.eu-de.flat.spot"
NEED: Final = SHAPES["small"]
UNITS: Final = 4
"""That a host has room for."""


def figures() -> list[Figure]:
    """Return the share of a core that selling and deciding take together."""
    name = f"share of a core, {HOSTS:,} hosts that sell, {RULES} rules, 1 s"
    return [Figure(FLOW, name, _percent(), "%", minimum=3, at_most=True)]


class Seller:
    """A Manager of both cores on an exchange that does all that it is asked."""

    def __init__(self, groups: tuple[Group, ...]) -> None:
        config = ManagerConfig(
            rules=rules_of_every_kind(),
            library=[VM],
            vm_class="small",
            zone="eu-de",
            unit_rps=UNIT_RPS,
            core_units=HOSTS,
        )
        self.manager = Manager(config)
        self.selling = Selling(self.manager.outgoing, groups, {"DE": UTC})
        self.orders: dict[str, OrderPlace] = {}
        self._account_seq = 0
        self._inbox: deque[ManagerMessage] = deque()

    def give(self, message: ManagerMessage, now_ms: int) -> None:
        """Give both cores ``message``, then what they bring about."""
        self._inbox.append(message)
        while self._inbox:
            self.manager.next_deadline_ms(), self.selling.next_deadline_ms()
            one = self._inbox.popleft()
            for core in (self.manager, self.selling):
                for out in core.apply(one, now_ms):
                    if isinstance(out, Send):
                        self._do(out.request, now_ms)

    def _do(self, request: ManagerRequest, now_ms: int) -> None:
        self._inbox.append(Ack(request.req_id, result={}))
        match request:
            case OrderPlace():
                self.orders[request.client_order_id] = request
                self._tell(request, request.qty, request.price_ucr, now_ms)
            case OrderReplace(client_order_id=str(name), qty=int(qty), price_ucr=price_ucr):
                self._tell(self.orders[name], qty, price_ucr, now_ms)
            case OrderCancel(client_order_id=str(name)):
                self._tell(self.orders.pop(name), 0, None, now_ms)
            case _:
                pass

    def _tell(self, order: OrderPlace, units: int, price_ucr: int | None, now_ms: int) -> None:
        self._account_seq += 1
        head = self._account_seq, 0, now_ms, order.client_order_id, order.client_order_id
        status = "new" if units else "canceled"
        amounts = max(1, units), 0, units, 0, price_ucr
        what = order.symbol, order.side, status, status
        row: Any = *head, *what, *amounts, "" if units else "user"
        self._inbox.append(OrderUpdate(*row))


def _groups() -> tuple[Group, ...]:
    wares: dict[str, Any] = {
        "shapes": {"small": NEED},
        "price": Fixed(20_000),
        "max_units": MAX_UNITS,
    }
    return (
        Group(name="idle", hosts=("r-*",), offer=Offer(kind="residual", below_pct=10, **wares)),
        Group(name="spare", hosts=("f-*",), offer=Offer(kind="fixed", units=2, **wares)),
    )


def updates(second: int) -> Iterator[HostUpdate]:
    """Yield what the fleet's channel brings in that second."""
    for number in range(second % HEARD_S, HOSTS, HEARD_S):
        beat = second // HEARD_S + number
        units = UNITS - beat // 4 % 3
        offered = ToldCapacity(NEED[0] * units, NEED[1] * units, NEED[2] * units)
        name = f"{'rf'[number % 2]}-{number:04}"
        load = ToldLoad(beat % 100, 50)
        heard_ms = START_MS + second * 1_000
        nothing = ToldCapacity(0, 0, 0)
        yield HostUpdate(
            *(name, name, "live", offered, nothing, 0, load, "eu-de", "kvm"), heard_ms=heard_ms
        )


def _percent() -> float:
    seller = Seller(_groups())
    for message in in_service(HOSTS):
        seller.give(message, START_MS)
    spot = InstrumentUpdate(SYMBOL, "open", 100, "small", "eu-de", "DE", "flat", "spot")
    for row in (spot, InstrumentsKnown(frozenset({SYMBOL}))):
        seller.give(row, START_MS)
    for second in range(1, WARM_UP_S + 1):
        _second(seller, second)
    asked = sum(order.qty for order in seller.orders.values())
    assert asked > MAX_UNITS, f"only {asked} units are asked for"
    with collector_held():
        began = time.process_time()
        for second in range(WARM_UP_S + 1, WARM_UP_S + SECONDS + 1):
            _second(seller, second)
        return 100 * (time.process_time() - began) / SECONDS


def _second(seller: Seller, second: int) -> None:
    """Play a second: its load figure, and what comes from hosts, evenly spread."""
    at_ms = START_MS + second * 1_000
    seller.give(LoadSample(HOSTS * UNIT_RPS * (1.8 + second % 7 / 100), at_ms), at_ms)
    rows = list(updates(second))
    for number, row in enumerate(rows):
        seller.give(row, at_ms + number * 1_000 // len(rows))
