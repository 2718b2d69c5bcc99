"""The wire messages the exchange sends: answers, market data, the account channel. What it tells a
host is in `instructions`.

Built positionally on the hot path; optional fields are omitted when absent.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from exchange.wire.charge_terms import ChargeTerms
from exchange.wire.instructions import ForHost
from exchange.wire.reasons import RefusalReason
from exchange.wire.types import (
    EvidenceView,
    Frame,
    HostStatus,
    IdleUnit,
    InstrumentState,
    LeaseState,
    OrderStatus,
    Recall,
    RefusedAmounts,
    Side,
    ToldCapacity,
    ToldEndpoint,
    ToldHostLimits,
    ToldLoad,
    VmState,
)

LevelRow: TypeAlias = tuple[int, int, int]  # price_ucr, qty (0 deletes the level), orders


# --- connection ---


class Hello(Frame, tag="hello"):
    """First frame of every connection: sign ``nonce`` to log in."""

    server_id: str
    nonce: str
    protocol: int
    ts_ms: int
    minor: int | None = None
    branch: str | None = None
    """Which copy of its journal the exchange is; another after a restore."""


class Ack(Frame, tag="ack"):
    """The request was done, and durably so when it changed anything."""

    req_id: int
    seq: int | None = None
    ts_ms: int | None = None
    result: Any = None


class ErrorReply(Frame, tag="error"):
    """The request was refused and changed nothing. ``req_id`` 0: it could not be read."""

    req_id: int
    reason: RefusalReason
    message: str
    field: str | None = None
    retry_after_ms: int | None = None
    amounts: RefusedAmounts | None = None
    """What ``message`` says of money, as numbers."""


class Heartbeat(Frame, tag="heartbeat"):
    """Once a second on connections with a public subscription."""

    ts_ms: int
    seq: int


class Shutdown(Frame, tag="shutdown"):
    """The exchange is going down; reconnect later."""

    ts_ms: int


# --- market data ---


class BookSnapshot(Frame, tag="book.snapshot"):
    """The book of a symbol, best levels first."""

    symbol: str
    seq: int
    ts_ms: int
    bids: list[LevelRow]
    asks: list[LevelRow]
    checksum: int


class BookUpdate(Frame, tag="book.update"):
    """Changed levels, absolute; quantity 0 deletes. Apply it when ``prev_seq`` is yours."""

    symbol: str
    prev_seq: int
    seq: int
    ts_ms: int
    bids: list[LevelRow]
    asks: list[LevelRow]
    checksum: int


class Trade(Frame, tag="trade"):
    """One match of two orders."""

    symbol: str
    trade_id: str
    price_ucr: int
    qty: int
    taker_side: Side
    seq: int
    ts_ms: int


class TradesSnapshot(Frame, tag="trades.snapshot"):
    """The last trades of a symbol, oldest first."""

    symbol: str
    trades: list[Trade]


class InstrumentUpdate(Frame, tag="instrument.update", rename={"class_": "class"}):
    """What an instrument is and which state it is in."""

    symbol: str
    state: InstrumentState
    tick_ucr: int
    class_: str
    zone: str
    country: str
    pricing: str
    delivery: str
    start_ms: int | None = None
    end_ms: int | None = None
    gate_ms: int | None = None
    band_low_ucr: int | None = None
    band_high_ucr: int | None = None


class InstrumentsSnapshot(Frame, tag="instruments.snapshot"):
    """All instruments; ``more``: so many rows follow at once, each as an update."""

    instruments: list[InstrumentUpdate]
    more: int | None = None


class Ticker(Frame, tag="ticker"):
    """Best prices, last price and the last 24 h of a symbol, to five minutes."""

    symbol: str
    seq: int
    ts_ms: int
    volume_24h: int
    bid_ucr: int | None = None
    bid_qty: int | None = None
    ask_ucr: int | None = None
    ask_qty: int | None = None
    last_ucr: int | None = None
    open_24h_ucr: int | None = None


class Candle(Frame, tag="candle"):
    """The trades of one interval; the same ``open_ms`` again replaces it, until ``closed``."""

    symbol: str
    interval_ms: int
    open_ms: int
    open_ucr: int
    high_ucr: int
    low_ucr: int
    close_ucr: int
    volume: int
    closed: bool


class HostAsk(Struct, gc=False):
    """The best spot ask of a symbol that a host backs; ``qty``: what it can still hand out."""

    symbol: str
    price_ucr: int
    qty: int


class DirectoryUpdate(Frame, tag="directory.update"):
    """A host as everybody may know it; ``free_units`` by class, ``asks`` best first.

    ``outbound`` is what guests may connect to: a proxy, or all but private networks; absent:
    nothing. ``image_max_mib``: a VM's image is at most so large. ``tags``: its owner's words.
    """

    host: str
    zone: str
    status: HostStatus
    classes: list[str]
    offered: ToldCapacity
    free: ToldCapacity
    free_units: dict[str, int]
    asks: list[HostAsk]
    accel: str
    evidence: EvidenceView
    best_ask: HostAsk | None = None
    limits: ToldHostLimits | None = None
    outbound: str | None = None
    image_max_mib: int | None = None
    tags: list[str] | None = None


class DirectorySnapshot(Frame, tag="directory.snapshot"):
    """All hosts that their owners let in; ``more`` as in `InstrumentsSnapshot`."""

    hosts: list[DirectoryUpdate]
    more: int | None = None


class HostUpdate(Frame, tag="host.update"):
    """One of the own hosts, for the ``fleet`` channel; ``load`` and ``vms`` as it last said, at
    ``heard_ms``. ``accel`` is missing until it announced itself; the sums of unit-seconds are those
    of its evidence. ``paused``: why it starts no VM and sells nothing more for now."""

    host: str
    name: str
    status: HostStatus
    offered: ToldCapacity
    used: ToldCapacity
    vms: int
    load: ToldLoad | None = None
    zone: str = ""
    accel: str = ""
    contracted_unit_s: int = 0
    delivered_unit_s: int = 0
    heard_ms: int | None = None
    tags: list[str] | None = None
    image_max_mib: int | None = None
    paused: str | None = None


# --- account channel: every frame begins with account_seq, seq, ts_ms ---


class OrderUpdate(Frame, tag="order.update"):
    """``exec`` is what happened: new, trade, canceled, replaced or expired."""

    account_seq: int
    seq: int
    ts_ms: int
    order_id: str
    client_order_id: str
    symbol: str
    side: Side
    exec: str
    status: OrderStatus
    order_qty: int
    filled_qty: int
    leaves_qty: int
    filled_notional_ucr: int
    price_ucr: int | None = None
    reason: str | None = None
    last_qty: int | None = None
    last_price_ucr: int | None = None
    trade_id: str | None = None
    liquidity: str | None = None


class BalanceUpdate(Frame, tag="balance.update"):
    """The account's money changed; ``why`` names the first cause."""

    account_seq: int
    seq: int
    ts_ms: int
    available_ucr: int
    held_ucr: int
    why: str


class LeaseUpdate(Frame, tag="lease.update"):
    """Where a lease stands, for its buyer and its seller.

    ``recalls`` and ``silent_since_ms`` (of its host) are only in a buyer's rows of
    ``account.state``: what notices told and what still holds. So is ``idle``: the units whose VM
    has ended, in the order of its end.
    """

    account_seq: int
    seq: int
    ts_ms: int
    lease_id: str
    trade_id: str
    symbol: str
    side: Side
    host: str
    units: int
    price_ucr: int
    state: LeaseState
    start_ms: int
    charged_ucr: int
    client_order_id: str | None = None
    reason: str | None = None
    ends_ms: int | None = None
    recalls: list[Recall] | None = None
    silent_since_ms: int | None = None
    idle: list[IdleUnit] | None = None


class VmUpdate(Frame, tag="vm.update"):
    """Where a VM stands, and where its ports are reached."""

    account_seq: int
    seq: int
    ts_ms: int
    vm_id: str
    lease_id: str
    name: str
    state: VmState
    endpoints: Sequence[ToldEndpoint]
    reason: str | None = None
    ready_ms: int | None = None


class Charge(Frame, tag="charge"):
    """A posted charge of a lease."""

    account_seq: int
    seq: int
    ts_ms: int
    lease_id: str
    from_ms: int
    to_ms: int
    amount_ucr: int
    cpu_ms: int | None = None
    terms: ChargeTerms | None = None


class Notice(Frame, tag="notice"):
    """``kind``: funds_low, recall, host_silent, host_back, host_lost or launch_failed."""

    account_seq: int
    seq: int
    ts_ms: int
    kind: str
    lease_id: str | None = None
    host: str | None = None
    units: int | None = None
    at_ms: int | None = None


Reply: TypeAlias = Ack | ErrorReply
AccountFrame: TypeAlias = OrderUpdate | BalanceUpdate | LeaseUpdate | VmUpdate | Charge | Notice
MarketFrame: TypeAlias = (
    BookSnapshot
    | BookUpdate
    | Trade
    | TradesSnapshot
    | InstrumentUpdate
    | Ticker
    | Candle
    | InstrumentsSnapshot
    | DirectoryUpdate
    | DirectorySnapshot
    | HostUpdate
    | Heartbeat
)
ServerMessage: TypeAlias = Hello | Reply | Shutdown | AccountFrame | MarketFrame | ForHost
