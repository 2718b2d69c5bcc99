"""What is known at one moment, and how long the conditions of a ``when`` rule have held.

Pure; time is integer milliseconds. Between two samples the last one counts, until it is stale. A
duration runs by the metric's definition, on ready units. Two guards of manager.md, "Rule guards",
live here: a missing or stale metric means no action; a rule fires only if its conditions also hold
with the units on order or booting counted as capacity, so a purchase under way is not made twice.
"""

from math import inf
from operator import ge, gt, le, lt
from typing import Final

from msgspec import Struct

from manager.core.rule import Condition, Metric, Rule

_COMPARE: Final = {">": gt, ">=": ge, "<": lt, "<=": le}


class Reading(Struct, frozen=True):
    """What is known at one moment. ``load_rps`` is ``None`` when missing or stale.

    ``ready`` counts the farm's own units and the bought ones in service, ``pending`` those on order
    or booting, ``going`` those recalled, which serve for a while but are no capacity to come.
    ``bought``: all bought units that stay (ready or pending). ``paid``: all bought units that cost
    and end only when we release them, also those draining or stopping.
    """

    load_rps: float | None
    unit_rps: float
    ready: int
    pending: int
    bought: int
    paid: int
    going: int = 0
    load_at_ms: int = 0
    """When the load was measured."""
    boot_p95_ms: int = 0

    @property
    def coming(self) -> int:
        """How many more units there will be in service when all under way is done."""
        return self.pending - self.going


class Held(Struct):
    """Since when each condition holds (``None``: it does not)."""

    since_ms: list[int | None]


def nothing_held(rule: Rule) -> Held:
    return Held([None] * len(rule.conditions))


def observe(rule: Rule, state: Held, reading: Reading, now_ms: int) -> None:
    """Note which conditions hold at ``now_ms``; a broken one loses the time it had held."""
    for index, condition in enumerate(rule.conditions):
        if not holds(condition, reading, coming=0):
            state.since_ms[index] = None
        elif state.since_ms[index] is None:
            state.since_ms[index] = now_ms


def confirmed(rule: Rule, reading: Reading) -> bool:
    """Tell whether all conditions hold with pending units counted as capacity too."""
    return all(holds(condition, reading, reading.coming) for condition in rule.conditions)


def held_from_ms(rule: Rule, state: Held) -> int | None:
    """Return when all conditions will have held for long enough, ``None`` if one does not hold."""
    held_ms = 0
    for condition, since_ms in zip(rule.conditions, state.since_ms, strict=True):
        if since_ms is None:
            return None
        held_ms = max(held_ms, since_ms + condition.for_ms)
    return held_ms


def holds(condition: Condition, reading: Reading, coming: int) -> bool:
    """Tell whether the condition is known to hold with ``coming`` more units in service."""
    value = metric_value(condition.metric, reading, coming)
    return value is not None and _COMPARE[condition.op](value, condition.value)


def metric_value(metric: Metric, reading: Reading, coming: int) -> float | None:
    """Return the metric with ``coming`` more units in service, ``None`` when it is not known."""
    match metric:
        case "units":
            return float(reading.bought)
        case "load":
            return reading.load_rps
        case "util":
            if reading.load_rps is None:
                return None
            return util_pct(reading.load_rps, reading.ready + coming, reading.unit_rps)


def util_pct(load_rps: float, units: int, unit_rps: float) -> float:
    """Return the load in percent of what ``units`` serve; without units any load is too much."""
    if units == 0:
        return inf if load_rps > 0 else 0.0
    return 100.0 * load_rps / (units * unit_rps)
