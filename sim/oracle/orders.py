"""The naive exchange's orders as plain records. Part of `sim.oracle`; see there."""

from dataclasses import dataclass, field

from exchange.wire.requests import OrderPlace


@dataclass(eq=False)
class Order:
    """An accepted order; ``turn`` is its place in time, ``slots`` one host for each ask unit."""

    number: int
    account: str
    asked: OrderPlace
    price_ucr: int | None
    qty: int
    turn: int
    session: int = 0
    filled: int = 0
    notional_ucr: int = 0
    slots: list[str] = field(default_factory=list)
    status: str = "new"
    reason: str | None = None
    done_ms: int | None = None
    fills: list[tuple[int, int]] = field(default_factory=list)

    @property
    def live(self) -> bool:
        return self.done_ms is None

    @property
    def leaves(self) -> int:
        return self.qty - self.filled if self.live else 0

    @property
    def price(self) -> int:
        assert self.price_ucr is not None
        return self.price_ucr

    @property
    def buys(self) -> bool:
        return self.asked.side == "buy"


@dataclass
class Limits:
    """0 is unlimited."""

    max_qty: int = 0
    max_notional_ucr: int = 0
    max_open_orders: int = 0
