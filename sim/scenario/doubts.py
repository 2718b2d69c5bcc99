"""What a scenario says without a mistake and yet cannot mean: a line for each doubt. Pure.

A run goes on after these warnings: somebody may want to see what comes of it.
"""

from collections.abc import Iterator

from exchange.units import count_text
from exchange.wire.terms import DEFAULT_CLASSES, SPOT_BOND_DIVISOR, WINDOW_BOND_DIVISOR
from sim.scenario.farms import places, views
from sim.scenario.policy import farm_symbol, fixed_price_max, rule_texts, selling, units_of
from sim.scenario.tables import SAME, SPOT, WINDOW, Policy, Scenario, Seller
from sim.scenario.workload import Flash, Sum, Workload


def doubts(scenario: Scenario) -> list[str]:
    """Return a line for each, which begins with its place."""
    found = _sellers(scenario)
    for (place, farm), view in zip(places(scenario), views(scenario), strict=True):
        policies = {
            name: policy
            for name, policy in scenario.policy.items()
            if policy.tariff is None and farm.policy in (SAME, name)
        }
        found += _market(view, policies)
        for name, policy in policies.items():
            found += [*_prices(view, name, policy), *_deposit(view, place, name, policy)]
    found += [*_loads(scenario), *_spares(scenario), *_expectations(scenario)]
    return list(dict.fromkeys(found))


def _loads(scenario: Scenario) -> Iterator[str]:
    """A peak that no run reaches."""
    for place, workload in [("workload", scenario.workload)] + [
        (f"{place}.workload", farm.workload) for place, farm in places(scenario) if farm.workload
    ]:
        yield from _late(place, workload, scenario.duration_s)


def _late(place: str, workload: Workload, duration_s: int) -> Iterator[str]:
    if isinstance(workload, Flash) and workload.at_s >= duration_s:
        yield f"{place}.at_s: lies behind the end of the run ({duration_s} s): no peak comes"
    if isinstance(workload, Sum):
        for index, part in enumerate(workload.parts):
            yield from _late(f"{place}.parts[{index}]", part, duration_s)


def _spares(scenario: Scenario) -> Iterator[str]:
    """Servers for nothing win every comparison."""
    for name, policy in scenario.policy.items():
        if policy.spares and not scenario.spares.cost_per_unit_hour:
            yield f"policy.{name}.spares: cost nothing: spares.cost_per_unit_hour is 0"


def _expectations(scenario: Scenario) -> Iterator[str]:
    """What no run can meet."""
    for index, expect in enumerate(scenario.expect):
        place = f"expect[{index}]"
        if expect.min is not None and expect.max is not None and expect.min > expect.max:
            yield f"{place}: never holds: min {expect.min:g} is above max {expect.max:g}"
        if expect.less_than_policy == expect.policy:
            yield f"{place}.less_than_policy: never holds: {expect.policy!r} is not below itself"


def _sellers(scenario: Scenario) -> list[str]:
    found: list[str] = []
    for index, seller in enumerate(scenario.seller):
        class_name = seller.class_ or scenario.farm.class_
        units = units_of(seller.host, DEFAULT_CLASSES[class_name])
        if units < 1:
            found.append(f"seller[{index}].host: too small for one unit of {class_name}")
        bonds = seller.hosts * units * seller.price * _bond_share(scenario, seller)
        if bonds > seller.deposit:
            need = f"the bonds of {count_text(seller.hosts * units, 'unit')} take {bonds:g}"
            few = f"{seller.deposit:g} credits are too few"
            found.append(f"seller[{index}].deposit: {few}: {need}")
    return found


def _bond_share(scenario: Scenario, seller: Seller) -> float:
    """Return the part of an hour's price that all its bonds for a unit come to, at most."""
    spot = 1 / SPOT_BOND_DIVISOR if SPOT in seller.delivery else 0.0
    hours = scenario.windows.hours_ahead if WINDOW in seller.delivery else 0
    return spot + hours / WINDOW_BOND_DIVISOR


def _market(scenario: Scenario, policies: dict[str, Policy]) -> Iterator[str]:
    if not selling(scenario) and any(_buys(policy) for policy in policies.values()):
        yield f"seller: nobody sells {farm_symbol(scenario)}, which the farm buys"


def _prices(scenario: Scenario, name: str, policy: Policy) -> Iterator[str]:
    """A bid that meets no ask buys nothing."""
    asks = [seller.price * (1 - seller.jitter) for seller in selling(scenario)]
    asks += [one.price or 0 for one in scenario.trader if one.symbol == farm_symbol(scenario)]
    if not asks:
        return
    for place, price_max, _ in _bids(scenario, name, policy):
        if price_max < min(asks):
            cheapest = f"the cheapest is {min(asks):g}"
            yield f"{place}.price_max: {price_max:g} is below every ask; {cheapest}"


def _deposit(scenario: Scenario, farm: str, name: str, policy: Policy) -> Iterator[str]:
    """A bid holds its price for each unit, and a lease what the next hour costs."""
    for place, price_max, units in _bids(scenario, name, policy):
        if units * price_max > scenario.farm.deposit:
            need = f"{count_text(units, 'unit')} at {price_max:g} cost {units * price_max:g}"
            deposit = f"{farm}.deposit of {scenario.farm.deposit:g} credits is too small"
            yield f"{place}: {deposit}: {need}"


def _bids(scenario: Scenario, name: str, policy: Policy) -> Iterator[tuple[str, float, int]]:
    """Yield (place, the most it pays, the most units it wants) of what a policy may buy."""
    if policy.units:
        yield f"policy.{name}", fixed_price_max(scenario, policy), policy.units
    for index, rule in enumerate(rule_texts(policy)):
        place = f"policy.{name}.rule[{index}]" if policy.rule else f"policy.{name}"
        table = rule.track or rule.predict or rule
        price_max = rule.price_max or table.price_max
        units = rule.max_units or table.max_units
        if price_max is not None and units is not None:
            yield place, price_max, units


def _buys(policy: Policy) -> bool:
    return bool(policy.units or rule_texts(policy))
