"""The meter of a lease: how much of its time is billed, and by what share of its CPU.

Theory of operation. A lease of many units has running totals, no row per unit. Unit-time is time
times units: two units for a minute are two minutes of it. `accrue` brings the totals up to now;
whoever changes the number of units, or asks what is owed, accrues first.

Time goes into two totals. ``contract_ms`` is what was sold and only grows. ``unit_ms`` is what the
host delivered: a silent host's time does not count. A silence becomes known only after it began, so
what accrued since is taken back, and is added again when the host proves that its VMs ran. Both
count the past anew (`_recount`); that is why silences are kept as spans (``gaps``) until they are
settled. Waits for a unit's first VM (`waits.Units`) are taken off ``unit_ms`` when it is read, not
when it accrues, because they too are found out late.

Charges post now and then, and cut time into posting periods:

    ... settled ... | last posted period  | running period
                    closed_from_ms        posted_ms         accrued_ms

``before_ms`` is the part of ``unit_ms`` before ``posted_ms``, ``closed_ms`` the part of it in the
last posted period. A metered lease weighs each period by its own CPU share, at least a tenth. The
last posted period stays open until the next posting, because readings arrive after the minute in
which charges post; older ones are settled into ``metered_ms``. The posting that closes a period
also settles the waits and silences that lie before the period that is then the last.

To stay whole numbers, metered unit-time is counted in parts of a millisecond, `scale` to one.
``metered_ms``, ``topped_ms``, ``gone_ms`` and ``minimum_ms`` are in that scale.

Always true (`fault`; the paranoid engine checks it after each command):

* closed_from_ms <= posted_ms <= accrued_ms
* 0 <= closed_ms <= before_ms <= unit_ms <= contract_ms
* silences that are over are in time order and do not overlap
* every unit is fresh or has exactly one wait

Pure: money is ``billing.py``'s. Source: rules.md 5.2, 5.3, 5.4.
"""

from msgspec import Struct, field

from exchange.model.spans import Span, cut, length_ms, without
from exchange.model.stories import Story
from exchange.model.waits import Units
from exchange.units import MAX_INT
from exchange.wire.terms import MINIMUM_SPOT_MS

MINIMUM_TAKE_DIVISOR = 10
"""A metered lease owes at least a tenth of its unit-time."""
MVCPU_PER_VCPU = 1000


class Meter(Struct):
    """Running totals of one lease, in unit-time unless said."""

    start_ms: int
    """When (a point in time) the lease begins."""
    mvcpu: int | None
    """CPU of one unit of a metered lease; None when the lease is flat."""
    units: Units
    accrued_ms: int
    """Up to when (a point in time) the totals count."""
    posted_ms: int
    """Up to when (a point in time) charges have posted."""
    contract_ms: int = 0
    """Sold so far, delivered or not."""
    unit_ms: int = 0
    """Run so far, without the host's silence and without waits of units that have left."""
    before_ms: int = 0
    """The part of it before the last posting."""
    topped_ms: int = 0
    """Added because released units owe at least 5 minutes; metered: scaled."""
    gone_ms: int = 0
    """Metered, scaled: the part of the use that belongs to units released before."""
    minimum_ms: int = 0
    """Metered, scaled: the least that the last units and those before them owe."""
    gaps: tuple[Span, ...] = ()
    """Silences of the host that are over and not billed, in time order."""
    past_gaps_ms: int = 0
    """The length of those that are settled: time, not unit-time."""
    silent_from_ms: int | None = None
    """Since when (a point in time) the host is silent."""
    metered_ms: int = 0
    """Settled posting periods, weighted by CPU share, scaled."""
    closed_from_ms: int = 0
    """When (a point in time) the last posted period began."""
    closed_ms: int = 0
    """The part of ``unit_ms`` in the last posted period, and the CPU used in it."""
    closed_cpu_ms: int = 0
    cpu_ms: int = 0
    """CPU its VMs used in the running posting period."""
    story: Story = field(default_factory=Story)
    """What explains its charges; no rule reads it."""

    @property
    def scale(self) -> int:
        """Unit-time is weighted in so many parts of a millisecond, to stay whole."""
        return 1 if self.mvcpu is None else MINIMUM_TAKE_DIVISOR * self.mvcpu

    # --- time passes, and what is found out about it later ---

    def accrue(self, units: int, now_ms: int) -> None:
        """Bring the running totals up to ``now_ms``. A silent host's time does not count."""
        if now_ms < self.start_ms:
            return
        elapsed_ms = now_ms - self.accrued_ms
        assert elapsed_ms >= 0, "time runs forward"
        self.contract_ms += units * elapsed_ms
        if self.silent_from_ms is None:
            self.unit_ms += units * elapsed_ms
        self.accrued_ms = now_ms

    def fall_silent(self, units: int, since_ms: int, now_ms: int) -> None:
        """The host has been silent since ``since_ms``: take back what accrued after it."""
        self.accrue(units, now_ms)
        if self.silent_from_ms is not None:
            return
        self.silent_from_ms = max(since_ms, self.start_ms)
        self._recount(without((self.silent_from_ms, now_ms), self.gaps), -units)

    def end_silence(self, units: int, now_ms: int, ran: bool) -> None:
        """The host is back; ``ran``: it proved that the VMs ran, so its silence is billed."""
        if self.silent_from_ms is None:
            return
        self.accrue(units, now_ms)
        gap = (self.silent_from_ms, now_ms)
        self.silent_from_ms = None
        if ran:
            self._recount(without(gap, self.gaps), units)
        elif gap[0] < now_ms:
            self.gaps += (gap,)

    def use_cpu(self, cpu_ms: int, from_ms: int, now_ms: int) -> None:
        """Count the CPU of a reading for the time since ``from_ms``, evenly over it.

        What falls before the last posting counts to the period posted then, and is charged with
        the next posting: readings do not come at the minute in which charges post.
        """
        late_ms = cpu_before(self.posted_ms, cpu_ms, from_ms, now_ms)
        self.cpu_ms += cpu_ms - late_ms
        self.closed_cpu_ms += late_ms

    def begin_period(self, units: int, now_ms: int) -> int:
        """A charge was posted: the next posting period begins. Returns the CPU of the last one."""
        if self.mvcpu is not None:
            closed_ms, _ = self.open_periods_ms()
            self.metered_ms += self._weighted(closed_ms, self.closed_cpu_ms)
        self.closed_from_ms, self.posted_ms = self.posted_ms, now_ms
        self.closed_ms, self.before_ms = self.unit_ms - self.before_ms, self.unit_ms
        self.closed_cpu_ms, self.cpu_ms = self.cpu_ms, 0
        if self.units.waits or self.gaps:
            self._settle_past()
        self.story.units = units
        return self.closed_cpu_ms

    def _settle_past(self) -> None:
        """What lies before the last posted period and can change no more is kept as totals.

        So a lease that lasts has no more spans than fit into two periods.
        """
        past_ms = self.closed_from_ms
        self.units.settle(self.delivered_spans(), past_ms, self.story)
        waits = (self.units.waits or {}).values()
        needed_ms = min([past_ms, *(wait.from_ms for wait in waits)])
        past = [gap for gap in self.gaps if gap[1] <= needed_ms]
        self.past_gaps_ms += length_ms(past)
        self.gaps = self.gaps[len(past) :]

    def _recount(self, spans: list[Span], units: int, closed_from_ms: int = 0) -> None:
        """Count ``spans`` for so many units more (or fewer), also in the periods they lie in.

        The last posted period stands for all before it that are later than ``closed_from_ms``.
        """
        self.unit_ms += units * length_ms(spans)
        self.before_ms += units * length_ms(cut(spans, 0, self.posted_ms))
        self.closed_ms += units * length_ms(cut(spans, closed_from_ms, self.posted_ms))

    # --- units leave ---

    def release_units(self, units: int, keys: list[int]) -> None:
        """``units`` leave the lease, ``keys`` those that had a VM: their waits are final."""
        self.units.fresh_units -= units - len(keys)
        if not keys:
            return
        delivered = self.delivered_spans()
        for key in keys:
            if self.units.waits and key in self.units.waits:
                waited = self.units.close(key, delivered, self.story)
                self._recount(waited, -1, self.closed_from_ms)
            else:
                waited_ms = self.units.forget_settled(key)
                self.unit_ms -= waited_ms
                self.before_ms -= waited_ms
        self.units.idle = tuple(key for key in self.units.idle if key not in keys)

    def owe_minimum(self, units: int, of_units: int, keys: list[int]) -> None:
        """``units`` of ``of_units`` are released by their buyer, ``keys`` those of them that had a
        VM: together they owe at least 5 minutes each.

        Units of a metered lease share alike in what it used. When all go, the last usage may still
        come: the minimum is compared at the final charge.
        """
        least = units * MINIMUM_SPOT_MS * self.scale
        if self.mvcpu is None:
            delivered = self.delivered_spans()
            unit_ms = length_ms(delivered) - self.past_gaps_ms
            waited_ms = sum(self.units.waited_ms(delivered, key) for key in keys)
            self.topped_ms += max(0, least - units * unit_ms + waited_ms)
        elif units == of_units:
            self.minimum_ms = self.gone_ms + least
        else:
            part = max(0, self.weighted_use() - self.gone_ms) * units // of_units
            self.gone_ms += part
            self.topped_ms += max(0, least - part)

    def owe_to_end(self, units: int, end_ms: int, now_ms: int) -> None:
        """``units`` of a window are given up: they are owed to its end all the same."""
        owed_ms = units * (end_ms - max(now_ms, self.start_ms))
        self.unit_ms += owed_ms
        self.contract_ms += owed_ms
        self.story.whole_ms += owed_ms

    # --- what is read from it ---

    def delivered_spans(self) -> list[Span]:
        """Return the lease's time so far without the host's silence."""
        to_ms = self.accrued_ms if self.silent_from_ms is None else self.silent_from_ms
        return without((self.start_ms, to_ms), self.gaps)

    def delivered_ms(self) -> int:
        """Return the unit-time that was there to be used: not silent, not awaited."""
        return self.unit_ms - self._unbilled_ms()

    def billed_use(self) -> int:
        """Return all that is billed up to when it has accrued to, scaled."""
        if self.mvcpu is None:
            return self.delivered_ms() + self.topped_ms
        return max(self.weighted_use(), self.minimum_ms) + self.topped_ms

    def billed_at_most(self, units: int, until_ms: int, now_ms: int) -> int:
        """Return the most that may be billed, scaled, when ``units`` run on to ``until_ms``.

        A silence that is not over may yet be owed, and CPU of the last posted period be reported.
        """
        unit_ms = units * (until_ms - max(now_ms, self.start_ms))
        if self.silent_from_ms is not None:
            unit_ms += units * max(0, now_ms - self.silent_from_ms)
        unit_ms += self.delivered_ms() if self.mvcpu is None else sum(self.open_periods_ms())
        return self.metered_ms + self.topped_ms + unit_ms * self.scale

    def weighted_use(self) -> int:
        """Return a metered lease's unit-time weighted by the CPU share of each posting period."""
        closed_ms, running_ms = self.open_periods_ms()
        closed = self._weighted(closed_ms, self.closed_cpu_ms)
        return self.metered_ms + closed + self._weighted(running_ms, self.cpu_ms)

    def open_periods_ms(self) -> tuple[int, int]:
        """Return the billed unit-time of the last posted period and of the running one."""
        closed_ms = self.closed_ms - self._unbilled_ms(self.closed_from_ms, self.posted_ms)
        running_ms = self.unit_ms - self.before_ms - self._unbilled_ms(self.posted_ms)
        return closed_ms, running_ms

    def _weighted(self, unit_ms: int, cpu_ms: int) -> int:
        """Return ``unit_ms`` x min(1, max(0.10, CPU share)), scaled."""
        assert self.mvcpu is not None, "only metered time is weighted"
        used = cpu_ms * MVCPU_PER_VCPU * MINIMUM_TAKE_DIVISOR
        return min(unit_ms * self.scale, max(unit_ms * self.mvcpu, used))

    def _unbilled_ms(self, from_ms: int = 0, to_ms: int = MAX_INT) -> int:
        """Return the unit-time between two times that is not billed because a VM was awaited.

        ``from_ms`` is 0 or not before ``closed_from_ms``.
        """
        if not self.units.waits:  # most leases, most of the time
            return 0 if from_ms else self.units.past_wait_ms
        return self.units.unbilled_ms(self.delivered_spans(), from_ms, to_ms)

    def fault(self, units: int) -> str | None:
        """Return which of the laws above is broken, None when all hold."""
        if not self.closed_from_ms <= self.posted_ms <= self.accrued_ms:
            return f"posted {self.closed_from_ms}, {self.posted_ms} of {self.accrued_ms}"
        if not 0 <= self.closed_ms <= self.before_ms <= self.unit_ms <= self.contract_ms:
            parts = (self.closed_ms, self.before_ms, self.unit_ms, self.contract_ms)
            return f"parts of the unit-time do not nest: {parts}"
        times = [at_ms for gap in self.gaps for at_ms in gap]
        if times != sorted(times):
            return f"silences are not in time order: {self.gaps}"
        return self.units.fault(units)


def cpu_before(at_ms: int, cpu_ms: int, from_ms: int, now_ms: int) -> int:
    """Return the part before ``at_ms`` of CPU used evenly between ``from_ms`` and now."""
    before_ms = min(at_ms, now_ms) - from_ms
    return cpu_ms * before_ms // (now_ms - from_ms) if before_ms > 0 else 0
