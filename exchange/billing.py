"""What is owed for a lease, and posting it. The only place that divides money.

Owed so far = price x billable unit-time, rounded up once; a charge is that less what was charged
before, so nothing is rounded twice. Metered unit-time counts by the CPU used in its posting period,
at least a tenth. Source: domain.md, "What is owed" and "Posting".
"""

from typing import TYPE_CHECKING

from exchange import tell
from exchange.lease import Lease, Vm
from exchange.units import MS_PER_HOUR, MS_PER_MINUTE, ceil_div

if TYPE_CHECKING:
    from exchange.state import State

MINIMUM_SPOT_MS = 5 * MS_PER_MINUTE
"""Released spot units owe at least this long."""
MINIMUM_TAKE_DIVISOR = 10
"""A metered lease owes at least a tenth of its unit-time."""
MVCPU_PER_VCPU = 1000
FREE_BOOT_MS = 2 * MS_PER_MINUTE
"""At most this much of a first VM's boot is not billed."""


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
        meter.unit_clock_ms += elapsed_ms
    meter.accrued_ms = now_ms


def silence(lease: Lease, since_ms: int, now_ms: int) -> None:
    """The host has been silent since ``since_ms``: take back what accrued after it."""
    accrue(lease, now_ms)
    meter = lease.meter
    if meter.silent_from_ms is not None:
        return
    from_ms = max(since_ms, lease.start_ms)
    back_ms = min(max(0, now_ms - from_ms), meter.unit_clock_ms)
    meter.unit_clock_ms -= back_ms
    meter.unit_ms -= lease.units * back_ms
    meter.silent_from_ms = from_ms


def unsilence(lease: Lease, now_ms: int, ran: bool) -> None:
    """The host is back; ``ran``: it proved that the VMs ran, so its silence is billed."""
    meter = lease.meter
    if meter.silent_from_ms is None:
        return
    accrue(lease, now_ms)
    if ran:
        silent_ms = max(0, now_ms - meter.silent_from_ms)
        meter.unit_ms += lease.units * silent_ms
        meter.unit_clock_ms += silent_ms
    meter.silent_from_ms = None


def boot_wait_ms(vm: Vm) -> int:
    """Return the unbilled wait of a first VM: launch, plus at most 120 s of boot.

    Counted on the lease's own clock, which stands still while the host is silent and before a
    window begins; the lease has accrued to now.
    """
    clock_ms = vm.lease.meter.unit_clock_ms
    launched_ms = clock_ms if vm.launched_clock_ms is None else vm.launched_clock_ms
    ready_ms = clock_ms if vm.ready_clock_ms is None else vm.ready_clock_ms
    wait_ms = max(0, launched_ms - vm.requested_clock_ms)
    return wait_ms + min(FREE_BOOT_MS, max(0, ready_ms - launched_ms))


def settle_boot(vm: Vm, now_ms: int) -> None:
    """The first VM of a unit is ready or gone: its unbilled wait is final."""
    if vm.first:
        accrue(vm.lease, now_ms)
        vm.waited_ms = boot_wait_ms(vm)
        vm.lease.meter.boot_ms += vm.waited_ms
        vm.first = False


def delivered_ms(lease: Lease) -> int:
    """Return the unit-time that was there to be used: not silent, not awaited."""
    return _billable_ms(lease)


def unbilled_ms(lease: Lease) -> int:
    """Return the unit-time not billed so far because a first VM was awaited."""
    waiting_ms = sum(boot_wait_ms(vm) for vm in lease.vms.values() if vm.first)
    return lease.meter.boot_ms + waiting_ms


def owed_ucr(lease: Lease) -> int:
    """Return all that is owed up to when the lease has accrued to."""
    if lease.metered:
        meter = lease.meter
        used_ms = max(meter.metered_ms + _period_ms(lease), meter.minimum_ms)
        scaled_ms = used_ms + meter.topped_ms
        return ceil_div(lease.price_ucr * scaled_ms, MS_PER_HOUR * _scale(lease))
    billed_ms = _billable_ms(lease) + lease.meter.topped_ms
    return ceil_div(lease.price_ucr * billed_ms, MS_PER_HOUR)


def _billable_ms(lease: Lease) -> int:
    return max(0, lease.meter.unit_ms - unbilled_ms(lease))


def _scale(lease: Lease) -> int:
    """Metered unit-time is counted in so many parts of a millisecond, to stay whole."""
    return MINIMUM_TAKE_DIVISOR * lease.instrument.shape.mvcpu


def _period_ms(lease: Lease) -> int:
    """Return the scaled unit-time of the running posting period."""
    unit_ms = max(0, _billable_ms(lease) - lease.meter.metered_from_ms)
    return _metered_ms(lease, unit_ms, lease.meter.cpu_ms)


def _metered_ms(lease: Lease, unit_ms: int, cpu_ms: int) -> int:
    """Return ``unit_ms`` x min(1, max(0.10, CPU share)), scaled."""
    used = cpu_ms * MVCPU_PER_VCPU * MINIMUM_TAKE_DIVISOR
    return min(unit_ms * _scale(lease), max(unit_ms * lease.instrument.shape.mvcpu, used))


def _close_period(lease: Lease) -> int | None:
    """Begin the next posting period; returns the CPU of the one that ends, None for flat."""
    if not lease.metered:
        return None
    meter = lease.meter
    meter.closed_ms = max(0, _billable_ms(lease) - meter.metered_from_ms)
    meter.metered_ms += _period_ms(lease)
    meter.metered_from_ms += meter.closed_ms
    meter.closed_cpu_ms, meter.cpu_ms = meter.cpu_ms, 0
    return meter.closed_cpu_ms


def use_cpu(lease: Lease, cpu_ms: int, from_ms: int, now_ms: int) -> None:
    """Count the CPU of a reading for the time since ``from_ms``, evenly over it.

    What falls before the last posting counts to the period posted then, and is charged with the
    next posting: readings do not come at the minute in which charges post.
    """
    meter = lease.meter
    before_ms = min(meter.posted_ms, now_ms) - from_ms
    late_ms = cpu_ms * before_ms // (now_ms - from_ms) if before_ms > 0 else 0
    meter.cpu_ms += cpu_ms - late_ms
    if lease.metered and late_ms:
        counted_ms = _metered_ms(lease, meter.closed_ms, meter.closed_cpu_ms)
        meter.closed_cpu_ms += late_ms
        meter.metered_ms += _metered_ms(lease, meter.closed_ms, meter.closed_cpu_ms) - counted_ms


def post(state: "State", lease: Lease, now_ms: int) -> None:
    """Charge what is owed and not charged yet: buyer's hold -> seller less the fee."""
    accrue(lease, now_ms)
    amount_ucr = max(0, owed_ucr(lease) - lease.charged_ucr)
    assert amount_ucr <= lease.hold_ucr, "what is owed is always held"
    cpu_ms = _close_period(lease)
    from_ms, lease.meter.posted_ms = lease.meter.posted_ms, now_ms
    if now_ms > from_ms or amount_ucr:
        tell.charge(state, lease, from_ms, now_ms, amount_ucr, cpu_ms)
    if not amount_ucr:
        return
    fee_ucr = amount_ucr * state.config.fee_pct // 100
    state.ledger.pay_held(lease.buyer, lease.seller, amount_ucr, fee_ucr, "charge")
    lease.hold_ucr -= amount_ucr
    lease.charged_ucr += amount_ucr


def fund(state: "State", lease: Lease, now_ms: int) -> bool:
    """Hold the hour after the paid one; False when the buyer cannot."""
    accrue(lease, now_ms)
    until_ms = lease.paid_until_ms + MS_PER_HOUR
    missing_ucr = _needed_ucr(lease, until_ms, now_ms) - lease.hold_ucr
    if missing_ucr > lease.buyer.available_ucr:
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
    lease.meter.contract_ms += owed_ms


def give_back_surplus(state: "State", lease: Lease, now_ms: int) -> None:
    """After units were released: free what their paid time no longer needs."""
    surplus_ucr = lease.hold_ucr - _needed_ucr(lease, lease.paid_until_ms, now_ms)
    if surplus_ucr > 0:
        state.ledger.void(lease.buyer, surplus_ucr, "lease")
        lease.hold_ucr -= surplus_ucr


def top_up(lease: Lease, units: int, now_ms: int) -> None:
    """``units`` are released by their buyer: they owe at least 5 minutes each."""
    accrue(lease, now_ms)
    if lease.metered:
        _top_up_metered(lease, units)
        return
    billed_ms = units * lease.meter.unit_clock_ms
    if units == lease.units:
        billed_ms -= unbilled_ms(lease) - lease.meter.gone_boot_ms
    lease.meter.topped_ms += max(0, units * MINIMUM_SPOT_MS - billed_ms)


def _top_up_metered(lease: Lease, units: int) -> None:
    """The same for metered units, by their part of what the lease has used; scaled.

    When all units go, the last usage may still come: the minimum is compared at the final charge.
    """
    meter, least_ms = lease.meter, units * MINIMUM_SPOT_MS * _scale(lease)
    if units == lease.units:
        meter.minimum_ms = meter.gone_ms + least_ms
        return
    staying_ms = meter.metered_ms + _period_ms(lease) - meter.gone_ms
    part_ms = max(0, staying_ms) * units // lease.units
    meter.gone_ms += part_ms
    meter.topped_ms += max(0, least_ms - part_ms)


def _doubted_ms(lease: Lease, now_ms: int) -> int:
    """Return the unit-time of a silence that is not over: owed if the host proves that it ran."""
    silent_from_ms = lease.meter.silent_from_ms
    if silent_from_ms is None:
        return 0
    return lease.units * max(0, now_ms - silent_from_ms)


def _needed_ucr(lease: Lease, until_ms: int, now_ms: int) -> int:
    """Return what must be held so that the lease can run to ``until_ms``."""
    from_ms = max(now_ms, lease.start_ms)
    meter = lease.meter
    run_ms = meter.unit_ms + _doubted_ms(lease, now_ms) + lease.units * (until_ms - from_ms)
    if lease.metered:
        late_ms = meter.closed_ms * _scale(lease)
        late_ms -= _metered_ms(lease, meter.closed_ms, meter.closed_cpu_ms)
        scaled_ms = meter.metered_ms + meter.topped_ms + late_ms
        unit_ms = run_ms - meter.metered_from_ms + ceil_div(scaled_ms, _scale(lease))
    else:
        unit_ms = run_ms + meter.topped_ms
    return ceil_div(lease.price_ucr * unit_ms, MS_PER_HOUR) - lease.charged_ucr
