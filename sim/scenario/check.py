"""Checks across a whole scenario: names that must exist, keys that must go together.

Pure. Each mistake is one line that begins with its place.
"""

from collections.abc import Iterator

from exchange.wire.terms import DEFAULT_CLASSES
from manager.core.rule import parse
from manager.core.rule_text import RuleError
from sim.scenario.fault_check import EXCHANGE, FARM_NAMES, fault_mistakes
from sim.scenario.policy import rule_texts
from sim.scenario.tables import Expect, Policy, Scenario, Trader
from sim.scenario.workload import Profile, Sum, Workload

_CHOICES = ("rule", "units", "like", "track", "predict")


def mistakes(scenario: Scenario) -> list[str]:
    """Return every mistake, in the order of the file's sections; empty when it can run."""
    return [
        *_places(scenario),
        *_loads("workload", scenario.workload),
        *_sellers(scenario),
        *_traders(scenario),
        *fault_mistakes(scenario),
        *_policies(scenario),
        *_expectations(scenario),
    ]


def _places(scenario: Scenario) -> Iterator[str]:
    if scenario.start.tzinfo is None:
        yield "start: needs a time zone, such as the Z in 2026-11-23T00:00:00Z"
    zones = [zone.name for zone in scenario.zone]
    yield from _twice("zone", "name", zones)
    farm = scenario.farm
    if farm.zone not in zones:
        yield f"farm.zone: there is no zone {farm.zone!r}"
    if farm.class_ not in DEFAULT_CLASSES:
        known = ", ".join(DEFAULT_CLASSES)
        yield f"farm.class: there is no class {farm.class_!r}; there is {known}"


def _loads(place: str, workload: Workload) -> Iterator[str]:
    match workload:
        case Profile():
            times = [at_s for at_s, _ in workload.points]
            for index in range(1, len(times)):
                if times[index] <= times[index - 1]:
                    yield f"{place}.points[{index}]: its time {times[index]:g} s does not grow"
        case Sum():
            for index, part in enumerate(workload.parts):
                yield from _loads(f"{place}.parts[{index}]", part)
        case _:
            return


def _sellers(scenario: Scenario) -> Iterator[str]:
    zones = [zone.name for zone in scenario.zone]
    yield from _twice("seller", "name", [seller.name for seller in scenario.seller])
    for index, seller in enumerate(scenario.seller):
        place = f"seller[{index}]"
        if seller.name in (scenario.farm.account, EXCHANGE, *FARM_NAMES):
            yield f"{place}.name: {seller.name!r} is taken"
        if seller.zone is not None and seller.zone not in zones:
            yield f"{place}.zone: there is no zone {seller.zone!r}"
        if seller.offer.__struct_config__.tag == "residual" and seller.own_load is None:
            yield f"{place}.own_load: is missing; a residual offer depends on it"
        if seller.own_load is not None:
            yield from _loads(f"{place}.own_load", seller.own_load)


def _traders(scenario: Scenario) -> Iterator[str]:
    zones = [zone.name for zone in scenario.zone]
    for index, trader in enumerate(scenario.trader):
        parts = trader.symbol.split(".")
        place = f"trader[{index}]"
        if len(parts) != 4 or parts[2] not in ("flat", "metered") or parts[3] != "spot":
            yield f"{place}.symbol: is not CLASS.ZONE.PRICING.spot: {trader.symbol!r}"
        elif parts[0] not in DEFAULT_CLASSES or parts[1] not in zones:
            yield f"{place}.symbol: no such class or zone: {trader.symbol!r}"
    names = [trader_name(trader, index) for index, trader in enumerate(scenario.trader)]
    taken = [seller.name for seller in scenario.seller] + [scenario.farm.account]
    yield from _twice("trader", "name", taken + names)


def trader_name(trader: Trader, index: int) -> str:
    """Return the account of the ``index``-th trader: its name, or its kind and number."""
    return trader.name or f"{trader.kind.replace('_', '-')}-{index + 1}"


def _policies(scenario: Scenario) -> Iterator[str]:
    for name, policy in scenario.policy.items():
        place = f"policy.{name}"
        given = [key for key in _CHOICES if getattr(policy, key) is not None]
        if len(given) > 1:
            yield f"{place}: {' and '.join(given)} do not go together"
        if policy.list_price is not None and policy.cloud is not None:
            yield f"{place}: list_price and cloud do not go together"
        if (policy.like is None) != (policy.tariff is None):
            yield f"{place}: like and list_price, or like and cloud, go together"
        if policy.price_max is not None and policy.units is None:
            yield f"{place}.price_max: belongs to units"
        if policy.like is not None:
            other = scenario.policy.get(policy.like)
            if other is None or not rule_texts(other):
                yield f"{place}.like: there is no policy of rules {policy.like!r}"
        yield from _rules(place, policy)


def _rules(place: str, policy: Policy) -> Iterator[str]:
    for index, rule in enumerate(rule_texts(policy)):
        try:
            parse(rule)
        except RuleError as error:
            where = f"{place}.rule[{index}]" if policy.rule else place
            yield f"{where}.{error}"


def _expectations(scenario: Scenario) -> Iterator[str]:
    for index, expect in enumerate(scenario.expect):
        place = f"expect[{index}]"
        for key in ("policy", "less_than_policy"):
            name = getattr(expect, key)
            if name is not None and name not in scenario.policy:
                yield f"{place}.{key}: there is no policy {name!r}"
        if expect.fault is not None:
            if expect.fault >= len(scenario.fault):
                yield f"{place}.fault: there is no fault[{expect.fault}]"
            if expect.less_than_policy is not None:
                yield f"{place}.fault: does not go with less_than_policy"
        if bound_keys(expect) == []:
            yield f"{place}: needs max, min or less_than_policy"


def bound_keys(expect: Expect) -> list[str]:
    """Return which bounds an expectation sets."""
    keys = ("max", "min", "less_than_policy")
    return [key for key in keys if getattr(expect, key) is not None]


def _twice(section: str, key: str, names: list[str]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"{section}.{key}: {name!r} is used twice"
