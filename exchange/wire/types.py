"""What all wire messages are made of: bounds, names of things, and the bases of messages.

Every integer carries its bounds, so that nothing larger gets past the codec. Source: protocol.md,
"Transport"; architecture.md, "Numbers".
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from exchange.units import MAX_INT, MAX_PRICE_UCR, MAX_QTY

PROTOCOL_VERSION = 1
PROTOCOL_MINOR = 1
"""Sent in `hello`. From 1 on long answers come in pages, and `host.sync` comes in parts to hosts
that also announce 1."""
MAX_FRAME_BYTES = 64 * 1024
"""The longest frame a client may send, in bytes."""
SENT_FRAME_BYTES = 512 * 1024
"""The longest frame the exchange sends, in bytes: half the default limit of WebSocket libraries."""
PAGE_ROWS_MAX = 10_000
LEVELS_MAX = 9_000
"""Levels of a book in one frame, 53 bytes each at most."""
FILLS_TOLD_MAX = 1_000
"""Fills in one ack."""
MAX_USER_DATA_CHARS = 16 * 1024
CONSOLE_LINES_MAX = 1_000
CONSOLE_MAX_BYTES = 32_000
"""Limit of a console's text in bytes of UTF-8. Without control characters JSON makes it at most
twice as long, which fits in a frame. (An encoder that escapes everything but ASCII makes it three
times as long, which may not fit.)"""
CONSOLE_READS_MAX = 32
"""Console reads that may be open at one host at a time, so that no host is flooded."""
PROTOCOL_NAME = "headroom"
JSON_SUBPROTOCOL = "headroom.v1+json"
MSGPACK_SUBPROTOCOL = "headroom.v1+msgpack"

ReqId: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_INT)]
PriceUcr: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_PRICE_UCR)]
Qty: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_QTY)]
Ms: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INT)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INT)]
AmountUcr: TypeAlias = Annotated[int, Meta(ge=-MAX_INT, le=MAX_INT)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\x20-\x7e]+$(?!\n)")]
Sha256Hex: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Text: TypeAlias = Annotated[str, Meta(max_length=1024)]
Cursor: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=r"^[\x20-\x7e]+$(?!\n)")
]
"""Where a page ended: the exchange's ``next``, given back as ``after``."""
PageRows: TypeAlias = Annotated[int, Meta(ge=1, le=PAGE_ROWS_MAX)]
ConsoleAfter: TypeAlias = Annotated[str, Meta(max_length=128, pattern=r"^[\x20-\x7e]*$(?!\n)")]
"""Where a console is to go on: a host's ``next``; "" for its last lines."""
Port: TypeAlias = Annotated[int, Meta(ge=1, le=65535)]
Percent: TypeAlias = Annotated[int, Meta(ge=0, le=100)]
PublicKey: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{43}=$(?!\n)")]

Side: TypeAlias = Literal["buy", "sell"]
OrderType: TypeAlias = Literal["limit", "market"]
TimeInForce: TypeAlias = Literal["gtc", "gtd", "ioc", "fok"]
SelfTrade: TypeAlias = Literal[
    "cancel_newest", "cancel_oldest", "cancel_both", "decrement_and_cancel"
]
OwnerLimit: TypeAlias = Literal["offered", "residual_below_pct", "image_max_mib"]
Paused: TypeAlias = Literal["hypervisor_lost"]
"""Why a host starts no VM for now."""
HostTag: TypeAlias = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,31}(=[A-Za-z0-9_.-]{1,32})?$(?!\n)")
]
OrderStatus: TypeAlias = Literal["new", "partially_filled", "filled", "canceled", "expired"]
Role: TypeAlias = Literal["viewer", "trader", "host", "operator"]
Accel: TypeAlias = Literal["kvm", "tcg", "simulated"]
Outbound: TypeAlias = Literal["none", "proxy", "all"]
VmState: TypeAlias = Literal["requested", "starting", "running", "stopping", "stopped", "failed"]
LeaseState: TypeAlias = Literal["granted", "active", "ending", "ended"]
InstrumentState: TypeAlias = Literal[
    "announced", "open", "gate_closed", "delivering", "settled", "halted"
]
HostStatus: TypeAlias = Literal["pending", "syncing", "live", "draining", "silent", "lost"]
ImageFormat: TypeAlias = Literal["bundle", "qcow2", "raw"]
Channel: TypeAlias = Literal[
    "book", "trades", "ticker", "candles", "instruments", "directory", "account", "fleet"
]
IntervalMs: TypeAlias = Literal[1_000, 60_000, 300_000, 900_000, 3_600_000, 86_400_000]


# Data that both sides send has two classes. ``Told...`` is decoded from the exchange's frames,
# leniently, since a newer exchange may add a field; its subclass is decoded from requests,
# strictly.


class ToldCapacity(Struct, frozen=True):
    """CPU, memory and disk together; a VM must fit in all three at once."""

    mvcpu: Count
    mem_mib: Count
    disk_mib: Count


class Capacity(ToldCapacity, frozen=True, forbid_unknown_fields=True):
    """CPU, memory and disk together, as a request says them; unknown fields are refused."""


class ToldHostLimits(Struct, frozen=True, omit_defaults=True):
    """What a host has for all its VMs together: ``ports`` it can forward; and for each: the
    largest image it takes. None: no limit is known."""

    ports: Count | None = None
    image_mib: Count | None = None


class HostLimits(ToldHostLimits, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The same as a host announces it; unknown fields are refused."""


class ToldLoad(Struct, frozen=True):
    """How busy a host is."""

    cpu_pct: Annotated[float, Meta(ge=0, le=100)]
    mem_pct: Annotated[float, Meta(ge=0, le=100)]


class HostLoad(ToldLoad, frozen=True, forbid_unknown_fields=True):
    """How busy a host is, as its heartbeat says; unknown fields are refused."""


class ToldEndpoint(Struct, frozen=True):
    """Where a guest's port is reached from outside its host."""

    guest_port: Port
    address: Annotated[str, Meta(max_length=64)]
    port: Port


class Endpoint(ToldEndpoint, frozen=True, forbid_unknown_fields=True):
    """Where a guest's port is reached, as its host says; unknown fields are refused."""


class Recall(Struct, frozen=True, omit_defaults=True):
    """``units`` of a lease that end at ``at_ms``.

    ``silent_since_ms``: the notice came while their host was silent, since then.
    """

    units: int
    at_ms: int
    silent_since_ms: int | None = None


class IdleUnit(Struct, frozen=True, omit_defaults=True):
    """A unit of a lease without a VM: its last one, and how that ended.

    A VM that its buyer stopped is ``stopped`` without a reason. ``reason`` may be cut short.
    """

    name: str
    state: VmState
    reason: str | None = None


class RefusedAmounts(Struct, frozen=True, omit_defaults=True):
    """The money that a refusal is about, as far as it applies."""

    needed_ucr: int | None = None
    available_ucr: int | None = None
    least_ucr: int | None = None
    most_ucr: int | None = None
    tick_ucr: int | None = None


class SyncLease(Struct, frozen=True, omit_defaults=True, rename={"class_": "class"}):
    """A lease the host must honour; ``until_ms`` is set for windows."""

    lease_id: str
    class_: str
    units: int
    until_ms: int | None = None


class Request(
    Struct,
    tag_field="type",
    kw_only=True,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    gc=False,
):
    """A message with a ``req_id`` that gets exactly one `Ack` or `ErrorReply`."""

    req_id: ReqId


class Paged(Request, frozen=True):
    """A question whose answer may be longer than a frame. With ``limit`` or ``after`` it is
    answered page by page; ``after`` is what the page before returned as ``next``."""

    limit: PageRows | None = None
    after: Cursor | None = None


class Report(
    Struct,
    tag_field="type",
    kw_only=True,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """A host's message without a ``req_id``: no answer is sent."""


class Frame(Struct, tag_field="type", omit_defaults=True, gc=False):
    """Base of everything the exchange sends."""


Pricing = Literal["flat", "metered"]


SPOT = "spot"


class EvidenceView(Struct):
    """Evidence as everybody sees it, of a host or summed over a seller's hosts."""

    contracted_unit_s: int
    delivered_unit_s: int
    leases: int
    boots: int
    boot_p50_ms: int | None
    boot_p95_ms: int | None
    recalls: int
    losses: int
    launch_failures: int
    not_ready: int
    not_ready_buyers: int


DiskLevel: TypeAlias = Literal["ok", "cancel_only", "halt"]
