"""Hosts: enrollment, what they announce and offer, silence, return and loss.

Source: rules.md 5.11, 6.2; protocol.md, "Hosts". Heartbeats never reach this module:
``liveness.py`` turns them into its commands.
"""

from exchange.hosts.enrollment import owned
from exchange.leases import leasing, vm_life
from exchange.model import emit, newer_rules
from exchange.model.account import Order
from exchange.model.capacity import Host
from exchange.model.commands import Command, HostBack, HostLost, HostSilent
from exchange.model.lease import Lease
from exchange.model.state import State
from exchange.trading import cancels, execution
from exchange.units import ceil_div
from exchange.wire.instructions import HostSync, VmKill
from exchange.wire.requests import HostAnnounce, HostDrain, HostSynced
from exchange.wire.results import Done, Refused
from exchange.wire.types import SyncLease


def announce(state: State, command: Command, request: HostAnnounce) -> Done | Refused:
    """A host announces its hardware and what it offers."""
    refused = newer_rules.offer_within_capacity(state, request)
    if refused is not None:
        return refused
    host = state.hosts[command.host]
    if host.status == "pending":
        return Refused("not_approved", "the owner has not approved this host")
    if request.accel not in state.zones[host.zone].accel:
        return Refused("invalid_field", f"zone {host.zone} does not allow it", "accel")
    unknown = [name for name in request.classes if name not in state.config.classes]
    if unknown:
        return Refused("invalid_field", f"no class {unknown[0]!r}", "classes")
    if host.offered_known and _said(request) == _known(host):
        return Done({"host": host.host_id, "status": host.status}, duplicate=True)
    host.capacity = request.capacity
    host.set_offer(request.offered, host.limit)
    host.classes, host.accel = list(request.classes), request.accel
    host.cpu_model, host.agent_version = request.cpu_model, request.agent_version
    host.boot_id, host.limits, host.outbound = request.boot_id, request.limits, request.outbound
    host.tags, host.paused, host.offered_known = request.tags or None, request.paused, True
    _open(host)
    _withdraw_dropped_classes(state, host)
    if host.paused is not None:
        cancels.cancel_backed_by(state, host, "capacity_shrunk")
    fit_to_offer(state, host)
    return Done({"host": host.host_id, "status": host.status})


def _said(request: HostAnnounce) -> tuple[object, ...]:
    """Return all that an announcement says, as `_known` returns what was said before."""
    hardware = (request.capacity, request.classes, request.accel, request.cpu_model)
    agent = (request.agent_version, request.boot_id, request.outbound, request.tags or None)
    return (*hardware, *agent, request.offered, request.limits, request.paused)


def _known(host: Host) -> tuple[object, ...]:
    hardware = (host.capacity, host.classes, host.accel, host.cpu_model)
    agent = (host.agent_version, host.boot_id, host.outbound, host.tags)
    return (*hardware, *agent, host.announced, host.limits, host.paused)


def _withdraw_dropped_classes(state: State, host: Host) -> None:
    """Withdraw asks backed by a class that the host no longer serves."""
    for order in _asks_on(state, host):
        if state.instruments[order.symbol].class_name not in host.classes:
            execution.cancel_resting(state, order, "capacity_shrunk")


def _asks_on(state: State, host: Host) -> list[Order]:
    """Return the asks that slots of the host back, oldest first."""
    orders = state.ledger.accounts[host.account_id].open_orders
    state.looked_at += len(orders)
    return [
        order
        for order in orders.values()
        if order.backing and any(slot[0] is host for slot in order.backing)
    ]


def _open(host: Host) -> bool:
    """A host is live once it is synced and has announced (protocol.md, "Hosts").

    Returns whether that is so from now on.
    """
    opens = host.status == "syncing" and host.synced and host.offered_known
    if opens:
        host.status = "live"
    return opens


def drain(state: State, command: Command, request: HostDrain) -> Done | Refused:
    """The owner takes a host off the market: asks are withdrawn, leases run on."""
    host = owned(state, command, request.host)
    if isinstance(host, Refused):
        return host
    if host.draining == request.enabled:
        return Done({"host": host.host_id}, duplicate=True)
    host.draining = request.enabled
    if host.draining:
        cancels.cancel_backed_by(state, host, "capacity_shrunk")
    return Done({"host": host.host_id})


def fit_to_offer(state: State, host: Host) -> None:
    """Capacity shrank: cancel the newest asks, each as a whole, then recall excess spot leases.

    Asks for hours that still have enough capacity are kept.
    """
    if not host.overcommitted():
        return
    for order in reversed(_asks_on(state, host)):
        if min(host.free(state.instruments[order.symbol].start_ms)) < 0:
            execution.cancel_resting(state, order, "capacity_shrunk")
    if host.overcommitted():
        _recall_excess(state, host)


def _recall_excess(state: State, host: Host) -> None:
    """Recall spot units, newest lease first, until the rest fits (windows are never recalled)."""
    spots = [lease for lease in reversed(_running_on(state, host)) if lease.spot]
    free = list(host.free(None))
    for lease in spots:
        _add_units(free, lease, lease.recalled_units())
    for lease in spots:
        left = lease.units - lease.recalled_units()
        short = [ceil_div(-f, n) for f, n in zip(free, lease.instrument.need, strict=True) if n]
        units = min(max(0, left), max(0, *short))
        if units:
            leasing.recall_units(state, lease, units)
            _add_units(free, lease, units)


def _add_units(free: list[int], lease: Lease, units: int) -> None:
    for at, need in enumerate(lease.instrument.need):
        free[at] += need * units


def _running_on(state: State, host: Host) -> list[Lease]:
    """Return the host's leases, without those that only wait for a last usage report."""
    return [lease for lease in _leases_on(state, host) if lease.closing is None]


def _leases_on(state: State, host: Host) -> list[Lease]:
    return [lease for lease in state.leases.values() if lease.host is host]


def silent(state: State, command: Command, message: HostSilent) -> Done | Refused:
    """No heartbeat for 15 s: withdraw the asks and stop billing the leases."""
    host = state.hosts[message.host]
    if host.status in ("pending", "silent", "lost"):
        return Done(duplicate=True)
    host.status, host.silent_since_ms = "silent", message.since_ms
    if host.synced:
        host.boot_before = host.boot_id
    host.synced = host.offered_known = False
    cancels.cancel_backed_by(state, host, "host_silent")
    for lease in _running_on(state, host):
        lease.meter.fall_silent(lease.units, message.since_ms, state.now_ms)
        emit.notice(state, lease.buyer, "host_silent", lease, at_ms=message.since_ms)
    return Done()


def back(state: State, command: Command, message: HostBack) -> Done | Refused:
    """The host sends heartbeats again: it offers nothing until its inventory is accepted."""
    host = state.hosts[message.host]
    if host.status not in ("silent", "lost"):
        return Done(duplicate=True)
    host.status, host.silent_since_ms = "syncing", None
    return Done()


def lost(state: State, command: Command, message: HostLost) -> Done | Refused:
    """The host was silent too long: its leases end and bonds pay the buyers."""
    host = state.hosts[message.host]
    if host.status != "silent":
        return Done(duplicate=True)
    host.status = "lost"
    host.evidence.losses += 1
    for lease in _running_on(state, host):
        emit.notice(state, lease.buyer, "host_lost", lease)
        leasing.end(state, lease, "host_lost")
    for vm in [vm for vm in state.vms.values() if vm.lease.host is host]:
        leasing.vm_ended(state, vm, "failed", "host_lost")
    return Done()


def synced(state: State, command: Command, report: HostSynced) -> Done | Refused:
    """A host accepted the list of what it must run and reported what it runs."""
    host = state.hosts[command.host]
    if host.status == "pending":
        return Refused("not_approved", "the owner has not approved this host")
    running = {vm.vm_id for vm in report.vms}
    gone = [
        vm
        for vm in state.vms.values()
        if vm.lease.host is host and vm.state == "stopping" and vm.vm_id not in running
    ]
    running_on = _running_on(state, host)
    unheard = [lease for lease in running_on if lease.meter.silent_from_ms is not None]
    changed = not host.synced or bool(gone or unheard)
    host.synced = True
    ran = report.boot_id == host.boot_before
    for lease in unheard:
        lease.meter.end_silence(lease.units, state.now_ms, ran)
        emit.notice(state, lease.buyer, "host_back", lease)
    for vm in gone:
        leasing.vm_ended(state, vm, "stopped", None)
    # An announcement sent while it was silent counts, so this report may complete its return.
    changed = _open(host) or changed
    return Done({"host": host.host_id, "status": host.status}, duplicate=not changed)


def kill_orders(state: State, host: Host, prefix: str) -> list[VmKill]:
    """Return the kills a host may have missed: of every VM that is to stop. A read."""
    return [
        VmKill(f"{prefix}-{vm.vm_id}", state.epoch, vm.vm_id, 0, vm.requested_ms)
        for vm in state.vms.values()
        if vm.lease.host is host and vm.state == "stopping"
    ]


def sync_order(state: State, host: Host, instruction_id: str) -> HostSync:
    """Return all a host must run now. A read: it assigns no numbers and changes nothing."""
    leases = [
        SyncLease(
            lease.lease_id,
            lease.instrument.class_name,
            lease.units,
            lease.instrument.end_ms,
        )
        for lease in _leases_on(state, host)
    ]
    wanted = [
        vm_life.launch_order(vm, f"{instruction_id}-{vm.vm_id}", state.epoch)
        for vm in state.vms.values()
        if vm.lease.host is host and vm.state != "stopping"
    ]
    return HostSync(instruction_id, state.epoch, leases, wanted)
