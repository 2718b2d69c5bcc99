"""The naive exchange's units, VMs and leases as records, and what is owed for them.

A lease keeps a row for every unit it ever had. What a unit is to be paid for is a list of spans of
time, cut out of its life from scratch whenever it is asked for; metered leases weigh those spans by
the CPU of each posting period. Part of `sim.oracle`; see there. Written from rules.md
5.2, 5.3, 5.4, 5.5.
"""

from dataclasses import dataclass, field
from typing import Final

from exchange.wire.requests import VmStart

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
MINUTE_MS: Final = 60_000
FUND_AHEAD_MS: Final = 10 * MINUTE_MS
FREE_BOOT_MS: Final = 2 * MINUTE_MS
MINIMUM_MS: Final = 5 * MINUTE_MS
NEVER_MS: Final = 10**15
"""Later than anything that is asked for."""

Span = tuple[int, int]
"""From (included) to (excluded)."""


def minus(spans: list[Span], holes: list[Span]) -> list[Span]:
    """What of ``spans`` lies in none of ``holes``."""
    for begin, end in holes:
        parts = [part for a, b in spans for part in ((a, min(b, begin)), (max(a, end), b))]
        spans = [(a, b) for a, b in parts if a < b]
    return spans


def within(spans: list[Span], begin_ms: int, end_ms: int) -> int:
    """How much of ``spans`` lies between two times."""
    return sum(max(0, min(b, end_ms) - max(a, begin_ms)) for a, b in spans)


def first_of(spans: list[Span], most_ms: int) -> list[Span]:
    """The first ``most_ms`` of ``spans``."""
    chosen = []
    for begin, end in spans:
        length_ms = min(most_ms, end - begin)
        chosen.append((begin, begin + length_ms))
        most_ms -= length_ms
    return chosen


@dataclass(eq=False)
class Launch:
    """How long a VM kept its buyer waiting."""

    asked_ms: int
    launched_ms: int | None = None
    awaited_until_ms: int | None = None
    """When it was ready, told to stop or gone: nobody waits for it any more."""


@dataclass(eq=False)
class Unit:
    """One unit of a lease, from its grant to its end; ``gaps`` are not billed."""

    since_ms: int
    until_ms: int | None = None
    gaps: list[Span] = field(default_factory=list)
    gap_from_ms: int | None = None
    """The host is silent since then, and nobody knows yet whether it ran."""
    first: Launch | None = None
    """That of the first VM that stood here: the wait for it is not billed."""
    vm: int | None = None
    """The number of the VM that stands here."""
    idle_turn: int = 0
    """Orders the units whose VM has gone."""

    def waited(self, there: list[Span]) -> list[Span]:
        """The wait for the first VM's launch, and at most 120 s of its boot.

        ``there``: the unit's life without its host's silence, of which the 120 s are counted.
        """
        launch = self.first
        if launch is None:
            return []
        over_ms = NEVER_MS if launch.awaited_until_ms is None else launch.awaited_until_ms
        if launch.launched_ms is None:
            return [(launch.asked_ms, over_ms)]
        began_ms = launch.launched_ms
        boot = [(max(begin_ms, began_ms), min(end_ms, over_ms)) for begin_ms, end_ms in there]
        boot = first_of([span for span in boot if span[0] < span[1]], FREE_BOOT_MS)
        return [(launch.asked_ms, launch.launched_ms), *boot]

    def billed(self, now_ms: int) -> list[Span]:
        """The time it is to be paid for so far."""
        end_ms = now_ms if self.until_ms is None else self.until_ms
        silent = [(self.gap_from_ms, NEVER_MS)] if self.gap_from_ms is not None else []
        there = minus([(self.since_ms, end_ms)], self.gaps + silent)
        return minus(there, self.waited(there))


@dataclass(eq=False)
class Lease:
    """What a buyer has on one host."""

    number: int
    buyer: str
    seller: str
    symbol: str
    host: str
    price_ucr: int
    start_ms: int
    living: list[Unit]
    hold_ucr: int
    paid_until_ms: int
    bond_ucr: int
    """Of one unit."""
    mvcpu: int
    """Of its class."""
    ends_ms: int | None = None
    """When all of it ends: a window's end, or once a recall or lack of money fixed it."""
    charged_ucr: int = 0
    recalls: list[tuple[int, int]] = field(default_factory=list)
    release: tuple[int, int] | None = None
    """A release set for later: when, and how many units (0: all)."""
    past: list[Unit] = field(default_factory=list)
    """Units that ended before the others."""
    begun: bool = True
    posts: list[int] = field(default_factory=list)
    """When charges were posted: each begins a new posting period."""
    cpu_ms: list[int] = field(default_factory=lambda: [0])
    """CPU used in each posting period."""
    topped: int = 0
    """Owed on top because released units owe 5 min at least; as `use`."""
    gone: int = 0
    """Metered: what the units released before the last ones had used; as `use`."""
    least: int = 0
    """Metered: what all units together owe at least; as `use`."""
    over: str | None = None
    """Why it ended."""
    closed: bool = False
    """Its last charge is posted."""
    last_usage_by_ms: int | None = None
    """Metered and over: how long the final charge waits for the last readings."""
    kept: int = 0
    """Units whose slots are still taken while it waits."""

    @property
    def units(self) -> int:
        return self.kept if self.over else len(self.living)

    @property
    def spot(self) -> bool:
        return self.symbol.endswith(".spot")

    @property
    def metered(self) -> bool:
        return ".metered." in self.symbol

    @property
    def class_name(self) -> str:
        return self.symbol.partition(".")[0]

    @property
    def state(self) -> str:
        """Granted, active, ending and ended, as its two sides are told."""
        if self.closed:
            return "ended"
        if self.over or (self.recalls and not self.recallable):
            return "ending"
        return "active" if self.begun else "granted"

    @property
    def silent(self) -> bool:
        """Is its host silent, or back without having been heard out?"""
        return any(unit.gap_from_ms is not None for unit in self.living)

    @property
    def recallable(self) -> int:
        return max(0, self.units - sum(units for _, units in self.recalls)) if self.spot else 0

    @property
    def post_ms(self) -> int:
        """When the next hourly charge posts."""
        return (self.posts[-1] if self.posts else self.start_ms) + HOUR_MS

    # --- what is owed ---

    @property
    def scale(self) -> int:
        """In so many parts a unit's millisecond is counted; 10 % of a class's CPU is whole then."""
        return 10 * self.mvcpu if self.metered else 1

    def use_by_period(self, now_ms: int, *, full: int = 0) -> int:
        """All billed unit-time, metered weighted by the share of the CPU used in each period.

        The last ``full`` posting periods count as if all the CPU had been used.
        """
        spans = [span for unit in self.living + self.past for span in unit.billed(now_ms)]
        if not self.metered:
            return within(spans, 0, NEVER_MS)
        total = 0
        begins, ends = [0, *self.posts], [*self.posts, NEVER_MS]
        for at, (begin_ms, end_ms) in enumerate(zip(begins, ends, strict=True)):
            most = within(spans, begin_ms, end_ms) * 10 * self.mvcpu
            used = max(most // 10, self.cpu_ms[at] * 10 * 1000)
            total += most if at >= len(ends) - full else min(most, used)
        return total

    def owed_ucr(self, now_ms: int) -> int:
        """Price x all that was used, rounded up once."""
        used = max(self.use_by_period(now_ms), self.least) + self.topped
        return -(-self.price_ucr * used // (HOUR_MS * self.scale))

    def needed_ucr(self, until_ms: int, now_ms: int) -> int:
        """What must be held to run on until then.

        Time in doubt may yet be owed, and CPU of the last posting period may yet be told.
        """
        used = self.use_by_period(now_ms, full=2) + self.topped
        doubt_ms = sum(
            max(0, now_ms - unit.gap_from_ms)
            for unit in self.living
            if unit.gap_from_ms is not None
        )
        ahead_ms = self.units * (until_ms - max(now_ms, self.start_ms))
        used += (doubt_ms + ahead_ms) * self.scale
        return -(-self.price_ucr * used // (HOUR_MS * self.scale)) - self.charged_ucr

    # --- when ---

    def fund_ms(self) -> int | None:
        """When the next hour must be held; never when the end is fixed before it."""
        if self.ends_ms is not None and self.ends_ms <= self.paid_until_ms:
            return None
        return self.paid_until_ms - FUND_AHEAD_MS

    def due(self) -> list[int]:
        """Every time at which something happens to it by itself."""
        if self.last_usage_by_ms is not None:
            return [self.last_usage_by_ms]
        release = [self.release[0]] if self.release else []
        if not self.begun:
            return [self.start_ms, *release]
        maybe = (self.ends_ms, self.fund_ms())
        ends = [t for t in maybe if t is not None]
        return [self.post_ms, *release, *ends, *(t for t, _ in self.recalls)]

    def postpone_release(self, down_since_ms: int, now_ms: int) -> None:
        """The exchange was down: what was left of the wait is left again, and a minute more."""
        if self.release and not self.over and self.release[0] < now_ms + MINUTE_MS:
            left_ms = min(30 * MINUTE_MS, max(0, self.release[0] - down_since_ms))
            self.release = now_ms + left_ms + MINUTE_MS, self.release[1]


@dataclass(eq=False)
class Vm:
    """A VM, from its request to its end."""

    number: int
    asked: VmStart
    lease: Lease
    unit: Unit | None
    """Where it stands; None once that unit has left the lease."""
    launch: Launch
    launch_by_ms: int | None
    read_ms: int
    """When its CPU was read last; to begin with, when it was asked for."""
    state: str = "requested"
    news: tuple[str | None, int | None] = (None, None)
    """The reason and ready_ms its host told last."""
    boot: str = ""
    seen_ms: int = 0
    """The last reading of this boot."""
    cpu_ms: int = 0
    stopping_ms: int = 0
    """Since when its host is to stop it, or does."""
    grace_ms: int = 0
    """How long it may take to stop by itself."""
    before: Lease | None = None
    """The metered lease it came from, which waits for its next reading."""
