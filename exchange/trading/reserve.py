"""Reserves what a live order needs: money for a bid, a bond and slots for an ask.

A bid holds its limit price for each unit left, an ask the bond at the best price it can trade at,
and slots on the seller's hosts, in the order in which fills hand them out. Everything is checked
before anything is taken, so a refusal leaves no trace. Source: rules.md 3.1, 3.2, 3.3, 4.2.
"""

from exchange.model.account import Order
from exchange.model.capacity import Backing, allocate
from exchange.model.instrument import Instrument
from exchange.model.state import State
from exchange.trading import risk
from exchange.wire.requests import OrderPlace
from exchange.wire.results import Refused


def admit(state: State, instrument: Instrument, order: Order, limit_ucr: int) -> Refused | None:
    """Check money and capacity; on success set aside what the order needs."""
    account, request, qty = order.account, order.request, order.qty
    if request.post_only and instrument.book.crosses(order.sign, limit_ucr):
        return Refused("post_only_would_cross", "the order would trade at once", "price_ucr")
    unit_ucr, backing = limit_ucr, None
    if order.sign < 0:
        unit_ucr = checked_bond_ucr(instrument, limit_ucr)
        backing = _slots(instrument, order, qty)
        if backing is None:
            return no_capacity(request)
    if unit_ucr * qty > account.available_ucr:
        return risk.no_funds(account, unit_ucr * qty, "the order")
    set_aside(state, instrument, order, unit_ucr, backing)
    return None


def checked_bond_ucr(instrument: Instrument, limit_ucr: int) -> int:
    """Return the bond per unit that covers every price this ask can trade at."""
    bids = instrument.book.bids.keys
    return instrument.bond_ucr(bids[-1] if bids and bids[-1] > limit_ucr else limit_ucr)


def _slots(instrument: Instrument, order: Order, units: int) -> Backing | None:
    """Choose the slots that back an ask, None when the seller has not enough."""
    hosts, named = order.account.hosts.get(instrument.zone.zone), order.request.hosts
    if hosts is None:
        return None
    if named is not None:
        hosts = [host for host in hosts if host.host_id in named]
    return allocate(hosts, instrument.class_name, instrument.need, instrument.start_ms, units)


def no_capacity(request: OrderPlace) -> Refused:
    """Return the refusal of an ask that is not backed."""
    text = f"no live host of yours has {request.qty} units free"
    return Refused("insufficient_capacity", text, "qty")


def resized(instrument: Instrument, order: Order, units: int) -> Backing | None:
    """Return the backing of an ask that grows or shrinks to ``units``; slots it has are kept."""
    assert order.backing is not None
    more = units - order.leaves_qty
    if more <= 0:
        return first_slots(order.backing, units)
    extra = _slots(instrument, order, more)
    return None if extra is None else merged(order.backing, extra)


def set_aside(
    state: State, instrument: Instrument, order: Order, unit_ucr: int, backing: Backing | None
) -> None:
    """Hold ``unit_ucr`` for each unit left and, for an ask, take its slots."""
    order.hold_unit_ucr = unit_ucr
    state.ledger.hold(order.account, unit_ucr * order.leaves_qty, "order")
    if backing is not None:
        order.backing = backing
        for host, units in backing:
            host.take(instrument.need, instrument.start_ms, units)


def give_back(state: State, instrument: Instrument, order: Order, units: int) -> None:
    """Release hold and, for an ask, the last slots of ``units`` that will not trade."""
    if order.hold_unit_ucr:
        state.ledger.void(order.account, order.hold_unit_ucr * units, "order")
    backing = order.backing
    if backing is None:
        return
    need, bucket = instrument.need, instrument.start_ms
    while units:
        host, slots = backing.pop()
        free = slots if slots < units else units
        host.take(need, bucket, -free)
        units -= free
        if slots > free:
            backing.append((host, slots - free))


def first_slots(backing: Backing, units: int) -> Backing:
    """Return the first ``units`` slots of ``backing``, in the order in which fills take them."""
    chosen: Backing = []
    for host, slots in backing:
        if units:
            take = min(slots, units)
            chosen.append((host, take))
            units -= take
    return chosen


def merged(backing: Backing, extra: Backing) -> Backing:
    """Return ``backing`` followed by ``extra``, one entry a host."""
    slots = dict(backing)
    for host, units in extra:
        slots[host] = slots.get(host, 0) + units
    return list(slots.items())
