"""The wire messages from a client or host to the exchange, and the types both directions share.

Requests are decoded strictly (an unknown field is refused); the frames the exchange sends are in
``frames.py`` and are decoded leniently, so that a newer exchange can add fields. The class name is
the CamelCase of the wire tag: ``order.place`` is `OrderPlace`. Source: protocol.md.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from exchange.units import MAX_INT, MAX_PRICE_UCR, MAX_QTY

PROTOCOL_VERSION = 1
MAX_FRAME_BYTES = 64 * 1024
MAX_USER_DATA_CHARS = 16 * 1024
JSON_SUBPROTOCOL = "headroom.v1+json"
MSGPACK_SUBPROTOCOL = "headroom.v1+msgpack"

ReqId: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_INT)]
PriceUcr: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_PRICE_UCR)]
Qty: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_QTY)]
Ms: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INT)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INT)]
AmountUcr: TypeAlias = Annotated[int, Meta(ge=-MAX_INT, le=MAX_INT)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\x20-\x7e]+\Z")]
Sha256Hex: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Text: TypeAlias = Annotated[str, Meta(max_length=1024)]
Port: TypeAlias = Annotated[int, Meta(ge=1, le=65535)]
Percent: TypeAlias = Annotated[int, Meta(ge=0, le=100)]
PublicKey: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{43}=\Z")]

Side: TypeAlias = Literal["buy", "sell"]
OrderType: TypeAlias = Literal["limit", "market"]
TimeInForce: TypeAlias = Literal["gtc", "gtd", "ioc", "fok"]
SelfTrade: TypeAlias = Literal[
    "cancel_newest", "cancel_oldest", "cancel_both", "decrement_and_cancel"
]
OrderStatus: TypeAlias = Literal["new", "partially_filled", "filled", "canceled", "expired"]
Role: TypeAlias = Literal["viewer", "trader", "host", "operator"]
Accel: TypeAlias = Literal["kvm", "tcg", "simulated"]
VmState: TypeAlias = Literal["requested", "starting", "running", "stopping", "stopped", "failed"]
LeaseState: TypeAlias = Literal["granted", "active", "ending", "ended"]
InstrumentState: TypeAlias = Literal[
    "announced", "open", "gate_closed", "delivering", "settled", "halted"
]
HostStatus: TypeAlias = Literal["pending", "syncing", "live", "draining", "silent", "lost"]
ImageFormat: TypeAlias = Literal["bundle", "qcow2", "raw"]
Channel: TypeAlias = Literal["book", "trades", "instruments", "account"]


class Capacity(Struct, frozen=True, forbid_unknown_fields=True):
    """CPU, memory and disk together; a VM must fit in all three at once."""

    mvcpu: Count
    mem_mib: Count
    disk_mib: Count


class Endpoint(Struct, frozen=True):
    """Where a guest's port is reached from outside its host."""

    guest_port: Port
    address: Annotated[str, Meta(max_length=64)]
    port: Port


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


class Report(
    Struct,
    tag_field="type",
    kw_only=True,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """A host's message without a ``req_id``: no answer is sent."""


# --- login and channels ---


class Auth(Request, tag="auth", frozen=True):
    """Answer to `Hello`: base64 Ed25519 signature over `auth.auth_text`."""

    key_id: Annotated[str, Meta(min_length=1, max_length=64)]
    signature: Annotated[str, Meta(max_length=128)]


class Subscribe(Request, tag="subscribe", frozen=True):
    channel: Channel
    symbol: Name | None = None
    depth: Literal[0, 25] | None = None
    resume_from: Count | None = None


class Unsubscribe(Request, tag="unsubscribe", frozen=True):
    channel: Channel
    symbol: Name | None = None


# --- orders ---


class OrderPlace(Request, tag="order.place", frozen=True):
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
    """``qty`` is the new total (matching rule 1)."""

    order_id: Name | None = None
    client_order_id: Name | None = None
    price_ucr: PriceUcr | None = None
    qty: Qty | None = None


class OrderCancel(Request, tag="order.cancel", frozen=True):
    order_id: Name | None = None
    client_order_id: Name | None = None


class OrderMassCancel(Request, tag="order.mass_cancel", frozen=True):
    symbol: Name | None = None
    side: Side | None = None


class OrderList(Request, tag="order.list", frozen=True):
    pass


class OrderCancelOnDisconnect(Request, tag="order.cancel_on_disconnect", frozen=True):
    enabled: bool


class OrderCancelAllAfter(Request, tag="order.cancel_all_after", frozen=True):
    """The dead man's switch of a key: without another one in time, all orders go. 0 disarms."""

    timeout_ms: Annotated[int, Meta(ge=0, le=86_400_000)]


class AccountState(Request, tag="account.state", frozen=True):
    """Read the account as it stands; also the result of subscribing to ``account``."""


# --- leases and VMs ---


class VmStart(Request, tag="vm.start", frozen=True):
    lease_id: Name
    name: Name
    image: Sha256Hex
    cmdline: Text | None = None
    user_data: Annotated[str, Meta(max_length=MAX_USER_DATA_CHARS)] | None = None
    ports: Annotated[list[Port], Meta(max_length=16)] | None = None
    allow_from: Annotated[list[Name], Meta(max_length=16)] | None = None


class VmStop(Request, tag="vm.stop", frozen=True):
    vm_id: Name
    grace_ms: Annotated[int, Meta(ge=0, le=3_600_000)] | None = None


class LeaseRelease(Request, tag="lease.release", frozen=True):
    lease_id: Name
    units: Qty | None = None
    at_ms: Ms | None = None


class LeaseRecall(Request, tag="lease.recall", frozen=True):
    lease_id: Name
    units: Qty | None = None


# --- images: put and get on /v1/images, the others on either connection ---


class ImagePut(Request, tag="image.put", frozen=True):
    """Begin or resume an upload; the ack's ``offset`` says where the bytes go on."""

    sha256: Sha256Hex
    size: Annotated[int, Meta(ge=1, le=MAX_INT)]
    format: ImageFormat


class ImageGet(Request, tag="image.get", frozen=True):
    sha256: Sha256Hex
    offset: Count = 0


class ImageStat(Request, tag="image.stat", frozen=True):
    sha256: Sha256Hex


class ImageList(Request, tag="image.list", frozen=True):
    pass


class ImageDelete(Request, tag="image.delete", frozen=True):
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
    """The owner allows enrolment by a secret of which only the SHA-256 is told."""

    zone: Name
    token_sha256: Sha256Hex
    uses: Annotated[int, Meta(ge=1, le=10_000)]
    ttl_s: Annotated[int, Meta(ge=1, le=30 * 86_400)]


class HostEnroll(Request, tag="host.enroll", frozen=True):
    """Sent before login; ``token`` is the secret's text."""

    token: Annotated[str, Meta(min_length=1, max_length=256)]
    name: Name
    hardware_id: Name
    public_key: PublicKey


class HostApprove(Request, tag="host.approve", frozen=True):
    host: Name


class HostAnnounce(Request, tag="host.announce", frozen=True):
    capacity: Capacity
    offered: Capacity
    classes: Annotated[list[Name], Meta(max_length=64)]
    cpu_model: Annotated[str, Meta(max_length=128)]
    accel: Accel
    agent_version: Name
    boot_id: Name


class HostOffer(Request, tag="host.offer", frozen=True):
    """The owner's limit on what a host offers; relayed to its agent."""

    host: Name
    offered: Capacity | None = None
    residual_below_pct: Percent | None = None


class HostDrain(Request, tag="host.drain", frozen=True):
    host: Name
    enabled: bool


class HostLoad(Struct, frozen=True, forbid_unknown_fields=True):
    cpu_pct: Annotated[float, Meta(ge=0, le=100)]
    mem_pct: Annotated[float, Meta(ge=0, le=100)]


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
    instruction_id: Name
    boot_id: Name
    vms: Annotated[list[HostVm], Meta(max_length=1000)]


class VmStatus(Request, tag="vm.status", frozen=True):
    vm_id: Name
    state: VmState
    reason: Text | None = None
    ready_ms: Ms | None = None
    endpoints: Annotated[list[Endpoint], Meta(max_length=16)] = []


class UsageReport(Request, tag="usage.report", frozen=True):
    """Cumulative counters since the VM's ``boot`` (a new boot starts from zero)."""

    vm_id: Name
    boot: Name
    at_ms: Ms
    cpu_ms_total: Count
    mem_mib: Count
    net_rx_total: Count
    net_tx_total: Count


# --- operator ---


class AdminAccount(Request, tag="admin.account", frozen=True):
    """Open an account, or rename it."""

    account: Name
    name: Name


class AdminKey(Request, tag="admin.key", frozen=True):
    """Give an account a key with one role."""

    account: Name
    key_id: Name
    public_key: PublicKey
    role: Role
    not_after_ms: Ms | None = None


class AdminKeyRevoke(Request, tag="admin.key_revoke", frozen=True):
    """End a key for good; its connections are closed."""

    key_id: Name


class AdminDeposit(Request, tag="admin.deposit", frozen=True):
    """Money in from ``outside``; a negative amount is a withdrawal."""

    account: Name
    amount_ucr: AmountUcr
    ref: Name


class AdminZone(Request, tag="admin.zone", frozen=True):
    """Add a zone, or change its country and what may run its VMs."""

    zone: Name
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]
    accel: Annotated[list[Accel], Meta(min_length=1, max_length=3)]


class AdminInstrument(Request, tag="admin.instrument", frozen=True):
    """Create a spot instrument, or change its tick, reference price or band."""

    symbol: Name
    tick_ucr: PriceUcr | None = None
    ref_ucr: PriceUcr | None = None
    band_pct: Percent | None = None


class AdminHalt(Request, tag="admin.halt", frozen=True):
    """Stop or resume trading of one instrument, or of all; the books stay."""

    halted: bool
    symbol: Name | None = None


class AdminKillSwitch(Request, tag="admin.kill_switch", frozen=True):
    """Cancel the orders of one account, or of all, and block new ones until lifted."""

    enabled: bool
    account: Name | None = None


class AdminLimits(Request, tag="admin.limits", frozen=True):
    """Change an account's limits; 0 is unlimited, in ``orders_per_s`` for cancels too."""

    account: Name
    max_qty: Count | None = None
    max_notional_ucr: Count | None = None
    max_open_orders: Count | None = None
    orders_per_s: Count | None = None


class AdminBalances(Request, tag="admin.balances", frozen=True):
    """Read every account's money, ``fees`` and ``outside`` included: it sums to zero."""
