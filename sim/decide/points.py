"""Which points a decision compares: each policy with each value that is varied. Pure.

What the buyer does not choose, such as a seller's price or a fault's time, makes another world;
points of two worlds are never compared.
"""

import re
from itertools import product
from typing import Final

from msgspec import Struct

from exchange.units import count_text
from sim.decide.vary import Setting, Vary, VaryError, varied, whole_paths
from sim.scenario.policy import rule_texts
from sim.scenario.tables import Policy, Scenario

MAX_POINTS: Final = 500

Settings = dict[str, Setting]


class Choice(Struct, frozen=True):
    """A policy under ``settings``, of which it heeds ``vary``."""

    policy: str
    vary: Settings
    label: str
    scenario: Scenario


class Setup(Struct, frozen=True):
    """The choices in one world; ``world`` is what was varied in it."""

    world: Settings
    choices: list[Choice]


def setups(scenario: Scenario, varies: list[Vary], policies: list[str]) -> list[Setup]:
    """Return the product of all ``varies``, world by world. Raises `VaryError`."""
    twice = [one.path for one in varies if [other.path for other in varies].count(one.path) > 1]
    if twice:
        raise VaryError(f"{twice[0]}: is varied twice")
    for one in varies:
        varied(scenario, {one.path: one.values[0]})  # a wrong path is told before their number
    chosen = [one for one in varies if _is_choice(scenario, one.path)]
    given = [one for one in varies if one not in chosen]
    heeded = {name: [one for one in chosen if _heeds(scenario, name, one)] for name in policies}
    for one in chosen:
        if not any(one in ones for ones in heeded.values()):
            raise VaryError(f"{one.path}: none of {', '.join(policies)} heeds it")
    worlds = _product(given)
    count = len(worlds) * sum(len(_product(ones)) for ones in heeded.values())
    if count > MAX_POINTS:
        raise VaryError(f"{count_text(count, 'point')} to run; at most {MAX_POINTS} go")
    return [
        Setup(
            world,
            [
                _choice(scenario, name, world, vary)
                for name, ones in heeded.items()
                for vary in _product(ones)
            ],
        )
        for world in worlds
    ]


def kind_of(policy: Policy) -> str:
    """Return where the units come from: cloud, exchange, spares, or none."""
    if policy.tariff is not None:
        return "cloud"
    if policy.units or rule_texts(policy):
        return "exchange"
    return "spares" if policy.spares else "none"


def _choice(scenario: Scenario, name: str, world: Settings, vary: Settings) -> Choice:
    changed = varied(scenario, {**world, **vary})
    parts = [_part(changed, path, value, list(vary)) for path, value in vary.items()]
    return Choice(name, vary, " at ".join([name, *([", ".join(parts)] if parts else [])]), changed)


def _part(scenario: Scenario, path: str, value: Setting, paths: list[str]) -> str:
    path = re.sub(r"\.\d+\Z", "", path)  # one condition of a list
    words = path.split(".")
    if words[-1] in ("when", "do"):
        return _rule_text(scenario, whole_paths(scenario, path)[0])
    same = [other for other in paths if other.rpartition(".")[2] == words[-1]]
    return f"{' '.join(words[-1:] if len(same) == 1 else words[-2:])} {value}"


def _rule_text(scenario: Scenario, path: str) -> str:
    _, rest = path.split(".rule.")
    name, _, key = rest.rpartition(".")
    for policy_name, policy in scenario.policy.items():
        for rule in policy.rule or []:
            if path.startswith(f"policy.{policy_name}.rule.") and rule.name == name:
                text = getattr(rule, key)
                texts = [text] if isinstance(text, str) else text or []
                return " and ".join(one.partition(" for ")[0] for one in texts)
    return rest


def _is_choice(scenario: Scenario, path: str) -> bool:
    """Does the buyer choose it? Not what a cloud asks, nor how rivals buy."""
    words = path.split(".")
    if words[0] not in ("rule", "policy") or words[2:3] == ["cloud"] or words[-1] == "list_price":
        return False
    rivals = {farm.policy for farm in scenario.farms[1:]}
    return not _is_of(scenario, path, rivals)


def _heeds(scenario: Scenario, name: str, vary: Vary) -> bool:
    return _is_of(scenario, vary.path, {name, scenario.policy[name].like})


def _is_of(scenario: Scenario, path: str, names: set[str] | set[str | None]) -> bool:
    """Does ``path`` lead to one of these policies?"""
    paths = whole_paths(scenario, path)
    return any(whole.startswith(f"policy.{name}.") for whole in paths for name in names)


def _product(varies: list[Vary]) -> list[Settings]:
    paths = [one.path for one in varies]
    return [
        dict(zip(paths, values, strict=True)) for values in product(*(one.values for one in varies))
    ]
