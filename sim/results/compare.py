"""Two results of `headroom sim run --json` beside each other: what differs, and how surely. Pure.

Where both ran a seed its runs are paired: what both share cancels out of the difference.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import hypot
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from sim.results.judged import Judged
from sim.results.stats import Estimate, estimate, paired


class Told(Struct, frozen=True):
    """What is read of the JSON object: scenario.md, "JSON output"."""

    schema: Literal[1]
    scenario: str
    seed: Annotated[int, Meta(ge=0, le=2**53)]
    runs: Annotated[int, Meta(ge=1, le=1000)]
    policies: dict[str, dict[str, Any]]
    digests: dict[str, list[str]]
    expect: list[Judged]
    passed: bool


class Gap(Struct, frozen=True):
    """A metric in both; ``gap`` is B less A, over the seeds that are paired or over all."""

    metric: str
    a: Estimate
    b: Estimate
    gap: Estimate

    @property
    def verdict(self) -> str:
        """Return what the whole 95 % interval of the difference says."""
        if len(self.gap.per_seed) < 2:
            return "one seed"
        if abs(self.gap.mean) <= self.gap.ci95:
            return "unsure"
        return "higher" if self.gap.mean > 0 else "lower"


class Policy(Struct, frozen=True):
    """``equal`` of ``common`` runs that both have were the same, event by event."""

    name: str
    gaps: list[Gap]
    equal: int
    common: int


class Change(Struct, frozen=True):
    """An expectation that is judged otherwise now."""

    text: str
    passed: bool | None
    """In B; None: B does not have it."""


class Comparison(Struct, frozen=True):
    """``seeds`` are those that both ran; without any, nothing is paired."""

    seeds: list[int]
    policies: list[Policy]
    only_a: list[str]
    only_b: list[str]
    changes: list[Change]

    @property
    def worse(self) -> bool:
        """Does an expectation fail that held before?"""
        return any(change.passed is False for change in self.changes)


def compare(a: Told, b: Told) -> Comparison:
    seeds = sorted(set(_seeds(a)) & set(_seeds(b)))
    columns_a, columns_b = dict(_columns(a)), dict(_columns(b))
    both = [name for name in columns_a if name in columns_b]
    return Comparison(
        seeds=seeds,
        policies=[_policy(name, columns_a[name], columns_b[name], seeds, a, b) for name in both],
        only_a=[name for name in columns_a if name not in columns_b],
        only_b=[name for name in columns_b if name not in columns_a],
        changes=list(_changes(a.expect, b.expect)),
    )


def _seeds(told: Told) -> range:
    return range(told.seed, told.seed + told.runs)


def _columns(told: Told) -> Iterator[tuple[str, dict[str, Estimate]]]:
    """Yield each policy's metrics, and those of each of its farms where there are several."""
    for name, metrics in told.policies.items():
        farms = msgspec.convert(metrics.get("farms", {}), dict[str, dict[str, Estimate]])
        own = {metric: value for metric, value in metrics.items() if metric != "farms"}
        yield name, msgspec.convert(own, dict[str, Estimate])
        for account, found in farms.items():
            if metrics["farms"][account] != own:  # the first farm's are the policy's
                yield f"{name} of {account}", found


def _policy(
    name: str,
    a: Mapping[str, Estimate],
    b: Mapping[str, Estimate],
    seeds: Sequence[int],
    told_a: Told,
    told_b: Told,
) -> Policy:
    gaps = [
        gap
        for metric, value in a.items()
        if metric in b and (gap := _gap(metric, value, b[metric], seeds, told_a, told_b))
    ]
    pairs = list(
        zip(
            _picked(told_a.digests.get(name, []), told_a, seeds),
            _picked(told_b.digests.get(name, []), told_b, seeds),
            strict=False,
        )
    )
    return Policy(name, gaps, sum(one == other for one, other in pairs), len(pairs))


def _gap(
    metric: str, a: Estimate, b: Estimate, seeds: Sequence[int], told_a: Told, told_b: Told
) -> Gap | None:
    """Return the difference, None where there is none."""
    left, right = _picked(a.per_seed, told_a, seeds), _picked(b.per_seed, told_b, seeds)
    if left and len(left) == len(right):
        if left == right:
            return None
        return Gap(metric, estimate(left), estimate(right), paired(right, left))
    if a == b:
        return None
    alone = min(len(a.per_seed), len(b.per_seed)) < 2
    seen = [] if alone else [*a.per_seed, *b.per_seed]
    return Gap(metric, a, b, Estimate(b.mean - a.mean, hypot(a.ci95, b.ci95), seen))


def _picked(per_seed: Sequence[Any], told: Told, seeds: Sequence[int]) -> list[Any]:
    """Return the values of ``seeds``; of runs that ended early nobody knows which they are."""
    if len(per_seed) != told.runs:
        return []
    return [per_seed[seed - told.seed] for seed in seeds]


def _changes(a: Sequence[Judged], b: Sequence[Judged]) -> Iterator[Change]:
    before, after = _by_place(a), _by_place(b)
    for place, one in before.items():
        other = after.get(place)
        if other is None:
            yield Change(f"{_name(one)}: only A has it", None)
        elif other.passed != one.passed:
            values = f"{one.value:.6g} in A, {other.value:.6g} in B"
            yield Change(f"{_name(one)}: {values}", other.passed)
    for place, other in after.items():
        if place not in before:
            yield Change(f"{_name(other)}: only B has it, {other.value:.6g}", other.passed)


def _by_place(judged: Sequence[Judged]) -> dict[tuple[str, str, float, int], Judged]:
    """Return the expectations by what they are about; alike ones by their number."""
    found: dict[tuple[str, str, float, int], Judged] = {}
    for one in judged:
        number = sum(place[:3] == (one.policy, one.metric, one.bound) for place in found)
        found[one.policy, one.metric, one.bound, number] = one
    return found


def _name(one: Judged) -> str:
    return f"{one.policy}: {one.metric}, bound {one.bound:g}"
