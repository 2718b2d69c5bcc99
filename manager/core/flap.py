"""Detects two rules that would undo each other: the loader warns before any money is spent.

A release just below its threshold raises the use of what is left: from ``below`` percent on
``have`` units to ``below * have / (have - step)``. When that reaches the ``above`` of a buying rule
the pair would buy and release for ever. Pure. Source: manager.md, "Rule guards".
"""

from collections.abc import Sequence
from typing import Final

from exchange.units import count_text
from manager.core.rule import Release, Rule

MAX_REACHABLE: Final = 1_000
"""How many bought units are tried when no rule has ``max_units``."""


def flap_warnings(rules: Sequence[Rule], core_units: int) -> list[str]:
    """Return one line for every pair of a buying and a releasing rule that would flap."""
    reachable = max((rule.max_units or MAX_REACHABLE for rule in rules if rule.buys), default=0)
    warnings: list[str] = []
    for buying in rules:
        above = _threshold(buying, (">", ">="))
        if not buying.buys or above is None:
            continue
        for releasing in rules:
            below = _threshold(releasing, ("<", "<="))
            if isinstance(releasing.action, Release) and below is not None:
                step = releasing.action.units or reachable
                have = _flapping_have(below, above, step, core_units, reachable)
                if have is not None:
                    warnings.append(_warning(buying, releasing, below, above, have))
    return warnings


def no_windows(rules: Sequence[Rule], where: str) -> list[str]:
    """Return one line for every rule that buys windows ``where`` there are none."""
    return [
        f"rule {rule.name!r}: forward: {where} has no windows: its hours are bought on spot"
        for rule in rules
        if rule.forward
    ]


def paused_rules(rules: Sequence[Rule]) -> list[str]:
    """Return one line for every rule that is paused in its file: played, it does nothing."""
    return [
        f"rule {rule.name!r}: paused: it does nothing here either" for rule in rules if rule.paused
    ]


def _threshold(rule: Rule, ops: tuple[str, ...]) -> float | None:
    return next((c.value for c in rule.conditions if c.metric == "util" and c.op in ops), None)


def _flapping_have(
    below: float, above: float, step: int, core_units: int, reachable: int
) -> int | None:
    """Return the fewest units in service from which one release would cause a purchase."""
    for bought in range(1, reachable + 1):
        have = core_units + bought
        left = have - min(step, bought)
        if below * have >= above * left:  # multiplied out: ``left`` may be 0
            return have
    return None


def _warning(buying: Rule, releasing: Rule, below: float, above: float, have: int) -> str:
    units = count_text(have, "unit")
    return (
        f"rules {releasing.name!r} and {buying.name!r} would flap: with {units} in service, "
        f"releasing at util {below:g} brings it back to {above:g} or more"
    )
