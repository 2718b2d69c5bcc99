"""An instrument (class x zone x pricing x delivery): its symbol, life cycle and price limits.

Source: rules.md 2.1, 2.2, 3.3, 3.4.
"""

from collections import deque

from exchange.model.book import Book
from exchange.model.records import Zone
from exchange.units import MS_PER_HOUR, ceil_div
from exchange.wire.terms import bond_divisor, need_of
from exchange.wire.types import Capacity, InstrumentState, Pricing

VWAP_TRADES = 20


class Instrument:
    """One book and the rules its orders obey."""

    __slots__ = (
        "band_pct",
        "bond_divisor",
        "book",
        "class_name",
        "delivery",
        "end_ms",
        "gate_ms",
        "halted",
        "last_trades",
        "need",
        "number",
        "pricing",
        "ref_ucr",
        "shape",
        "start_ms",
        "state",
        "symbol",
        "tick_ucr",
        "tradable",
        "zone",
    )

    def __init__(
        self, class_name: str, zone: Zone, pricing: Pricing, delivery: str, shape: Capacity
    ) -> None:
        self.symbol = f"{class_name}.{zone.zone}.{pricing}.{delivery}"
        self.class_name = class_name
        self.zone = zone
        self.pricing = pricing
        self.delivery = delivery
        self.shape = shape
        self.need = need_of(shape)
        """What one unit uses on its host."""
        self.bond_divisor = bond_divisor(delivery)
        self.book = Book()
        self.state: InstrumentState = "open"
        self.halted = False
        self.tradable = True
        """Open and not halted: orders may be placed and replaced. Cancels always pass."""
        self.tick_ucr = 1
        self.ref_ucr: int | None = None
        self.band_pct = 0
        self.last_trades: deque[tuple[int, int]] = deque(maxlen=VWAP_TRADES)
        """(price_ucr, qty) of the last trades: the reference price is their VWAP."""
        self.start_ms: int | None = None
        self.end_ms: int | None = None
        self.gate_ms: int | None = None
        self.number = 0
        """Numbers windows, for their deadlines; 0 for spot."""

    def due_ms(self) -> int | None:
        """Return when a window's next stage begins: gate, delivery, settlement, forgetting."""
        match self.state:
            case "open":
                return self.gate_ms
            case "gate_closed":
                return self.start_ms
            case "delivering":
                return self.end_ms
            case "settled":
                return None if self.end_ms is None else self.end_ms + MS_PER_HOUR
            case _:
                return None

    def enter(self, stage: InstrumentState) -> None:
        """Begin the next stage of a window's life."""
        self.state = stage
        self.tradable = stage == "open" and not self.halted

    def halt(self, halted: bool) -> None:
        """Stop or resume trading; the book stays."""
        self.halted = halted
        self.tradable = self.state == "open" and not halted

    def shown_state(self) -> InstrumentState:
        """Return the state that clients see: a halt covers the life cycle."""
        return "halted" if self.halted else self.state

    def bond_ucr(self, price_ucr: int) -> int:
        """Return the seller's bond for one unit at ``price_ucr``."""
        return price_ucr // self.bond_divisor

    def reference_ucr(self) -> int | None:
        """Return the VWAP of the last trades, else the operator's reference, else None."""
        if not self.last_trades:
            return self.ref_ucr
        notional = sum(price * qty for price, qty in self.last_trades)
        return notional // sum(qty for _, qty in self.last_trades)

    def band_ucr(self) -> tuple[int, int] | None:
        """Return the lowest and highest price an order may name, None without a band."""
        if not self.band_pct:
            return None
        reference = self.reference_ucr()
        if reference is None:
            return None
        low = ceil_div(reference * (100 - self.band_pct), 100)
        return max(1, low), reference * (100 + self.band_pct) // 100
