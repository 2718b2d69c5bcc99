"""What is owed for a lease, and posting it. The only place that divides money.

Owed so far = price x billable unit-time, rounded up once; a charge is that less what was charged
before, so nothing is rounded twice. Metered unit-time counts by the CPU used in its posting period,
at least a tenth. Source: rules.md 5.2, 5.3, 5.4, 5.5.
"""

from exchange.leases import charge_terms
from exchange.model import emit
from exchange.model.lease import Lease, Meter, Vm, Wait
from exchange.model.spans import Span, cut, first, length_ms, without
from exchange.model.state import State
from exchange.units import MAX_INT, MS_PER_HOUR, ceil_div
from exchange.wire.terms import FREE_BOOT_MS, MINIMUM_SPOT_MS

MINIMUM_TAKE_DIVISOR = 10
"""A metered lease owes at least a tenth of its unit-time."""
MVCPU_PER_VCPU = 1000


def accrue(lease: Lease, now_ms: int) -> None:
    """Bring the running totals up to ``now_ms``. A silent host's time does not count."""
    if now_ms < lease.start_ms or lease.closing is not None:
        return
    meter = lease.meter
    elapsed_ms = now_ms - meter.accrued_ms
    assert elapsed_ms >= 0, "time runs forward"
    meter.contract_ms += lease.units * elapsed_ms
    if meter.silent_from_ms is None:
        meter.unit_ms += lease.units * elapsed_ms
    meter.accrued_ms = now_ms


def _recount(meter: Meter, spans: list[Span], units: int, closed_from_ms: int = 0) -> None:
    """Count ``spans`` for so many units more (or fewer), also in the periods they lie in.

    The last posted period stands for all before it that are later than ``closed_from_ms``.
    """
    meter.unit_ms += units * length_ms(spans)
    meter.before_ms += units * length_ms(cut(spans, 0, meter.posted_ms))
    meter.closed_ms += units * length_ms(cut(spans, closed_from_ms, meter.posted_ms))


def silence(lease: Lease, since_ms: int, now_ms: int) -> None:
    """The host has been silent since ``since_ms``: take back what accrued after it."""
    accrue(lease, now_ms)
    meter = lease.meter
    if meter.silent_from_ms is not None:
        return
    meter.silent_from_ms = max(since_ms, lease.start_ms)
    _recount(meter, without((meter.silent_from_ms, now_ms), meter.gaps), -lease.units)


def unsilence(lease: Lease, now_ms: int, ran: bool) -> None:
    """The host is back; ``ran``: it proved that the VMs ran, so its silence is billed."""
    meter = lease.meter
    if meter.silent_from_ms is None:
        return
    accrue(lease, now_ms)
    gap = (meter.silent_from_ms, now_ms)
    meter.silent_from_ms = None
    if ran:
        _recount(meter, without(gap, meter.gaps), lease.units)
    elif gap[0] < now_ms:
        meter.gaps += (gap,)


# --- waits for a unit's first VM ---


def occupy(vm: Vm, from_ms: int) -> None:
    """A VM takes a unit, one that had none before if there is any: that one's wait begins."""
    meter = vm.lease.meter
    if meter.fresh_units:
        meter.fresh_units -= 1
        vm.unit = vm.number
        waits = meter.waits = meter.waits or {}
        waits[vm.number] = Wait(from_ms, vm.launched_ms and from_ms)
    else:
        vm.unit, meter.idle = meter.idle[0], meter.idle[1:]


def first_wait(vm: Vm) -> Wait | None:
    """Return the wait for this VM if it is its unit's first, and somebody still waits."""
    waits = vm.lease.meter.waits
    wait = waits.get(vm.number) if waits and vm.unit == vm.number else None
    return wait if wait is not None and wait.until_ms is None else None


def awaited_no_more(vm: Vm, now_ms: int) -> None:
    """The first VM of a unit is ready, told to stop or gone: its unbilled wait is over."""
    wait = first_wait(vm)
    if wait is not None:
        wait.until_ms = now_ms


def vacate(vm: Vm) -> None:
    """A VM is gone; its unit, if that is still leased, may have another."""
    if vm.unit is not None:
        vm.lease.meter.idle += (vm.unit,)


def time_there(lease: Lease) -> list[Span]:
    """Return the lease's time so far without the host's silence."""
    meter = lease.meter
    to_ms = meter.accrued_ms if meter.silent_from_ms is None else meter.silent_from_ms
    return without((lease.start_ms, to_ms), meter.gaps)


def waiting(there: list[Span], wait: Wait) -> list[Span]:
    """Return the part of ``there`` that waited for the launch."""
    launched_ms = wait.until_ms if wait.launched_ms is None else wait.launched_ms
    return cut(there, wait.from_ms, MAX_INT if launched_ms is None else launched_ms)


def booting(there: list[Span], wait: Wait) -> list[Span]:
    """Return the part of ``there`` that is free as a boot: at most 120 s."""
    if wait.launched_ms is None:
        return []
    boot = cut(there, wait.launched_ms, MAX_INT if wait.until_ms is None else wait.until_ms)
    return first(boot, FREE_BOOT_MS)


def _waited(there: list[Span], wait: Wait) -> list[Span]:
    return waiting(there, wait) + booting(there, wait)


def _tell_wait(lease: Lease, there: list[Span], wait: Wait) -> list[Span]:
    """A wait changes no more: return its unbilled part, which goes into the lease's story."""
    lease.story.waited_ms += length_ms(waiting(there, wait))
    lease.story.boot_ms += length_ms(booting(there, wait))
    return _waited(there, wait)


def _unbilled_ms(lease: Lease, from_ms: int = 0, to_ms: int = MAX_INT) -> int:
    """Return the unit-time between two times that is not billed because a VM was awaited.

    ``from_ms`` is 0 or not before ``closed_from_ms``.
    """
    meter = lease.meter
    past_ms = 0 if from_ms else meter.past_wait_ms
    if not meter.waits:
        return past_ms
    there = time_there(lease)
    waits = meter.waits.values()
    return past_ms + sum(length_ms(cut(_waited(there, w), from_ms, to_ms)) for w in waits)


def _settle_past(lease: Lease) -> None:
    """What lies before the last posted period and can change no more is kept as totals.

    So a lease that lasts has no more spans than fit into two periods.
    """
    meter = lease.meter
    if not meter.waits and not meter.gaps:
        return
    there, waits, past_ms = time_there(lease), meter.waits or {}, meter.closed_from_ms
    for key in list(waits):
        if _is_over(there, waits[key], past_ms):
            waited_ms = length_ms(_tell_wait(lease, there, waits.pop(key)))
            meter.past_waits = meter.past_waits or {}
            meter.past_waits[key] = waited_ms
            meter.past_wait_ms += waited_ms
    needed_ms = min([past_ms, *(wait.from_ms for wait in waits.values())])
    past = [gap for gap in meter.gaps if gap[1] <= needed_ms]
    meter.past_gaps_ms += length_ms(past)
    meter.gaps = meter.gaps[len(past) :]


def _is_over(there: list[Span], wait: Wait, now_ms: int) -> bool:
    """Was all that this wait leaves unbilled before ``now_ms``?"""
    if wait.until_ms is not None and wait.until_ms <= now_ms:
        return True
    if wait.launched_ms is None:
        return False
    return length_ms(cut(there, wait.launched_ms, now_ms)) >= FREE_BOOT_MS


def leaving(lease: Lease, units: int) -> list[int]:
    """Choose ``units`` to leave; returns the keys of those of them that had a VM.

    First those that never had one, then those without one for longest, then those whose VM is
    stopping or, failing that, the youngest.
    """
    meter = lease.meter
    live = [vm for vm in lease.live_vms() if vm.unit is not None]
    stopping = [vm.unit for vm in live if vm.state == "stopping"]
    others = [vm.unit for vm in reversed(live) if vm.state != "stopping"]
    keys = [key for key in (*meter.idle, *stopping, *others) if key is not None]
    return keys[: max(0, units - meter.fresh_units)]


def leave(lease: Lease, units: int, keys: list[int]) -> None:
    """``units`` leave the lease, ``keys`` those of them that had a VM: their waits are final."""
    meter = lease.meter
    meter.fresh_units -= units - len(keys)
    if not keys:
        return
    there, waits = time_there(lease), meter.waits or {}
    for key in keys:
        if key in waits:
            waited = _tell_wait(lease, there, waits.pop(key))
            _recount(meter, waited, -1, meter.closed_from_ms)
        else:
            _forget_past(meter, key)
    meter.idle = tuple(key for key in meter.idle if key not in keys)
    for vm in lease.live_vms():
        if vm.unit in keys:
            vm.unit = None


def _forget_past(meter: Meter, key: int) -> None:
    """A unit leaves whose wait was over before the last posted period."""
    assert meter.past_waits is not None
    waited_ms = meter.past_waits.pop(key)
    meter.past_wait_ms -= waited_ms
    meter.unit_ms -= waited_ms
    meter.before_ms -= waited_ms


def _waited_ms(meter: Meter, there: list[Span], key: int) -> int:
    """Return how much of a unit's time is not billed."""
    if meter.past_waits and key in meter.past_waits:
        return meter.past_waits[key]
    assert meter.waits is not None
    return length_ms(_waited(there, meter.waits[key]))


# --- what is owed ---


def delivered_ms(lease: Lease) -> int:
    """Return the unit-time that was there to be used: not silent, not awaited."""
    return lease.meter.unit_ms - _unbilled_ms(lease)


def owed_ucr(lease: Lease) -> int:
    """Return all that is owed up to when the lease has accrued to."""
    meter = lease.meter
    used = max(weighted_use(lease), meter.minimum_ms) if lease.metered else delivered_ms(lease)
    return _price_ucr(lease, used + meter.topped_ms)


def _price_ucr(lease: Lease, used: int) -> int:
    """Return the price of ``used``, rounded up: the only division of money."""
    return ceil_div(lease.price_ucr * used, MS_PER_HOUR * scale(lease))


def scale(lease: Lease) -> int:
    """Metered unit-time is counted in so many parts of a millisecond, to stay whole."""
    return MINIMUM_TAKE_DIVISOR * lease.instrument.shape.mvcpu if lease.metered else 1


def weighted_use(lease: Lease) -> int:
    """Return a metered lease's unit-time weighted by the CPU share of each posting period."""
    closed_ms, running_ms = open_periods_ms(lease)
    meter = lease.meter
    closed = _weighted(lease, closed_ms, meter.closed_cpu_ms)
    return meter.metered_ms + closed + _weighted(lease, running_ms, meter.cpu_ms)


def open_periods_ms(lease: Lease) -> tuple[int, int]:
    """Return the billed unit-time of the last posted period and of the running one."""
    meter = lease.meter
    closed_ms = meter.closed_ms - _unbilled_ms(lease, meter.closed_from_ms, meter.posted_ms)
    running_ms = meter.unit_ms - meter.before_ms - _unbilled_ms(lease, meter.posted_ms)
    return closed_ms, running_ms


def _weighted(lease: Lease, unit_ms: int, cpu_ms: int) -> int:
    """Return ``unit_ms`` x min(1, max(0.10, CPU share)), scaled."""
    used = cpu_ms * MVCPU_PER_VCPU * MINIMUM_TAKE_DIVISOR
    return min(unit_ms * scale(lease), max(unit_ms * lease.instrument.shape.mvcpu, used))


def _begin_period(lease: Lease, now_ms: int) -> int:
    """A charge was posted: the next posting period begins. Returns the CPU of the last one."""
    meter = lease.meter
    if lease.metered:
        closed_ms, _ = open_periods_ms(lease)
        meter.metered_ms += _weighted(lease, closed_ms, meter.closed_cpu_ms)
    meter.closed_from_ms, meter.posted_ms = meter.posted_ms, now_ms
    meter.closed_ms, meter.before_ms = meter.unit_ms - meter.before_ms, meter.unit_ms
    meter.closed_cpu_ms, meter.cpu_ms = meter.cpu_ms, 0
    _settle_past(lease)
    lease.story.units = lease.units
    return meter.closed_cpu_ms


def cpu_before(at_ms: int, cpu_ms: int, from_ms: int, now_ms: int) -> int:
    """Return the part before ``at_ms`` of CPU used evenly between ``from_ms`` and now."""
    before_ms = min(at_ms, now_ms) - from_ms
    return cpu_ms * before_ms // (now_ms - from_ms) if before_ms > 0 else 0


def use_cpu(lease: Lease, cpu_ms: int, from_ms: int, now_ms: int) -> None:
    """Count the CPU of a reading for the time since ``from_ms``, evenly over it.

    What falls before the last posting counts to the period posted then, and is charged with the
    next posting: readings do not come at the minute in which charges post.
    """
    meter = lease.meter
    late_ms = cpu_before(meter.posted_ms, cpu_ms, from_ms, now_ms)
    meter.cpu_ms += cpu_ms - late_ms
    meter.closed_cpu_ms += late_ms


def post(state: State, lease: Lease, now_ms: int) -> None:
    """Charge what is owed and not charged yet: buyer's hold -> seller less the fee."""
    accrue(lease, now_ms)
    amount_ucr = max(0, owed_ucr(lease) - lease.charged_ucr)
    assert amount_ucr <= lease.hold_ucr, "what is owed is always held"
    terms = None if state.quiet else charge_terms.of(lease)
    from_ms, cpu_ms = lease.meter.posted_ms, _begin_period(lease, now_ms)
    if now_ms > from_ms or amount_ucr:
        told_ms = cpu_ms if lease.metered else None
        emit.charge(state, lease, from_ms, now_ms, amount_ucr, told_ms, terms)
    if not amount_ucr:
        return
    fee_ucr = amount_ucr * state.config.fee_pct // 100
    state.ledger.pay_held(lease.buyer, lease.seller, amount_ucr, fee_ucr, "charge")
    lease.hold_ucr -= amount_ucr
    lease.charged_ucr += amount_ucr


def fund(state: State, lease: Lease, now_ms: int) -> bool:
    """Hold the hour after the paid one; False when the buyer cannot, or when the lease's charges
    or its unit-time could come to more than can be told."""
    accrue(lease, now_ms)
    until_ms = lease.paid_until_ms + MS_PER_HOUR
    needed_ucr = _needed_ucr(lease, until_ms, now_ms)
    missing_ucr = needed_ucr - lease.hold_ucr
    sold_ms = lease.meter.contract_ms + lease.units * (until_ms - now_ms)
    too_much = max(lease.charged_ucr + needed_ucr, sold_ms) > MAX_INT
    if too_much or missing_ucr > lease.buyer.available_ucr:
        return False
    if missing_ucr > 0:
        state.ledger.hold(lease.buyer, missing_ucr, "lease")
        lease.hold_ucr += missing_ucr
    lease.paid_until_ms = until_ms
    return True


def owe_window(lease: Lease, units: int, now_ms: int) -> None:
    """``units`` of a window are given up: they are owed to its end all the same."""
    accrue(lease, now_ms)
    owed_ms = units * (lease.paid_until_ms - max(now_ms, lease.start_ms))
    lease.meter.unit_ms += owed_ms
    lease.story.whole_ms += owed_ms
    lease.meter.contract_ms += owed_ms


def give_back_surplus(state: State, lease: Lease, now_ms: int) -> None:
    """After units were released: free what their paid time no longer needs."""
    surplus_ucr = lease.hold_ucr - _needed_ucr(lease, lease.paid_until_ms, now_ms)
    if surplus_ucr > 0:
        state.ledger.void(lease.buyer, surplus_ucr, "lease")
        lease.hold_ucr -= surplus_ucr


def top_up(lease: Lease, units: int, keys: list[int], now_ms: int) -> None:
    """``units`` are released by their buyer, ``keys`` those of them that had a VM: together they
    owe at least 5 minutes each.

    Units of a metered lease share alike in what it used. When all go, the last usage may still
    come: the minimum is compared at the final charge.
    """
    accrue(lease, now_ms)
    meter, least = lease.meter, units * MINIMUM_SPOT_MS * scale(lease)
    if not lease.metered:
        there = time_there(lease)
        there_ms = length_ms(there) - meter.past_gaps_ms
        waited_ms = sum(_waited_ms(meter, there, key) for key in keys)
        meter.topped_ms += max(0, least - units * there_ms + waited_ms)
    elif units == lease.units:
        meter.minimum_ms = meter.gone_ms + least
    else:
        part = max(0, weighted_use(lease) - meter.gone_ms) * units // lease.units
        meter.gone_ms += part
        meter.topped_ms += max(0, least - part)


def _needed_ucr(lease: Lease, until_ms: int, now_ms: int) -> int:
    """Return what must be held so that the lease can run to ``until_ms``.

    A silence that is not over may yet be owed, and CPU of the last posted period yet be told.
    """
    meter = lease.meter
    unit_ms = lease.units * (until_ms - max(now_ms, lease.start_ms))
    if meter.silent_from_ms is not None:
        unit_ms += lease.units * max(0, now_ms - meter.silent_from_ms)
    unit_ms += sum(open_periods_ms(lease)) if lease.metered else delivered_ms(lease)
    used = meter.metered_ms + meter.topped_ms + unit_ms * scale(lease)
    return _price_ucr(lease, used) - lease.charged_ucr
