"""The decision between points: the front, the winner, how sure it is. Pure.

All differences are paired by seed. A point stands for a policy, perhaps with changed settings.
"""

import math
from statistics import stdev
from typing import Final, NamedTuple

from msgspec import Struct

from exchange.units import count_text
from sim.decide.vary import Setting
from sim.results.stats import Estimate, paired, t95

MAX_SEEDS: Final = 1000
"""As many as a scenario may run."""


class Point(Struct, frozen=True):
    """``kind``: where its units come from: exchange, cloud, spares or none."""

    policy: str
    vary: dict[str, Setting]
    label: str
    kind: str
    metrics: dict[str, Estimate]

    @property
    def total_cost(self) -> Estimate:
        return self.metrics["total_cost"]

    @property
    def violated_pct(self) -> Estimate:
        return self.metrics["slo_violation_pct"]


class BreakEven(Struct, frozen=True):
    """The ``price`` per unit-hour at which ``label`` costs as much as ``against``.

    ``of`` is whose price: the exchange's or the cloud's; ``factor`` is how much it has to change.
    """

    price: float
    of: str
    label: str
    against: str
    factor: float
    total_cost: float


class Decision(Struct, frozen=True):
    """``gaps``: what each point costs more than the ``best``. ``front``, ``best``, ``winner`` and
    ``rival`` are places in ``points``; without a ``winner`` the best may be so by chance."""

    world: dict[str, Setting]
    points: list[Point]
    gaps: list[Estimate]
    front: list[int]
    best: int
    winner: int | None
    rival: int | None
    as_good: list[int]
    """Other settings of the best one's policy that cannot be told from it."""
    sure: bool
    digits: int
    """Decimals of the sums."""
    sentence: str
    break_even: BreakEven | None = None
    looked: bool = False
    """Has a break-even price been looked for?"""


def decide(world: dict[str, Setting], points: list[Point]) -> Decision:
    """Return who costs least, and whether that can be chance."""
    totals = [point.total_cost for point in points]
    best = min(range(len(points)), key=lambda index: totals[index].mean)
    gaps = [paired(total.per_seed, totals[best].per_seed) for total in totals]
    rivals = _rivals(points, best)
    close = [index for index in rivals if _close(gaps[index])]
    rival = min(close or rivals, key=lambda index: totals[index].mean, default=None)
    seeds = len(totals[best].per_seed)
    winner = None if close else best
    sure = winner is not None and rival is not None and seeds > 1
    digits = _digits([total.mean for total in totals])
    return Decision(
        world=world,
        points=points,
        gaps=gaps,
        front=front([(point.total_cost.mean, point.violated_pct.mean) for point in points]),
        best=best,
        winner=winner,
        rival=rival,
        as_good=[index for index in _settings(points, best) if _close(gaps[index])],
        sure=sure,
        digits=digits,
        sentence=_Words(points, gaps, digits).sentence(best, rival, winner),
    )


def front(pairs: list[tuple[float, float]]) -> list[int]:
    """Return the places of those that nothing beats: as low in both, and lower in one."""
    order = sorted(range(len(pairs)), key=lambda index: pairs[index])
    found: list[int] = []
    least = math.inf
    for index in order:
        if pairs[index][1] < least or (found and pairs[index] == pairs[found[-1]]):
            found.append(index)
            least = pairs[index][1]
    return sorted(found)


def seeds_needed(gap: Estimate) -> int | None:
    """Return how many seeds would tell such a difference from 0; None beyond `MAX_SEEDS`."""
    spread = stdev(gap.per_seed) if len(gap.per_seed) > 1 else 0.0
    for count in range(2, MAX_SEEDS + 1):
        if t95(count - 1) * spread / math.sqrt(count) < abs(gap.mean):
            return count
    return None


def money(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def _digits(sums: list[float]) -> int:
    """Return the decimals that give the least sum three digits, and the largest at most eight."""
    least = min((value for value in sums if value > 0), default=1.0)
    wanted = max(2, min(6, 2 - math.floor(math.log10(least))))
    return max(0, min(wanted, 7 - math.floor(math.log10(max(1.0, *sums)))))


def _close(gap: Estimate) -> bool:
    """Can a difference that is not below 0 be chance?"""
    return gap.mean - gap.ci95 <= 0


def _rivals(points: list[Point], best: int) -> list[int]:
    """Return the points of other policies; of one policy alone, its other settings."""
    others = [index for index in range(len(points)) if points[index].policy != points[best].policy]
    return others or _settings(points, best)


def _settings(points: list[Point], best: int) -> list[int]:
    same = [index for index in range(len(points)) if points[index].policy == points[best].policy]
    return [index for index in same if index != best]


class _Words(NamedTuple):
    points: list[Point]
    gaps: list[Estimate]
    digits: int

    def sentence(self, best: int, rival: int | None, winner: int | None) -> str:
        first = self.points[best]
        total = first.total_cost
        seeds = len(total.per_seed)
        costs = f"{first.label} costs {self._sum(total)} credits"
        if rival is None:
            return f"{costs}; there is nothing to compare it with"
        other, gap = self.points[rival], self.gaps[rival]
        if winner is None:
            return self._no_winner(first, other, gap)
        less = f"{costs}, {self._gap(gap)} less than {other.label}"
        if seeds == 1:
            return f"{less}, with one seed: more seeds tell whether by chance"
        below = sum(value > 0 for value in gap.per_seed)
        return f"{less}: in {below} of {seeds} seeds, the whole 95 % interval is below 0"

    def _no_winner(self, first: Point, other: Point, gap: Estimate) -> str:
        both = " and ".join(
            f"{point.label} ({money(point.total_cost.mean, self.digits)})"
            for point in (first, other)
        )
        if not any(gap.per_seed):
            return f"no winner: {both} cost the same with every seed"
        needed = seeds_needed(gap)
        would = f"about {needed:,} seeds would" if needed else f"{MAX_SEEDS:,} would not do either"
        seeds = count_text(len(gap.per_seed), "seed")
        return f"no winner: {both} cannot be told apart with {seeds}; {would}"

    def _gap(self, gap: Estimate) -> str:
        """Decimals enough to see that the interval leaves out 0."""
        spare = gap.mean - gap.ci95
        digits = max(self.digits, math.ceil(1 - math.log10(spare))) if spare > 0 else self.digits
        return _Words(self.points, self.gaps, min(digits, 6))._sum(gap)

    def _sum(self, value: Estimate) -> str:
        mean = money(value.mean, self.digits)
        return f"{mean} ± {money(value.ci95, self.digits)}" if len(value.per_seed) > 1 else mean
