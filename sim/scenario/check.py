"""Checks across a whole scenario: names that must exist, keys that must go together.

Pure. Each mistake is one line that begins with its place.
"""

from collections.abc import Iterator
from typing import Final

from exchange.choices import there_is
from exchange.wire.terms import DEFAULT_CLASSES
from manager.core.rule import parse
from manager.core.rule_text import RuleError
from sim.scenario.farms import farms_under, places
from sim.scenario.fault_check import EXCHANGE, FARM_NAMES, fault_mistakes
from sim.scenario.policy import rule_texts
from sim.scenario.tables import SAME, Expect, Network, Policy, Scenario, Trader
from sim.scenario.workload import Profile, Sum, Workload

_CHOICES = ("rule", "units", "like", "track", "predict")
THE_EXCHANGES: Final = ("fees", "operator", "outside")
"""Accounts that the exchange has itself."""
FIRST_YEAR, LAST_YEAR = 1971, 8999
"""The clock counts from 1970, and no calendar goes beyond 9999."""


def mistakes(scenario: Scenario) -> list[str]:
    """Return every mistake, in the order of the file's sections; empty when it can run."""
    return [
        *_start(scenario),
        *_places(scenario),
        *_farms(scenario),
        *_accounts(scenario),
        *_image(scenario),
        *_loads("workload", scenario.workload),
        *_sellers(scenario),
        *_traders(scenario),
        *fault_mistakes(scenario),
        *_policies(scenario),
        *_expectations(scenario),
    ]


def _start(scenario: Scenario) -> Iterator[str]:
    if scenario.start.tzinfo is None:
        yield "start: needs a time zone, such as the Z in 2026-11-23T00:00:00Z"
    if not FIRST_YEAR <= scenario.start.year <= LAST_YEAR:
        yield f"start: {scenario.start.year} is not one of the years {FIRST_YEAR} to {LAST_YEAR}"


def _places(scenario: Scenario) -> Iterator[str]:
    zones = [zone.name for zone in scenario.zone]
    yield from _twice("zone", "name", zones)
    for place, farm in places(scenario):
        if farm.zone not in zones:
            yield f"{place}.zone: there is no zone {farm.zone!r}; {there_is(zones)}"
        yield from _class(f"{place}.class", farm.class_)
        if farm.workload is not None:
            yield from _loads(f"{place}.workload", farm.workload)


def _class(place: str, name: str) -> Iterator[str]:
    if name not in DEFAULT_CLASSES:
        yield f"{place}: there is no class {name!r}; {there_is(DEFAULT_CLASSES)}"


def _farms(scenario: Scenario) -> Iterator[str]:
    """Which policy a farm may keep, and who they are."""
    yield from _twice("farm", "account", [farm.account for farm in scenario.farms])
    if scenario.load_correlation is not None and len(scenario.farms) < 2:
        yield "load_correlation: needs several farms"
    for place, farm in places(scenario):
        if farm.policy == SAME:
            continue
        policy = scenario.policy.get(farm.policy)
        if farm is scenario.farm:
            yield f"{place}.policy: the first farm has the policy under test: {SAME!r}"
        elif policy is None:
            there = there_is([SAME, *scenario.policy])
            yield f"{place}.policy: there is no policy {farm.policy!r}; {there}"
        elif policy.tariff is not None:
            yield f"{place}.policy: {farm.policy!r} buys in a cloud, where it rivals nobody"


def _accounts(scenario: Scenario) -> Iterator[str]:
    """Nobody may be called like an account that the exchange has itself."""
    named = [(f"{place}.account", farm.account) for place, farm in places(scenario)]
    named += [(f"seller[{at}].name", one.name) for at, one in enumerate(scenario.seller)]
    named += [(f"trader[{at}].name", one.name or "") for at, one in enumerate(scenario.trader)]
    for place, name in named:
        if name in THE_EXCHANGES:
            yield f"{place}: {name!r} is an account of the exchange's own"


def _image(scenario: Scenario) -> Iterator[str]:
    for _, farm in places(scenario):
        shape = DEFAULT_CLASSES.get(farm.class_)
        if shape is not None and scenario.boot.image_mib > shape.disk_mib:
            disk = f"the disk of {farm.class_} has {shape.disk_mib}"
            yield f"boot.image_mib: {scenario.boot.image_mib} is too much: {disk}"


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
    accounts = [farm.account for farm in scenario.farms]
    yield from _twice("seller", "name", [seller.name for seller in scenario.seller])
    for index, seller in enumerate(scenario.seller):
        place = f"seller[{index}]"
        if seller.name in accounts:
            farm = f"{seller.name!r} is a farm's account"
            yield f"{place}.name: {farm}; who buys and sells needs a second account for selling"
        elif seller.name in (EXCHANGE, *FARM_NAMES):
            yield f"{place}.name: {seller.name!r} is what faults call another end; choose another"
        if seller.zone is not None and seller.zone not in zones:
            yield f"{place}.zone: there is no zone {seller.zone!r}; {there_is(zones)}"
        if seller.class_ is not None:
            yield from _class(f"{place}.class", seller.class_)
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
        elif parts[0] not in DEFAULT_CLASSES:
            yield from _class(f"{place}.symbol", parts[0])
        elif parts[1] not in zones:
            yield f"{place}.symbol: there is no zone {parts[1]!r}; {there_is(zones)}"
        if trader.kind == "seller" and not trader.hosts:
            yield f"{place}.hosts: a seller needs some"
    names = [trader_name(trader, index) for index, trader in enumerate(scenario.trader)]
    taken = [seller.name for seller in scenario.seller]
    taken += [farm.account for farm in scenario.farms]
    yield from _twice("trader", "name", taken + names)


def trader_name(trader: Trader, index: int) -> str:
    """Return the account of the ``index``-th trader: its name, or its kind and number."""
    return trader.name or f"{trader.kind.replace('_', '-')}-{index + 1}"


def networks(scenario: Scenario) -> dict[str, Network]:
    """Return the network of each party that has one of its own, by its account."""
    traders = [(trader_name(one, index), one) for index, one in enumerate(scenario.trader)]
    parties = [(farm.account, farm.network) for farm in scenario.farms]
    parties += [(seller.name, seller.network) for seller in scenario.seller]
    parties += [(name, trader.network) for name, trader in traders]
    return {name: network for name, network in parties if network is not None}


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
                ruled = [other for other, one in scenario.policy.items() if rule_texts(one)]
                there = there_is(ruled)
                yield f"{place}.like: there is no policy of rules {policy.like!r}; {there}"
        yield from _rules(place, policy, [zone.name for zone in scenario.zone])


def _rules(place: str, policy: Policy, zones: list[str]) -> Iterator[str]:
    for index, rule in enumerate(rule_texts(policy)):
        where = f"{place}.rule[{index}]" if policy.rule else place
        for zone in rule.zones:
            if zone not in zones:
                yield f"{where}.zones: there is no zone {zone!r}; {there_is(zones)}"
        try:
            for name in parse(rule).fallback:
                yield from _class(f"{where}.fallback_class", name)
        except RuleError as error:
            yield f"{where}.{error}"


def _expectations(scenario: Scenario) -> Iterator[str]:
    for index, expect in enumerate(scenario.expect):
        place = f"expect[{index}]"
        for key in ("policy", "less_than_policy"):
            name = getattr(expect, key)
            if name is not None and name not in scenario.policy:
                yield f"{place}.{key}: there is no policy {name!r}; {there_is(scenario.policy)}"
        yield from _expected_farm(scenario, expect, place)
        if expect.fault is not None:
            if expect.fault >= len(scenario.fault):
                yield f"{place}.fault: there is no fault[{expect.fault}]"
            if expect.less_than_policy is not None:
                yield f"{place}.fault: does not go with less_than_policy"
        if expect.safety and (expect.fault is not None or expect.less_than_policy is not None):
            yield f"{place}.safety: goes with max and min alone"
        if bound_keys(expect) == []:
            yield f"{place}: needs max, min or less_than_policy"


def _expected_farm(scenario: Scenario, expect: Expect, place: str) -> Iterator[str]:
    if expect.farm is None:
        return
    accounts = [farm.account for farm in scenario.farms]
    if expect.farm not in accounts:
        yield f"{place}.farm: there is no farm {expect.farm!r}; {there_is(accounts)}"
        return
    for name in (expect.policy, expect.less_than_policy):
        policy = scenario.policy.get(name or "")
        there = [] if policy is None else farms_under(scenario, policy)
        if policy is not None and expect.farm not in [farm.account for farm in there]:
            yield f"{place}.farm: {expect.farm!r} keeps out of the cloud of {name!r}"


def bound_keys(expect: Expect) -> list[str]:
    """Return which bounds an expectation sets."""
    keys = ("max", "min", "less_than_policy")
    return [key for key in keys if getattr(expect, key) is not None]


def _twice(section: str, key: str, names: list[str]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"{section}.{key}: {name!r} is used twice"
