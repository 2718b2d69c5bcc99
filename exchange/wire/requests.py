"""The wire messages from a client or host to the exchange.

Requests are decoded strictly (an unknown field is refused); the frames the exchange sends are in
``frames.py`` and are decoded leniently, so that a newer exchange can add fields. The class name is
the CamelCase of the wire tag: ``order.place`` is `OrderPlace`.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

from exchange.units import MAX_INT
from exchange.wire.types import (
    MAX_USER_DATA_CHARS,
    Accel,
    Capacity,
    Channel,
    Count,
    Endpoint,
    HostLimits,
    HostLoad,
    HostStatus,
    HostTag,
    ImageFormat,
    IntervalMs,
    Ms,
    Name,
    OrderType,
    Outbound,
    OwnerLimit,
    Paged,
    Paused,
    Percent,
    Port,
    PriceUcr,
    PublicKey,
    Qty,
    Report,
    Request,
    SelfTrade,
    Sha256Hex,
    Side,
    Text,
    TimeInForce,
    VmState,
)

# --- login and channels ---


class Auth(Request, tag="auth", frozen=True):
    """Answer to `Hello`: base64 Ed25519 signature over `auth.auth_text`. ``minor``: of the
    protocol the client knows, where the hello has one."""

    key_id: Annotated[str, Meta(min_length=1, max_length=64)]
    signature: Annotated[str, Meta(max_length=128)]
    minor: Count | None = None


class AccountApply(Request, tag="account.apply", frozen=True):
    """Ask the operator for an account; the key logs in once it is approved."""

    name: Name
    contact: Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[\x20-\x7e]+$(?!\n)")]
    public_key: PublicKey
    side: Literal["buy", "sell", "both"]


class Subscribe(Request, tag="subscribe", frozen=True):
    """Listen to a channel; the first frame after the ack is the snapshot. ``depth`` belongs to
    ``book``, ``interval_ms`` to ``candles`` (default a minute), ``resume_from`` to ``account``."""

    channel: Channel
    symbol: Name | None = None
    depth: Literal[0, 25] | None = None
    interval_ms: IntervalMs | None = None
    resume_from: Count | None = None


class Unsubscribe(Request, tag="unsubscribe", frozen=True):
    """Stop listening to a channel."""

    channel: Channel
    symbol: Name | None = None


class DirectorySearch(Request, tag="directory.search", frozen=True, rename={"class_": "class"}):
    """Read the hosts that fit, cheapest first, at most 100.

    ``free_min`` counts free units of ``class``, without it of the class that fits best.
    ``price_max_ucr``: an ask of that class at this price or below.
    """

    zone: Name | None = None
    class_: Name | None = None
    free_min: Qty | None = None
    price_max_ucr: PriceUcr | None = None
    status: HostStatus | None = None


# --- orders ---


class OrderPlace(Request, tag="order.place", frozen=True):
    """Buy or sell units. A market order is always ioc; its ``price_ucr`` is a protection price."""

    client_order_id: Name
    symbol: Name
    side: Side
    order_type: OrderType
    qty: Qty
    price_ucr: PriceUcr | None = None
    time_in_force: TimeInForce = "gtc"
    expire_ms: Ms | None = None
    post_only: bool = False
    min_qty: Qty | None = None
    stp: SelfTrade = "cancel_newest"
    hosts: Annotated[list[Name], Meta(min_length=1, max_length=100)] | None = None
    deadline_ms: Ms | None = None


class OrderReplace(Request, tag="order.replace", frozen=True):
    """``qty`` is the new total, filled part included."""

    order_id: Name | None = None
    client_order_id: Name | None = None
    price_ucr: PriceUcr | None = None
    qty: Qty | None = None


class OrderCancel(Request, tag="order.cancel", frozen=True):
    """Cancel one live order, named by either id."""

    order_id: Name | None = None
    client_order_id: Name | None = None


class OrderMassCancel(Request, tag="order.mass_cancel", frozen=True):
    """Cancel all own live orders, or those of a symbol or side."""

    symbol: Name | None = None
    side: Side | None = None


class OrderList(Paged, tag="order.list", frozen=True):
    """Read the own live orders, oldest first."""


class OrderCancelOnDisconnect(Request, tag="order.cancel_on_disconnect", frozen=True):
    """Have this connection's orders canceled when it ends but by the client's own close 1000."""

    enabled: bool


class OrderCancelAllAfter(Request, tag="order.cancel_all_after", frozen=True):
    """The dead man's switch of a key: without another one in time, all orders go. 0 disarms."""

    timeout_ms: Annotated[int, Meta(ge=0, le=86_400_000)]


StatementKind: TypeAlias = Literal["postings", "trades", "charges", "earnings", "usage", "invoices"]


class AccountStatement(Request, tag="account.statement", frozen=True):
    """Read the account's history, oldest first, in pages of 200 rows. ``from_ms`` <= time <
    ``to_ms``; ``offset`` is what the page before returned as ``next``."""

    kind: StatementKind
    from_ms: Ms = 0
    to_ms: Ms | None = None
    offset: Count = 0


class AccountState(Paged, tag="account.state", frozen=True):
    """Read the account as it stands; also the result of subscribing to ``account``."""


# --- leases and VMs ---


class VmStart(Request, tag="vm.start", frozen=True):
    """Start a VM on a lease; the same name and body again is the same VM."""

    lease_id: Name
    name: Name
    image: Sha256Hex
    cmdline: Annotated[Text, Meta(pattern=r"^[\x20-\x7e]*$(?!\n)")] | None = None
    user_data: Annotated[str, Meta(max_length=MAX_USER_DATA_CHARS)] | None = None
    ports: Annotated[list[Port], Meta(max_length=16)] | None = None
    allow_from: Annotated[list[Name], Meta(max_length=16)] | None = None


class VmStop(Request, tag="vm.stop", frozen=True):
    """Stop a VM: ACPI first, by force after ``grace_ms``. Its unit stays leased."""

    vm_id: Name
    grace_ms: Annotated[int, Meta(ge=0, le=3_600_000)] | None = None


class LeaseRelease(Request, tag="lease.release", frozen=True):
    """Give back units (default all) of a lease, now or at ``at_ms``."""

    lease_id: Name
    units: Qty | None = None
    at_ms: Ms | None = None


class LeaseRecall(Request, tag="lease.recall", frozen=True):
    """The seller ends units (default all) of a spot lease with 120 s notice."""

    lease_id: Name
    units: Qty | None = None


# --- images: put and get on /v1/images, the others on either connection ---


class ImagePut(Request, tag="image.put", frozen=True):
    """Begin or resume an upload; the ack's ``offset`` says where the bytes go on."""

    sha256: Sha256Hex
    size: Annotated[int, Meta(ge=1, le=MAX_INT)]
    format: ImageFormat


class ImageGet(Request, tag="image.get", frozen=True):
    """Fetch the bytes of an image, from ``offset`` on."""

    sha256: Sha256Hex
    offset: Count = 0


class ImageStat(Request, tag="image.stat", frozen=True):
    """Read the size and format of an image."""

    sha256: Sha256Hex


class ImageList(Paged, tag="image.list", frozen=True):
    """Read the images the account may use, or those of which anybody sells copies."""

    for_sale: bool = False


class ImageDelete(Request, tag="image.delete", frozen=True):
    """Give an image up."""

    sha256: Sha256Hex


class ImageOffer(Request, tag="image.offer", frozen=True):
    """Sell an image the account uploaded."""

    sha256: Sha256Hex
    title: Annotated[str, Meta(min_length=1, max_length=128)]
    price_ucr: Annotated[int, Meta(ge=0, le=MAX_INT)]


class ImageBuy(Request, tag="image.buy", frozen=True):
    """One payment to the seller; the image may then be seen and run."""

    sha256: Sha256Hex


# --- hosts ---


class HostToken(Request, tag="host.token", frozen=True):
    """The owner allows enrollment by a secret of which only the SHA-256 is told."""

    zone: Name
    token_sha256: Sha256Hex
    uses: Annotated[int, Meta(ge=1, le=10_000)]
    ttl_s: Annotated[int, Meta(ge=1, le=30 * 86_400)]


class HostEnroll(Request, tag="host.enroll", frozen=True):
    """Sent before login; ``token`` is the secret's text. ``take_over``: also when the host of
    this hardware is live; without, that is refused."""

    token: Annotated[str, Meta(min_length=1, max_length=256)]
    name: Name
    hardware_id: Name
    public_key: PublicKey
    take_over: bool | None = None


class HostApprove(Request, tag="host.approve", frozen=True):
    """Let in a host that enrolled with a token of many uses."""

    host: Name


class HostAnnounce(Request, tag="host.announce", frozen=True):
    """What a host is and offers: after every login and when it changes. ``outbound``: what guests
    may connect to; absent: nothing. ``tags``: the owner's words for it, such as ``rack=7``.
    ``paused``: why it starts no VM for now; nothing more is sold, what is leased runs on."""

    capacity: Capacity
    offered: Capacity
    classes: Annotated[list[Name], Meta(max_length=64)]
    cpu_model: Annotated[str, Meta(max_length=128)]
    accel: Accel
    agent_version: Name
    boot_id: Name
    limits: HostLimits | None = None
    outbound: Outbound | None = None
    tags: Annotated[list[HostTag], Meta(max_length=16)] | None = None
    paused: Paused | None = None


class HostOffer(Request, tag="host.offer", frozen=True):
    """The owner's limits on what a host offers; relayed to its agent. A limit that is not named
    stays as it is; ``lift`` takes limits away. ``image_max_mib``: no VM of a larger image."""

    host: Name
    offered: Capacity | None = None
    residual_below_pct: Percent | None = None
    lift: Annotated[list[OwnerLimit], Meta(max_length=3)] | None = None
    image_max_mib: Annotated[int, Meta(ge=1, le=2**31)] | None = None


class HostDrain(Request, tag="host.drain", frozen=True):
    """Take a host off the market: its asks are withdrawn, its leases run on."""

    host: Name
    enabled: bool


class HostHeartbeat(Report, tag="host.heartbeat", frozen=True):
    """Every 5 s; ``vms`` counts the VMs that run."""

    load: HostLoad
    vms: Count


class HostDone(Report, tag="host.done", frozen=True):
    """An instruction was carried out, or why it was not."""

    instruction_id: Name
    ok: bool
    reason: Text | None = None


class HostVm(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A VM as the host finds it, for `HostSynced`."""

    vm_id: Name
    state: VmState


class HostSynced(Report, tag="host.synced", frozen=True):
    """A host accepted ``host.sync`` and says what it runs."""

    instruction_id: Name
    boot_id: Name
    vms: Annotated[list[HostVm], Meta(max_length=1000)]


class VmStatus(Request, tag="vm.status", frozen=True):
    """Where a VM stands. ``ready_ms`` set: the guest is ready."""

    vm_id: Name
    state: VmState
    reason: Text | None = None
    ready_ms: Ms | None = None
    endpoints: Annotated[list[Endpoint], Meta(max_length=16)] = field(default_factory=list)


class UsageReport(Request, tag="usage.report", frozen=True):
    """Cumulative counters since the VM's ``boot`` (a new boot starts from zero)."""

    vm_id: Name
    boot: Name
    at_ms: Ms
    cpu_ms_total: Count
    mem_mib: Count
    net_rx_total: Count
    net_tx_total: Count
