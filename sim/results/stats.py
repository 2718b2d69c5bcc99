"""Means, their 95 % confidence intervals, and percentiles, over a handful of seeds."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from msgspec import Struct

# Two-sided 95 % quantiles of Student's t for 1..30 degrees of freedom.
_T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


class Estimate(Struct, frozen=True):
    """A mean over seeds; ``ci95`` is half the width of its 95 % confidence interval."""

    mean: float
    ci95: float
    per_seed: list[float]


def estimate(per_seed: Sequence[float]) -> Estimate:
    """Return mean and interval; one seed has no spread, so its interval has no width."""
    count = len(per_seed)
    if count == 1:
        return Estimate(per_seed[0], 0.0, list(per_seed))
    half = t95(count - 1) * stdev(per_seed) / math.sqrt(count)
    return Estimate(fmean(per_seed), half, list(per_seed))


def paired(left: Sequence[float], right: Sequence[float]) -> Estimate:
    """Return the estimate of ``left - right``, seed by seed: what both runs share cancels out."""
    return estimate([a - b for a, b in zip(left, right, strict=True)])


def t95(degrees: int) -> float:
    """Return Student's t for a two-sided 95 % interval; past 30 degrees a close bound above."""
    return _T95[degrees - 1] if degrees <= len(_T95) else 1.96 + 2.5 / degrees


def percentile(values: Sequence[float], pct: float) -> float:
    """Return the smallest value that at least ``pct`` % of ``values`` do not exceed, or 0."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * pct / 100) - 1)]
