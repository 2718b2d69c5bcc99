"""Evaluating rules over time: how long a condition has held, and when a rule may fire next.

Pure; time is integer milliseconds. Between two samples the last one counts, until it is stale.
Three guards of scenario.md live here: a missing or stale metric means no action; a condition must
hold both on the ready units and with those on order or booting counted as capacity, so a purchase
under way is not made twice; nothing fires within its cool-down.
"""

from math import inf
from operator import ge, gt, le, lt
from typing import Final

from msgspec import Struct

from manager.rule import Condition, Rule

_COMPARE: Final = {">": gt, ">=": ge, "<": lt, "<=": le}


class Reading(Struct, frozen=True):
    """What is known at one moment. ``load_rps`` is ``None`` when missing or stale.

    ``ready`` counts the farm's own units and the bought ones in service, ``pending`` those on
    order or booting, ``bought`` all bought units not on their way out (ready or pending).
    """

    load_rps: float | None
    unit_rps: float
    ready: int
    pending: int
    bought: int


class RuleState(Struct):
    """Since when each condition holds (``None``: it does not), and when the rule last fired."""

    since_ms: list[int | None]
    fired_ms: int | None = None


def new_state(rule: Rule) -> RuleState:
    return RuleState([None] * len(rule.conditions))


def observe(rule: Rule, state: RuleState, reading: Reading, now_ms: int) -> None:
    """Note which conditions hold at ``now_ms``; a broken one loses the time it had held."""
    for index, condition in enumerate(rule.conditions):
        if not condition_holds(condition, reading):
            state.since_ms[index] = None
        elif state.since_ms[index] is None:
            state.since_ms[index] = now_ms


def due_ms(rule: Rule, state: RuleState) -> int | None:
    """Return the first moment the rule may fire if nothing changes, or ``None``."""
    due = 0 if state.fired_ms is None else state.fired_ms + rule.cooldown_ms
    for condition, since_ms in zip(rule.conditions, state.since_ms, strict=True):
        if since_ms is None:
            return None
        due = max(due, since_ms + condition.for_ms)
    return due


def condition_holds(condition: Condition, reading: Reading) -> bool:
    """Tell whether the condition is known to hold, now and once pending units are ready."""
    values = metric_values(condition.metric, reading)
    if values is None:
        return False
    compare = _COMPARE[condition.op]
    return all(compare(value, condition.value) for value in values)


def metric_values(metric: str, reading: Reading) -> tuple[float, ...] | None:
    """Return the metric on ready capacity and with pending units, or ``None`` when unknown."""
    if metric == "units":
        return (float(reading.bought),)
    if reading.load_rps is None:
        return None
    if metric == "load":
        return (reading.load_rps,)
    return (
        util_pct(reading.load_rps, reading.ready, reading.unit_rps),
        util_pct(reading.load_rps, reading.ready + reading.pending, reading.unit_rps),
    )


def util_pct(load_rps: float, units: int, unit_rps: float) -> float:
    """Return the load in percent of what ``units`` serve; without units any load is too much."""
    if units == 0:
        return inf if load_rps > 0 else 0.0
    return 100.0 * load_rps / (units * unit_rps)
