"""Why a charge is what it is: all that it is worked out from, told with it. Pure.

A charge is the price of all that is billed so far, rounded up, less what was charged before. So the
terms count from the lease's beginning; each row of a statement can be worked out from itself alone.
Source: rules.md 5.2; operations.md, "Statements".
"""

from exchange.leases import billing
from exchange.model.lease import Lease
from exchange.model.spans import length_ms
from exchange.wire.charge_terms import ChargeTerms


def of(lease: Lease) -> ChargeTerms:
    """Return the terms of the charge that is about to be posted."""
    meter, story = lease.meter, lease.story
    waited_ms, boot_ms = _left_out(lease)
    delivered_ms = billing.delivered_ms(lease)
    terms = ChargeTerms(
        units=story.units,
        before_ucr=lease.charged_ucr,
        sold_ms=meter.contract_ms,
        silent_ms=meter.contract_ms - delivered_ms - waited_ms - boot_ms,
        waited_ms=waited_ms,
        boot_ms=boot_ms,
        whole_ms=story.whole_ms,
        billed_ms=delivered_ms + meter.topped_ms,
        minimum_ms=meter.topped_ms,
    )
    if lease.metered:
        _weigh(lease, terms)
    return terms


def _left_out(lease: Lease) -> tuple[int, int]:
    """Return the unit-time that units waited for their first launch, and what was free of boots."""
    story, there = lease.story, billing.time_there(lease)
    waits = list((lease.meter.waits or {}).values())
    waited_ms = sum(length_ms(billing.waiting(there, wait)) for wait in waits)
    boot_ms = sum(length_ms(billing.booting(there, wait)) for wait in waits)
    return story.waited_ms + waited_ms, story.boot_ms + boot_ms


def _weigh(lease: Lease, terms: ChargeTerms) -> None:
    """Metered time counts by the CPU used: in whole milliseconds and parts of the next."""
    meter, scale = lease.meter, billing.scale(lease)
    used = billing.weighted_use(lease)
    billed = max(used, meter.minimum_ms) + meter.topped_ms
    terms.part_of = scale
    terms.billed_ms, terms.billed_part = divmod(billed, scale)
    terms.minimum_ms, terms.minimum_part = divmod(billed - used, scale)
    terms.settled_ms, terms.settled_part = divmod(meter.metered_ms, scale)
    terms.last_ms, terms.run_ms = billing.open_periods_ms(lease)
    terms.last_cpu_ms, terms.run_cpu_ms = meter.closed_cpu_ms, meter.cpu_ms
