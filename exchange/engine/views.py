"""Reads of the engine's state: rows for clients, tables for the gateway. Pure."""

from typing import Final, Literal

from msgspec import Struct

from exchange.hosts import host_rows
from exchange.leases import images
from exchange.model import emit, evidence
from exchange.model.account import Account, Order
from exchange.model.capacity import Host
from exchange.model.lease import LIVE_VM, Lease
from exchange.model.state import State
from exchange.wire.frames import LeaseUpdate, OrderUpdate, VmUpdate
from exchange.wire.types import Capacity, EvidenceView, HostStatus, IdleUnit, Recall

RECALLS_TOLD: Final = 16
"""Recalls in a lease's row of `account.state`."""
IDLE_TOLD: Final = 64
"""Units without a VM in such a row."""
REASON_CHARS: Final = 64
"""Of why the last VM of such a unit ended."""


class Balance(Struct):
    available_ucr: int
    held_ucr: int


class BalanceRow(Balance, omit_defaults=True):
    """An account's money as the operator sees it, and which kill switch stops its orders."""

    killed: Literal["", "account", "all"] = ""


class ImageRow(Struct):
    """An image an account may use."""

    sha256: str
    size: int
    format: str


class ImageForSale(ImageRow):
    """An image of which copies are for sale: the offer that a buyer would pay."""

    title: str
    price_ucr: int
    usable: bool
    """Whether the account may use it already."""


class AccountStateView(Struct):
    """Result of ``account.state``: everything of an account that has not ended."""

    account_seq: int
    balances: Balance
    orders: list[OrderUpdate]
    leases: list[LeaseUpdate]
    vms: list[VmUpdate]
    images: list[ImageRow]


class HostView(Struct):
    """A host as its owner and the directory see it."""

    host: str
    account: str
    name: str
    zone: str
    status: HostStatus
    classes: list[str]
    accel: str
    capacity: Capacity
    offered: Capacity
    free: Capacity
    draining: bool
    evidence: EvidenceView


def account_state(state: State, account_id: str) -> AccountStateView:
    """Return everything of an account that lives."""
    account = state.ledger.accounts[account_id]
    seq, now_ms = state.seq, state.now_ms
    leases = [
        lease_row(state, account, lease)
        for lease in state.leases.values()
        if account is lease.buyer or account is lease.seller
    ]
    vms = [
        emit.vm_row(vm, account.account_seq, seq, now_ms)
        for vm in state.vms.values()
        if vm.lease.buyer is account
    ]
    return AccountStateView(
        account.account_seq,
        Balance(account.available_ucr, account.held_ucr),
        order_list(state, account_id),
        leases,
        vms,
        usable_images(state, account_id),
    )


def lease_row(state: State, account: Account, lease: Lease) -> LeaseUpdate:
    """Return a lease as one of its sides sees it; its buyer, with the notices that still hold."""
    row = emit.lease_row(lease, account, account.account_seq, state.seq, state.now_ms)
    if account is lease.buyer:
        row.recalls = _recalls(lease) or None
        row.silent_since_ms = lease.meter.silent_from_ms
        row.idle = _idle(lease) or None
    return row


def _idle(lease: Lease) -> list[IdleUnit]:
    """Return how the last VM of each unit ended that had one and has none."""
    keys = lease.meter.units.idle[:IDLE_TOLD]
    if not keys:
        return []
    last = {vm.unit: vm for vm in lease.vms.values() if vm.lease is lease}
    ended = [last[key] for key in keys if key in last]
    return [
        IdleUnit(vm.name, vm.state, None if vm.reason is None else vm.reason[:REASON_CHARS])
        for vm in ended
        if vm.state not in LIVE_VM
    ]


def _recalls(lease: Lease) -> list[Recall]:
    """Return what is recalled and when it ends; a row is short, so late ones are told together."""
    silent = lease.meter.story.silent_recalls
    told = [
        Recall(units, at_ms, silent.get(at_ms)) for at_ms, units in lease.recalls[:RECALLS_TOLD]
    ]
    later = lease.recalls[RECALLS_TOLD:]
    if later:
        last = told[-1]
        units = last.units + sum(units for _, units in later)
        told[-1] = Recall(units, last.at_ms, last.silent_since_ms)
    return told


def usable_images(state: State, account_id: str) -> list[ImageRow]:
    """Return the images the account may use."""
    return [
        ImageRow(image.sha256, image.size, image.format)
        for image in state.images.values()
        if images.may_use(image, account_id)
    ]


def images_for_sale(state: State, account_id: str) -> list[ImageForSale]:
    """Return all images of which copies are for sale."""
    return [
        ImageForSale(
            image.sha256,
            image.size,
            image.format,
            offer.title,
            offer.price_ucr,
            images.may_use(image, account_id),
        )
        for image in state.images.values()
        if (offer := images.cheapest(image)) is not None
    ]


def order_list(state: State, account_id: str) -> list[OrderUpdate]:
    """Return the account's live orders, oldest first."""
    account = state.ledger.accounts[account_id]
    return [order_row(state, account, order) for order in account.open_orders.values()]


def order_row(state: State, account: Account, order: Order) -> OrderUpdate:
    """Return a live order as its owner sees it."""
    return emit.order_row(order, "new", account.account_seq, state.seq, state.now_ms)


def host_view(host: Host) -> HostView:
    """Return a host's row."""
    mvcpu, mem_mib, disk_mib = (max(0, free) for free in host.free(None))
    return HostView(
        host.host_id,
        host.account_id,
        host.name,
        host.zone,
        host_rows.shown_status(host),
        list(host.classes),
        host.accel,
        host.capacity,
        host.offered,
        Capacity(mvcpu, mem_mib, disk_mib),
        host.draining,
        evidence.view([host.evidence]),
    )


def balance_row(state: State, account: Account) -> BalanceRow:
    """Return one account's row of ``admin.balances``."""
    killed: Literal["", "account", "all"] = "account" if account.killed else ""
    if state.killed:
        killed = "all"
    return BalanceRow(account.available_ucr, account.held_ucr, killed)


def balances(state: State) -> dict[str, Balance]:
    """Return every account's money, ``fees`` and ``outside`` included: sums to zero."""
    return {
        name: Balance(account.available_ucr, account.held_ucr)
        for name, account in state.ledger.accounts.items()
    }
