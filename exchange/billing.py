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


def boot_wait_ms(vm: Vm, now_ms: int) -> int:
    """Return the unbilled wait of a first VM: launch, plus at most 120 s of boot."""
    from_ms = max(vm.requested_ms, vm.lease.start_ms)
    if vm.launched_ms is None:
        return max(0, now_ms - from_ms)
    ready_ms = now_ms if vm.ready_at_ms is None else vm.ready_at_ms
    return vm.launched_ms - from_ms + min(FREE_BOOT_MS, ready_ms - vm.launched_ms)


def settle_boot(vm: Vm, now_ms: int) -> None:
    """The first VM of a unit is ready or gone: its unbilled wait is final."""
    if vm.first:
        vm.first = False
        vm.lease.meter.boot_ms += boot_wait_ms(vm, now_ms)


def delivered_ms(lease: Lease, now_ms: int) -> int:
    """Return the unit-time that was there to be used: not silent, not awaited."""
    return _billable_ms(lease, now_ms)


def unbilled_ms(lease: Lease, now_ms: int) -> int:
    """Return the unit-time not billed so far because a first VM was awaited."""
    waiting_ms = sum(boot_wait_ms(vm, now_ms) for vm in lease.vms.values() if vm.first)
    return lease.meter.boot_ms + waiting_ms


def owed_ucr(lease: Lease, now_ms: int) -> int:
    """Return all that is owed up to ``now_ms``, which the lease has accrued to."""
    if lease.metered:
        scaled_ms = lease.meter.metered_ms + _period_ms(lease, now_ms)
        scaled_ms = max(scaled_ms, lease.meter.topped_ms * _scale(lease))
        return ceil_div(lease.price_ucr * scaled_ms, MS_PER_HOUR * _scale(lease))
    billed_ms = _billable_ms(lease, now_ms) + lease.meter.topped_ms
    return ceil_div(lease.price_ucr * billed_ms, MS_PER_HOUR)


def _billable_ms(lease: Lease, now_ms: int) -> int:
    return max(0, lease.meter.unit_ms - unbilled_ms(lease, now_ms))


def _scale(lease: Lease) -> int:
    """Metered unit-time is counted in so many parts of a millisecond, to stay whole."""
    return MINIMUM_TAKE_DIVISOR * lease.instrument.shape.mvcpu


def _period_ms(lease: Lease, now_ms: int) -> int:
    """Return the scaled unit-time of the running posting period: min(1, max(0.10, CPU share))."""
    unit_ms = max(0, _billable_ms(lease, now_ms) - lease.meter.metered_from_ms)
    cpu_ms = lease.meter.cpu_ms - lease.meter.cpu_posted_ms
    mvcpu = lease.instrument.shape.mvcpu
    used = cpu_ms * MVCPU_PER_VCPU * MINIMUM_TAKE_DIVISOR
    return min(unit_ms * _scale(lease), max(unit_ms * mvcpu, used))


def _close_period(lease: Lease, now_ms: int) -> int | None:
    """Begin the next posting period; returns the CPU of the one that ends, None for flat."""
    if not lease.metered:
        return None
    lease.meter.metered_ms += _period_ms(lease, now_ms)
    lease.meter.metered_from_ms = max(lease.meter.metered_from_ms, _billable_ms(lease, now_ms))
    cpu_ms = lease.meter.cpu_ms - lease.meter.cpu_posted_ms
    lease.meter.cpu_posted_ms = lease.meter.cpu_ms
    return cpu_ms


def post(state: "State", lease: Lease, now_ms: int) -> None:
    """Charge what is owed and not charged yet: buyer's hold -> seller less the fee."""
    accrue(lease, now_ms)
    amount_ucr = max(0, owed_ucr(lease, now_ms) - lease.charged_ucr)
    assert amount_ucr <= lease.hold_ucr, "what is owed is always held"
    cpu_ms = _close_period(lease, now_ms)
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
    lease.meter.unit_ms += units * (lease.paid_until_ms - max(now_ms, lease.start_ms))


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
        lease.meter.topped_ms += units * MINIMUM_SPOT_MS
        return
    billed_ms = units * lease.meter.unit_clock_ms
    if units == lease.units:
        billed_ms -= unbilled_ms(lease, now_ms)
    lease.meter.topped_ms += max(0, units * MINIMUM_SPOT_MS - billed_ms)


def _doubted_ms(lease: Lease, now_ms: int) -> int:
    """Return the unit-time of a silence that is not over: owed if the host proves that it ran."""
    silent_from_ms = lease.meter.silent_from_ms
    if silent_from_ms is None:
        return 0
    return lease.units * max(0, now_ms - silent_from_ms)


def _needed_ucr(lease: Lease, until_ms: int, now_ms: int) -> int:
    """Return what must be held so that the lease can run to ``until_ms``."""
    from_ms = max(now_ms, lease.start_ms)
    run_ms = lease.meter.unit_ms + _doubted_ms(lease, now_ms)
    if lease.metered:
        run_ms += ceil_div(lease.meter.metered_ms, _scale(lease)) - lease.meter.metered_from_ms
    unit_ms = run_ms + lease.meter.topped_ms + lease.units * (until_ms - from_ms)
    return ceil_div(lease.price_ucr * unit_ms, MS_PER_HOUR) - lease.charged_ucr
