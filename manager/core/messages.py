"""The inputs and outputs of the Manager's core, besides the exchange's own frames.

The core never talks to anyone: it answers every message with a list of `Out`, and the shell (the
daemon, or the simulator) carries them out and reports back. Times are UTC epoch milliseconds.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from exchange.wire.frames import (
    AccountFrame,
    Ack,
    BookSnapshot,
    BookUpdate,
    ErrorReply,
    HostUpdate,
    InstrumentUpdate,
    LeaseUpdate,
    OrderUpdate,
    VmUpdate,
)
from exchange.wire.requests import (
    DirectorySearch,
    HostOffer,
    ImageStat,
    LeaseRecall,
    LeaseRelease,
    OrderCancel,
    OrderPlace,
    OrderReplace,
    VmStart,
    VmStop,
)

ServerState: TypeAlias = Literal["ready", "draining"]
"""``ready``: gets traffic; ``draining``: gets none that is new."""

# --- in ---


class Connected(Struct, frozen=True):
    """Logged in; the account's present state (result of subscribing to ``account``).

    Frames whose ``account_seq`` is not above this one are already contained and ignored.
    ``exchange_ms`` is the exchange's clock, by which orders expire; 0 when it is not known.
    """

    account_seq: int
    orders: list[OrderUpdate]
    leases: list[LeaseUpdate]
    vms: list[VmUpdate]
    exchange_ms: int = 0


def connected(result: Mapping[str, Any], exchange_ms: int = 0) -> Connected:
    """Return `Connected` from the ``result`` of `account.state` or of subscribing to ``account``.

    Raises `msgspec.ValidationError` when it is not such a result.
    """
    return msgspec.convert({**result, "exchange_ms": exchange_ms}, Connected)


class AnotherManager(Struct, frozen=True):
    """Another one acts for our rules: do nothing until `Connected`. ``why``: one line."""

    why: str


class PastCharge(Struct, frozen=True):
    """A charge of the account from before the start, as `account.statement` tells it."""

    lease_id: str
    symbol: str
    amount_ucr: int
    ts_ms: int
    host: str = ""
    from_ms: int = 0
    to_ms: int = 0


class PastCharges(Struct, frozen=True):
    """This month's charges so far; comes once, before `Connected`."""

    rows: list[PastCharge]


class Disconnected(Struct, frozen=True):
    """Nothing can be sent, and what was in flight has an unknown outcome."""


class LoadSample(Struct, frozen=True):
    """The farm's load, requests per second, measured at ``at_ms``; ``None``: no figure came."""

    value_rps: float | None
    at_ms: int


class BackendReady(Struct, frozen=True):
    """The server passed its health probe and takes traffic."""

    server: str


class BackendDrained(Struct, frozen=True):
    """The server has no connection left and gets no new one."""

    server: str


class BackendFailed(Struct, frozen=True):
    """The server never passed its probe, or the balancer refused it."""

    server: str
    reason: str
    refused: bool = False
    """It is the balancer that does not take it: neither the image's fault nor the host's."""


class InstrumentsKnown(Struct, frozen=True):
    """Every instrument there is has been told; these are their symbols."""

    symbols: frozenset[str]


class Resume(Struct, frozen=True):
    """The administrator has looked at a rule that was stopped, and wants it to go on."""

    rule: str


class BackendsSeen(Struct, frozen=True):
    """Our servers as the balancer has them, by name, asked for at ``at_ms``."""

    servers: Mapping[str, ServerState]
    at_ms: int


ManagerMessage: TypeAlias = (
    Connected
    | PastCharges
    | Disconnected
    | AnotherManager
    | LoadSample
    | BackendReady
    | BackendDrained
    | BackendFailed
    | BackendsSeen
    | Resume
    | InstrumentsKnown
    | Ack
    | ErrorReply
    | AccountFrame
    | InstrumentUpdate
    | HostUpdate
    | BookSnapshot
    | BookUpdate
)

# --- out ---

ManagerRequest: TypeAlias = (
    OrderPlace
    | OrderReplace
    | OrderCancel
    | VmStart
    | VmStop
    | LeaseRelease
    | LeaseRecall
    | HostOffer
    | DirectorySearch
    | ImageStat
)


class Send(Struct, frozen=True):
    """Send to the exchange. The answer comes back with the same ``req_id``."""

    request: ManagerRequest


class RegisterBackend(Struct, frozen=True):
    """Probe ``health`` (a path, or "" for a TCP connect) until it passes, then add the server.

    Idempotent: a draining server returns to service. Answered by `BackendReady` or
    `BackendFailed`.
    """

    server: str
    address: str
    port: int
    backend: str
    health: str


class DrainBackend(Struct, frozen=True):
    """No new connections; answered by `BackendDrained` when the old ones are gone or cut."""

    server: str


class RemoveBackend(Struct, frozen=True):
    """Forget the server at once; no answer."""

    server: str


class Listen(Struct, frozen=True):
    """Follow the book of ``symbol``; its frames are messages to the core."""

    symbol: str


class Unlisten(Struct, frozen=True):
    symbol: str


LogEvent: TypeAlias = Literal[
    "fired",
    "idle",
    "limited",
    "budget_used",
    "order_refused",
    "bid_rests",
    "falls_back",
    "buys_ahead",
    "price_below_tick",
    "leased",
    "adopted",
    "lease_ended",
    "notice",
    "in_service",
    "balancer_differs",
    "not_fit",
    "vm_not_started",
    "vm_ready",
    "vm_ended",
    "release_refused",
    "not_scheduled",
    "backing_off",
    "host_avoided",
    "rule_stopped",
    "resumed",
    "blocked",
    "unblocked",
    "by_hand",
    "load_stale",
    "load_fresh",
    "ask_refused",
    "not_limited",
]


class Log(Struct, frozen=True):
    """One line for the administrator; ``event`` is its kind."""

    text: str
    event: LogEvent


Out: TypeAlias = Send | RegisterBackend | DrainBackend | RemoveBackend | Log | Listen | Unlisten
