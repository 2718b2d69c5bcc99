"""Bursts that the administrator starts by hand: like a rule's, but no rule ends them. Pure.

Their orders are called ``rule/+VM/...``: no rule has such a name, and after a restart it tells what
runs on the units. Rules count these units and leave them alone; a budget, `BurstEnd` or the release
of everything gives them back. Source: manager.md, "While it runs".
"""

from typing import Final

from exchange.units import MS_PER_MINUTE
from manager.core.rule import Buy, Rule

MARK: Final = "+"
"""What a rule's name cannot begin with."""
REST_MS: Final = 10 * MS_PER_MINUTE
"""So long what nobody offers stays in the book as a bid."""


def by_hand(rule_name: str) -> bool:
    return rule_name.startswith(MARK)


def hand_name(vm: str) -> str:
    """Return the name under which units for ``vm`` are bought."""
    return MARK + vm


def vm_bought(rule_name: str) -> str:
    """Return the stored VM of a name that `hand_name` made."""
    return rule_name[len(MARK) :]


def whose(rule_name: str) -> str:
    """Return in words who bought: ``rule burst``, ``by hand for web``."""
    return f"by hand for {vm_bought(rule_name)}" if by_hand(rule_name) else f"rule {rule_name}"


def hand_rule(vm: str, units: int, price_ucr: int, zones: tuple[str, ...]) -> Rule:
    """Return the rule that stands for one purchase by hand; it has no condition."""
    return Rule(
        name=hand_name(vm),
        conditions=(),
        action=Buy(units),
        cooldown_ms=REST_MS,
        price_max_ucr=price_ucr,
        max_units=None,
        budget_day_ucr=None,
        zones=zones,
        vm=vm,
    )
