"""The numbers a charge is computed from; the exchange sends them with each charge."""

from msgspec import Struct


class ChargeTerms(Struct, omit_defaults=True, gc=False):
    """All but ``units`` count from the lease's beginning up to the charge; unit-time in ms.

    What is charged is ceil(price_ucr x (billed_ms + billed_part / part_of) / 3,600,000) less
    ``before_ucr``, or nothing when that is less. Of a flat lease ``billed_ms`` is ``sold_ms`` less
    what is left out plus ``minimum_ms``. The fields behind it are of metered leases.
    """

    units: int
    """The most units there were since the charge before."""
    before_ucr: int
    """Charged before."""
    sold_ms: int
    """Units x time, given up time of a window included."""
    billed_ms: int
    silent_ms: int = 0
    """Left out: the host was silent."""
    waited_ms: int = 0
    """Left out: the wait for the launch of a unit's first VM."""
    boot_ms: int = 0
    """Left out: at most 120 s of its boot."""
    whole_ms: int = 0
    """The part of ``sold_ms`` that was given up: a window is owed in full."""
    minimum_ms: int = 0
    """Added: released spot units owe five minutes at least."""
    part_of: int = 0
    """Ten times the class's mvcpu: in so many parts a millisecond is counted; 0 if flat."""
    billed_part: int = 0
    minimum_part: int = 0
    settled_ms: int = 0
    """Billed of the posting periods before the last two."""
    settled_part: int = 0
    last_ms: int = 0
    """Unit-time of the period before the charge's own, and the CPU known by now of it."""
    last_cpu_ms: int = 0
    run_ms: int = 0
    """Unit-time of the charge's own period, and its CPU."""
    run_cpu_ms: int = 0
