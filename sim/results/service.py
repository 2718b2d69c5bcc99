"""Measures how well the farm served its load: violations and SPEC elasticity, from two step
functions.

``loads`` holds the load of every sample period, ``ready`` the units in service from each time on.
Both are piecewise constant, so the integrals here are exact. Pure. Source: scenario.md, "Metrics";
the elasticity metrics are those of the SPEC cloud group (theta: how far, tau: how long).
"""

import math
from collections.abc import Iterator

from msgspec import Struct

from exchange.units import MS_PER_HOUR, MS_PER_SECOND


class Service(Struct, frozen=True):
    """What is fixed: capacity of a unit, the promised use of it, and the farm's own units."""

    unit_rps: float
    slo_util: float
    core_units: int
    step_ms: int

    def need(self, load_rps: float) -> int:
        """Return the units that serve ``load_rps`` within the promise.

        Never below the farm's own units: they are there whatever the policy does.
        """
        exact = load_rps / (self.unit_rps * self.slo_util)
        return max(self.core_units, math.ceil(exact - 1e-9), 1)


class Quality(Struct, frozen=True):
    """In percent: of the requests (violation), of the need (theta), of the time (tau)."""

    slo_violation_pct: float
    theta_under_pct: float
    theta_over_pct: float
    tau_under_pct: float
    tau_over_pct: float
    violated_requests: float = 0.0
    unit_hours: float = 0.0
    """Of the units in service, the farm's own included."""


def quality(service: Service, loads: list[float], ready: list[tuple[int, int]]) -> Quality:
    """Return how good the supply was over ``len(loads) x step_ms`` from time 0.

    ``ready`` is a list of (at_ms, units) in time order; its first entry stands at or before 0.
    """
    offered = excess = under = over = under_ms = over_ms = unit_ms = 0.0
    for span_ms, load, units in spans(service, loads, ready):
        need = service.need(load)
        offered += load * span_ms
        excess += max(0.0, load - service.slo_util * units * service.unit_rps) * span_ms
        under += max(0, need - units) / need * span_ms
        over += max(0, units - need) / need * span_ms
        under_ms += span_ms if units < need else 0
        over_ms += span_ms if units > need else 0
        unit_ms += units * span_ms
    total_ms = len(loads) * service.step_ms
    return Quality(
        slo_violation_pct=100 * excess / offered if offered else 0.0,
        theta_under_pct=100 * under / total_ms,
        theta_over_pct=100 * over / total_ms,
        tau_under_pct=100 * under_ms / total_ms,
        tau_over_pct=100 * over_ms / total_ms,
        violated_requests=excess / MS_PER_SECOND,
        unit_hours=unit_ms / MS_PER_HOUR,
    )


def spans(
    service: Service, loads: list[float], ready: list[tuple[int, int]]
) -> Iterator[tuple[int, float, int]]:
    """Yield (span_ms, load, units) over the run, cut wherever either of the two changes."""
    assert ready, "the units at the start are known"
    assert ready[0][0] <= 0, "the first units stand before the start"
    index = 0
    for number, load in enumerate(loads):
        at_ms, end_ms = number * service.step_ms, (number + 1) * service.step_ms
        while at_ms < end_ms:
            while index + 1 < len(ready) and ready[index + 1][0] <= at_ms:
                index += 1
            change_ms = ready[index + 1][0] if index + 1 < len(ready) else end_ms
            until_ms = min(end_ms, change_ms)
            yield until_ms - at_ms, load, ready[index][1]
            at_ms = until_ms


def buckets(
    service: Service, loads: list[float], ready: list[tuple[int, int]], count: int
) -> tuple[list[float], list[float]]:
    """Return the time-weighted mean units in service and needed, in ``count`` equal parts."""
    total_ms = len(loads) * service.step_ms
    units_sum, need_sum = [0.0] * count, [0.0] * count
    at_ms = 0
    for span_ms, load, units in spans(service, loads, ready):
        need = service.need(load)
        for index, part_ms in _shares(at_ms, at_ms + span_ms, total_ms / count):
            index = min(index, count - 1)
            units_sum[index] += units * part_ms
            need_sum[index] += need * part_ms
        at_ms += span_ms
    width_ms = total_ms / count
    return [value / width_ms for value in units_sum], [value / width_ms for value in need_sum]


def _shares(from_ms: float, to_ms: float, width_ms: float) -> Iterator[tuple[int, float]]:
    """Yield (bucket, time in it) of the span, for buckets ``width_ms`` wide."""
    while from_ms < to_ms:
        index = int(from_ms / width_ms + 1e-9)
        until_ms = min(to_ms, (index + 1) * width_ms)
        yield index, until_ms - from_ms
        from_ms = until_ms
