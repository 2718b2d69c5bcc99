"""The life of a lease: grant, release, recall, lack of funds, its end and the final payments.

Money owed is computed in ``billing.py``; this module decides when a lease changes. Source: rules.md
5.1, 5.5, 5.6, 5.7, 5.8, 5.10.
"""

from exchange.leases import billing, vm_life, vm_units
from exchange.model import emit
from exchange.model.account import Account, Order
from exchange.model.capacity import Host
from exchange.model.commands import Command
from exchange.model.instrument import Instrument
from exchange.model.lease import Lease, Vm
from exchange.model.state import State
from exchange.model.timers import TimerKind
from exchange.units import MS_PER_HOUR
from exchange.wire.reasons import LeaseEnd
from exchange.wire.requests import LeaseRecall, LeaseRelease
from exchange.wire.results import Done, FillRow, Refused
from exchange.wire.terms import BOND_TO_BUYER, RECALL_NOTICE_MS
from exchange.wire.types import VmState

COOLING_MS = 600_000
"""A recalled slot takes no new spot ask for this long."""
LAST_USAGE_MS = 60_000
"""How long the end of a metered lease waits for its VMs' last usage."""


def grant(
    state: State,
    instrument: Instrument,
    buying: Order,
    selling: Order,
    host: Host,
    units: int,
    fill: FillRow,
) -> None:
    """A fill on one host becomes a lease; hold and bond move from the orders to it unchanged."""
    counters, price_ucr = state.counters, fill.price_ucr
    counters.lease = number = counters.lease + 1
    buyer, seller = buying.account, selling.account
    lease = Lease(
        number, fill.trade_id, instrument, buyer, seller, host, units, price_ucr, state.now_ms
    )
    lease.buyer_order_id = buying.request.client_order_id
    lease.seller_order_id = selling.request.client_order_id
    lease.hold_ucr = price_ucr * units
    lease.bond_ucr = instrument.bond_ucr(price_ucr) * units
    state.add_lease(lease)
    state.timers.set(lease.due_ms(), TimerKind.LEASE, number)
    emit.lease(state, lease)


def arm(state: State, lease: Lease) -> None:
    """Set the timer for the lease's next deadline."""
    state.timers.set(lease.due_ms(), TimerKind.LEASE, lease.number)


def settle(state: State, number: int) -> None:
    """Run one deadline of a lease, at its own time (``state.now_ms``)."""
    lease, now_ms = state.leases[number], state.now_ms
    if lease.closing is not None:
        _finish(state, lease)
        return
    if lease.state == "granted" and lease.start_ms == now_ms:
        lease.state = "active"
        emit.lease(state, lease)
    elif lease.recalls and lease.recalls[0][0] == now_ms:
        _take_recalled(state, lease)
    elif lease.ends_ms == now_ms:
        if not lease.spot:
            _carry_over(state, lease)
        end(state, lease, "funds_exhausted" if lease.spot else "window_over")
    elif lease.release_ms == now_ms:
        units, lease.release_ms = lease.release_units or lease.units, None
        units = min(units, lease.units)
        _kill_down_to(state, lease, lease.units - units)
        _give_up(state, lease, units)
    elif lease.post_ms == now_ms:
        billing.post(state, lease, now_ms)
        lease.post_ms = now_ms + MS_PER_HOUR
    elif not billing.fund(state, lease, now_ms):
        lease.ends_ms = lease.paid_until_ms
        emit.notice(state, lease.buyer, "funds_low", lease, at_ms=lease.ends_ms)
        emit.lease(state, lease)
    if lease.state != "ended":
        arm(state, lease)


def find(state: State, lease_id: str) -> Lease | None:
    """Return a lease that lives or ended less than 24 h ago."""
    number = lease_id.removeprefix("l-")
    if not number.isdecimal():
        return None
    found = state.leases.get(int(number)) or state.ended_leases.get(int(number))
    return found if found is not None and found.lease_id == lease_id else None


def find_for(state: State, account: Account, lease_id: str, side: str) -> Lease | Refused:
    """Return a living lease the account is the buyer or seller of."""
    lease = find(state, lease_id)
    if lease is None or account is not (lease.buyer if side == "buy" else lease.seller):
        return Refused("unknown_lease", f"you have no lease {lease_id!r}", "lease_id")
    if lease.state == "ended" or lease.closing is not None:
        why = lease.reason or lease.closing
        return Refused("lease_ended", f"the lease ended: {why}", "lease_id")
    return lease


def release(state: State, command: Command, request: LeaseRelease) -> Done | Refused:
    """The buyer gives back units now, or schedules it (rules.md 5.6)."""
    account = state.ledger.accounts[command.account]
    lease = find_for(state, account, request.lease_id, "buy")
    if isinstance(lease, Refused):
        return lease
    units = lease.units if request.units is None else request.units
    if units > lease.units:
        return Refused("invalid_qty", f"the lease has {lease.units} units", "units")
    if request.at_ms is not None and request.at_ms > state.now_ms:
        lease.release_ms, lease.release_units = request.at_ms, request.units or 0
        arm(state, lease)
        return Done(_released(lease))
    if units < lease.units and units > lease.units - len(lease.live_vms()):
        return Refused("units_in_use", "stop a VM on these units first", "units")
    _give_up(state, lease, units)
    if lease.closing is None:
        arm(state, lease)
    return Done(_released(lease))


def _released(lease: Lease) -> dict[str, object]:
    return {"lease_id": lease.lease_id, "units": lease.units, "state": lease.state}


def _give_up(state: State, lease: Lease, units: int) -> None:
    """The buyer's release takes effect: a window is owed in full; spot at least 5 minutes,
    unless the host is silent."""
    keys = vm_units.units_to_release(lease, units)
    if lease.meter.silent_from_ms is not None:
        billing.accrue(lease, state.now_ms)
    elif lease.spot:
        billing.owe_minimum(lease, units, keys, state.now_ms)
    else:
        billing.owe_window(lease, units, state.now_ms)
    if units == lease.units:
        end(state, lease, "released")
        return
    shrink(state, lease, units, keys, bond_to_buyer=False)


def recall(state: State, command: Command, request: LeaseRecall) -> Done | Refused:
    """The seller ends units of a spot lease with 120 s notice."""
    account = state.ledger.accounts[command.account]
    lease = find_for(state, account, request.lease_id, "sell")
    if isinstance(lease, Refused):
        return lease
    left = lease.units - lease.recalled_units()
    units = left if request.units is None else request.units
    if not lease.spot or left <= 0:
        return Refused("not_recallable", "windows and recalled units cannot be recalled")
    if units > left:
        return Refused("invalid_qty", f"{left} units can be recalled", "units")
    recall_units(state, lease, units)
    return Done({"lease_id": lease.lease_id, "units": units, "at_ms": lease.recalls[-1][0]})


def recall_units(state: State, lease: Lease, units: int) -> None:
    """Start the notice for ``units`` of a spot lease."""
    at_ms = state.now_ms + RECALL_NOTICE_MS
    lease.host.evidence.recalls += 1
    lease.recalls.append((at_ms, units))
    if lease.meter.silent_from_ms is not None:
        lease.meter.story.silent_recalls[at_ms] = lease.meter.silent_from_ms
    if lease.recalled_units() == lease.units:
        _end_with_recalls(lease)
    emit.notice(state, lease.buyer, "recall", lease, units=units, at_ms=at_ms)
    emit.lease(state, lease)
    arm(state, lease)


def _end_with_recalls(lease: Lease) -> None:
    """Every unit is under notice: the lease ends with the last of them, or earlier for lack of
    money."""
    last_ms = lease.recalls[-1][0]
    lease.state = "ending"
    lease.ends_ms = last_ms if lease.ends_ms is None else min(lease.ends_ms, last_ms)


def _trim_recalls(lease: Lease) -> None:
    """After units left the lease, shrink the newest recalls: no more units may be under notice than
    there are."""
    too_many = lease.recalled_units() - lease.units
    while too_many > 0:
        at_ms, units = lease.recalls.pop()
        cut = min(units, too_many)
        too_many -= cut
        if units > cut:
            lease.recalls.append((at_ms, units - cut))
        else:
            lease.meter.story.silent_recalls.pop(at_ms, None)
    if lease.recalls and lease.recalled_units() == lease.units:
        _end_with_recalls(lease)


def _take_recalled(state: State, lease: Lease) -> None:
    """The notice is over: kill the newest VMs for which no unit is left; in the first hour the bond
    pays."""
    at_ms, units = lease.recalls.pop(0)
    lease.meter.story.silent_recalls.pop(at_ms, None)
    units = min(units, lease.units)
    until_ms = state.now_ms + COOLING_MS
    lease.host.cool(until_ms, lease.instrument.need, units)
    state.timers.set(until_ms, TimerKind.COOLING, lease.host.number)
    first_hour = state.now_ms - RECALL_NOTICE_MS < lease.start_ms + MS_PER_HOUR
    if units >= lease.units:
        end(state, lease, "recalled", bond_to_buyer=first_hour)
        return
    _kill_down_to(state, lease, lease.units - units)
    shrink(state, lease, units, vm_units.units_to_release(lease, units), bond_to_buyer=first_hour)


def _kill_down_to(state: State, lease: Lease, units: int) -> None:
    """Kill VMs until ``units`` are enough for them: first those that are stopping, then the
    newest."""
    live = lease.live_vms()
    stopping = [vm for vm in live if vm.state == "stopping"]
    others = [vm for vm in reversed(live) if vm.state != "stopping"]
    for vm in [*stopping, *others][: max(0, len(live) - units)]:
        vm_life.kill(state, vm, grace_ms=0)


def shrink(state: State, lease: Lease, units: int, keys: list[int], *, bond_to_buyer: bool) -> None:
    """Take ``units`` (not all) off a lease: capacity, bond and the money held for them.

    ``keys`` are those of them that had a VM (`vm_units.units_to_release`).
    """
    billing.accrue(lease, state.now_ms)
    vm_units.release_units(lease, units, keys)
    lease.units -= units
    _settle_bond(state, lease, lease.bond_unit_ucr() * units, bond_to_buyer)
    lease.host.take(lease.instrument.need, lease.instrument.start_ms, -units)
    _trim_recalls(lease)
    billing.give_back_surplus(state, lease, state.now_ms)
    emit.lease(state, lease)


def end(state: State, lease: Lease, reason: LeaseEnd, *, bond_to_buyer: bool | None = None) -> None:
    """The lease is over: its VMs go, the bond is settled, the rest of the money comes back.

    A metered lease stays ``ending`` until its VMs have reported their last usage, at most 60 s.
    """
    for vm in lease.live_vms():
        if reason == "host_lost":
            vm_ended(state, vm, "failed", "host_lost")
        else:
            vm_life.kill(state, vm, grace_ms=0)
    billing.accrue(lease, state.now_ms)
    to_buyer = reason in BOND_TO_BUYER if bond_to_buyer is None else bond_to_buyer
    _settle_bond(state, lease, lease.bond_ucr, to_buyer)
    lease.closing, lease.ends_ms = reason, state.now_ms
    if lease.metered and (lease.live_vms() or lease.awaited):
        lease.state, lease.close_by_ms = "ending", state.now_ms + LAST_USAGE_MS
        arm(state, lease)
        emit.lease(state, lease)
    else:
        _finish(state, lease)


def usage_reported(state: State, vm: Vm, cpu_ms: int = 0) -> None:
    """A VM that moved here from a metered lease has reported its usage there, or is gone."""
    before, vm.came_from = state.leases.get(vm.came_from), 0
    if before is not None:
        before.meter.cpu_ms += cpu_ms
        before.awaited = tuple(n for n in before.awaited if n != vm.number)
        close_if_reported(state, before)


def close_if_reported(state: State, lease: Lease) -> None:
    """The last reading of a closing lease brings its final charge."""
    awaited = lease.awaited or lease.live_vms()
    if lease.closing is not None and lease.state != "ended" and not awaited:
        _finish(state, lease)


def _finish(state: State, lease: Lease) -> None:
    """Final charge, the rest of the hold back, slots free."""
    reason = lease.closing
    billing.post(state, lease, state.now_ms)
    lease.host.evidence.over(lease.meter.contract_ms, lease.meter.delivered_ms())
    if lease.hold_ucr:
        state.ledger.void(lease.buyer, lease.hold_ucr, "lease")
        lease.hold_ucr = 0
    lease.host.take(lease.instrument.need, lease.instrument.start_ms, -lease.units)
    lease.state, lease.reason = "ended", reason
    state.drop_lease(lease)
    state.ended_leases[lease.number] = lease
    emit.lease(state, lease)


def _settle_bond(state: State, lease: Lease, amount_ucr: int, to_buyer: bool) -> None:
    """Part of the bond goes back to the seller, or to the buyer the seller let down."""
    lease.bond_ucr -= amount_ucr
    assert lease.bond_ucr >= 0
    if to_buyer:
        state.ledger.pay_held(lease.seller, lease.buyer, amount_ucr, 0, "bond")
    else:
        state.ledger.void(lease.seller, amount_ucr, "bond")


def _carry_over(state: State, lease: Lease) -> None:
    """The VMs of a window go on when the same buyer's next one begins there (rules.md 5.10)."""
    if not lease.live_vms():
        return
    assert lease.ends_ms is not None, "a window has an end"
    for other in state.window_leases.get((lease.host.host_id, lease.ends_ms), ()):
        if follows(lease, other) and other.closing is None:
            _move_vms(state, lease, other)


def follows(lease: Lease, other: Lease) -> bool:
    """Is ``other`` the same buyer's lease of the same class?"""
    same_class = other.instrument.class_name == lease.instrument.class_name
    return same_class and other.buyer is lease.buyer


def _move_vms(state: State, lease: Lease, other: Lease) -> None:
    """Move as many running VMs, oldest first, as ``other`` has units and free names for."""
    room = other.units - len(other.live_vms())
    for vm in lease.live_vms():
        if room > 0 and vm.state != "stopping" and vm.name not in other.vms:
            vm_life.move(state, vm, other)
            vm.came_from = lease.number if lease.metered else 0
            lease.awaited += (vm.number,) if lease.metered else ()
            room -= 1


def launch_failed(state: State, vm: Vm) -> None:
    """The host did not launch a VM in time: that unit ends and its bond pays the buyer."""
    lease = vm.lease
    if lease.closing is not None or vm.unit is None:
        return
    lease.host.evidence.launch_failures += 1
    emit.notice(state, lease.buyer, "launch_failed", lease, units=1)
    if lease.units == 1:
        end(state, lease, "launch_failed")
    else:
        shrink(state, lease, 1, [vm.unit], bond_to_buyer=True)
        arm(state, lease)


def vm_ended(state: State, vm: Vm, final: VmState, reason: str | None) -> None:
    """The VM is gone for good; a lease that is closing may have waited only for it."""
    vm_life.end(state, vm, final, reason)
    usage_reported(state, vm)
    close_if_reported(state, vm.lease)
