"""Computes and posts what is owed for a lease. The only place that divides money.

Owed so far = price x billed unit-time (`Meter`), rounded up once; a charge is that less what was
charged before, so nothing is rounded twice. Source: rules.md 5.2, 5.4, 5.5.
"""

from exchange.leases import charge_terms
from exchange.model import emit
from exchange.model.lease import Lease
from exchange.model.state import State
from exchange.units import MAX_INT, MS_PER_HOUR, ceil_div


def accrue(lease: Lease, now_ms: int) -> None:
    """Advance the meter to ``now_ms``; it stops once the lease is closing."""
    if lease.closing is None:
        lease.meter.accrue(lease.units, now_ms)


def owed_ucr(lease: Lease) -> int:
    """Return all that is owed up to when the lease has accrued to."""
    return _price_ucr(lease, lease.meter.billed_use())


def _price_ucr(lease: Lease, used: int) -> int:
    """Return the price of ``used`` (scaled), rounded up: the only division of money."""
    return ceil_div(lease.price_ucr * used, MS_PER_HOUR * lease.meter.scale)


def post(state: State, lease: Lease, now_ms: int) -> None:
    """Charge what is owed and not charged yet: buyer's hold -> seller less the fee."""
    accrue(lease, now_ms)
    amount_ucr = max(0, owed_ucr(lease) - lease.charged_ucr)
    assert amount_ucr <= lease.hold_ucr, "what is owed is always held"
    terms = None if state.quiet else charge_terms.of(lease)
    from_ms, cpu_ms = lease.meter.posted_ms, lease.meter.begin_period(lease.units, now_ms)
    if now_ms > from_ms or amount_ucr:
        shown_cpu_ms = cpu_ms if lease.metered else None
        emit.charge(state, lease, from_ms, now_ms, amount_ucr, shown_cpu_ms, terms)
    if not amount_ucr:
        return
    fee_ucr = amount_ucr * state.config.fee_pct // 100
    state.ledger.pay_held(lease.buyer, lease.seller, amount_ucr, fee_ucr, "charge")
    lease.hold_ucr -= amount_ucr
    lease.charged_ucr += amount_ucr


def fund(state: State, lease: Lease, now_ms: int) -> bool:
    """Hold the hour after the paid one; False when the buyer cannot, or when the lease's charges
    or its unit-time could exceed what the wire can carry."""
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


def owe_minimum(lease: Lease, units: int, keys: list[int], now_ms: int) -> None:
    """``units`` of a spot lease are released by their buyer, ``keys`` those that had a VM: together
    they owe at least 5 minutes each (rules.md 5.4)."""
    accrue(lease, now_ms)
    lease.meter.owe_minimum(units, lease.units, keys)


def owe_window(lease: Lease, units: int, now_ms: int) -> None:
    """``units`` of a window are given up, but still owed to its end."""
    accrue(lease, now_ms)
    lease.meter.owe_to_end(units, lease.paid_until_ms, now_ms)


def give_back_surplus(state: State, lease: Lease, now_ms: int) -> None:
    """After units were released: free what their paid time no longer needs."""
    surplus_ucr = lease.hold_ucr - _needed_ucr(lease, lease.paid_until_ms, now_ms)
    if surplus_ucr > 0:
        state.ledger.void(lease.buyer, surplus_ucr, "lease")
        lease.hold_ucr -= surplus_ucr


def _needed_ucr(lease: Lease, until_ms: int, now_ms: int) -> int:
    """Return what must be held so that the lease can run to ``until_ms``."""
    used = lease.meter.billed_at_most(lease.units, until_ms, now_ms)
    return _price_ucr(lease, used) - lease.charged_ucr
