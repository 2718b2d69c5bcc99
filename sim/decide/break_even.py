"""The price at which the winner and the best alternative of another kind cost the same.

Found by running one of the two again at other prices: a cloud's list price, or every price on the
exchange times a factor. Where the bill is linear in the price, the first guess is right.
"""

import math
from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from sim.decide.decision import BreakEven, Decision, Point
from sim.results.stats import Estimate
from sim.scenario.policy import MAX_PRICE_CREDITS, MIN_PRICE_CREDITS
from sim.scenario.tables import Policy, Scenario

MAX_RERUNS: Final = 12
CLOSE: Final = 0.001
"""Costs this close, as a share of what the other costs, are the same."""

Metrics = dict[str, Estimate]
Rerun = Callable[[Scenario, str, float], Metrics]
"""(scenario, policy, factor): run it with every seed."""


class Pair(Struct, frozen=True):
    """``priced`` is run again at other prices, ``other`` costs what it costs."""

    priced: Point
    other: Point


class Guess(Struct, frozen=True):
    """``gap``: what the priced one costs more at ``factor``."""

    factor: float
    gap: float
    metrics: Metrics


def pair(decision: Decision) -> Pair | None:
    """Return whom to compare, None when no price is between them.

    A cloud's price goes first: the cloud does not react to what one pays.
    """
    best = decision.points[decision.best]
    others = [point for point in decision.points if point.kind != best.kind]
    if best.kind not in ("cloud", "exchange"):
        others = [point for point in others if point.kind in ("cloud", "exchange")]
    if not others:
        return None
    other = min(others, key=lambda point: point.total_cost.mean)
    order = ("cloud", "exchange", "spares", "none")
    priced, against = sorted((best, other), key=lambda point: order.index(point.kind))
    return Pair(priced, against)


def break_even(found: Pair, scenario: Scenario, rerun: Rerun) -> BreakEven | None:
    """Return the price, None when there is none that can be found.

    ``scenario`` is that of the priced point.
    """
    priced, other = found.priced, found.other

    def at(factor: float) -> Guess:
        metrics = rerun(priced_at(scenario, priced, factor), priced.policy, factor)
        return _guess(factor, metrics, other)

    solved = solve(_guess(1.0, priced.metrics, other), other.total_cost.mean, at)
    if solved is None:
        return None
    return BreakEven(
        price=_price(scenario.policy[priced.policy], solved),
        of=priced.kind,
        label=priced.label,
        against=other.label,
        factor=solved.factor,
        total_cost=solved.metrics["total_cost"].mean,
    )


def solve(first: Guess, cost: float, at: Callable[[float], Guess]) -> Guess | None:
    """Return a guess whose gap is close to 0 beside ``cost``, with at most `MAX_RERUNS` more.

    The bill at ``first`` gives the slope of the first step; then it is the secant through the last
    two. Once the root lies between two guesses, a step never leaves them.
    """
    guesses = [first]
    bill = first.metrics["cost"].mean
    factor = first.factor - first.gap / bill if bill > 0 else 0.0
    for _ in range(MAX_RERUNS):
        if not _close(guesses[-1], cost):
            if not (factor > 0 and math.isfinite(factor)):
                return None
            guesses.append(at(factor))
        if _close(guesses[-1], cost):
            return guesses[-1]
        factor = _next(guesses)
    return None


def _close(guess: Guess, cost: float) -> bool:
    return abs(guess.gap) <= max(abs(cost) * CLOSE, 1e-9)


def _next(guesses: list[Guess]) -> float:
    last, before = guesses[-1], guesses[-2]
    factor = _line(before, last) if abs(last.gap - before.gap) > 1e-12 else math.nan
    below = [guess.factor for guess in guesses if guess.gap < 0]
    above = [guess.factor for guess in guesses if guess.gap > 0]
    if below and above:
        ends = min(((one, two) for one in below for two in above), key=lambda e: abs(e[0] - e[1]))
        return factor if min(ends) < factor < max(ends) else math.sqrt(ends[0] * ends[1])
    return min(max(factor, last.factor / 4), last.factor * 4)


def _line(one: Guess, other: Guess) -> float:
    return one.factor - one.gap * (other.factor - one.factor) / (other.gap - one.gap)


def _guess(factor: float, metrics: Metrics, other: Point) -> Guess:
    return Guess(factor, metrics["total_cost"].mean - other.total_cost.mean, metrics)


def _price(policy: Policy, solved: Guess) -> float:
    if policy.tariff is not None:
        return _in_bounds(policy.tariff.price * solved.factor)
    return solved.metrics["price_mean"].mean


def priced_at(scenario: Scenario, point: Point, factor: float) -> Scenario:
    """Return ``scenario`` with the prices that ``point`` pays times ``factor``."""
    policy = scenario.policy[point.policy]
    if point.kind == "cloud":
        changed = _cloud_at(policy, factor)
        return replace(scenario, policy={**scenario.policy, point.policy: changed})
    sellers = [replace(one, price=_in_bounds(one.price * factor)) for one in scenario.seller]
    traders = [
        one if one.price is None else replace(one, price=_in_bounds(one.price * factor))
        for one in scenario.trader
    ]
    return replace(scenario, seller=sellers, trader=traders)


def _cloud_at(policy: Policy, factor: float) -> Policy:
    if policy.list_price is not None:
        return replace(policy, list_price=_in_bounds(policy.list_price * factor))
    assert policy.cloud is not None, "a cloud has a price"
    return replace(
        policy, cloud=replace(policy.cloud, price=_in_bounds(policy.cloud.price * factor))
    )


def _in_bounds(price: float) -> float:
    return round(min(max(price, MIN_PRICE_CREDITS), MAX_PRICE_CREDITS), 6)
