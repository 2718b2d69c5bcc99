"""The terms of a charge: the numbers it is computed from, sent with it. Pure.

A charge is the price of all that is billed so far, rounded up, less what was charged before. So the
terms count from the lease's beginning, and each row of a statement can be checked alone. Source:
rules.md 5.2; operations.md, "Statements".
"""

from exchange.model.lease import Lease
from exchange.model.meter import Meter
from exchange.model.spans import length_ms
from exchange.wire.charge_terms import ChargeTerms


def of(lease: Lease) -> ChargeTerms:
    """Return the terms of the charge that is about to be posted."""
    meter = lease.meter
    story = meter.story
    waited_ms, boot_ms = _left_out(meter)
    delivered_ms = meter.delivered_ms()
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
        _weigh(meter, terms)
    return terms


def _left_out(meter: Meter) -> tuple[int, int]:
    """Return the unit-time that units waited for their first launch, and what was free of boots."""
    if not meter.units.waits:
        return meter.story.waited_ms, meter.story.boot_ms
    delivered, waits = meter.delivered_spans(), list(meter.units.waits.values())
    waited_ms = sum(length_ms(wait.launching(delivered)) for wait in waits)
    boot_ms = sum(length_ms(wait.booting(delivered)) for wait in waits)
    return meter.story.waited_ms + waited_ms, meter.story.boot_ms + boot_ms


def _weigh(meter: Meter, terms: ChargeTerms) -> None:
    """Metered time counts by the CPU used: in whole milliseconds and parts of the next."""
    used, billed = meter.weighted_use(), meter.billed_use()
    terms.part_of = meter.scale
    terms.billed_ms, terms.billed_part = divmod(billed, meter.scale)
    terms.minimum_ms, terms.minimum_part = divmod(billed - used, meter.scale)
    terms.settled_ms, terms.settled_part = divmod(meter.metered_ms, meter.scale)
    terms.last_ms, terms.run_ms = meter.open_periods_ms()
    terms.last_cpu_ms, terms.run_cpu_ms = meter.closed_cpu_ms, meter.cpu_ms
