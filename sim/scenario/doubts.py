"""What a scenario says without a mistake and yet cannot mean: a line for each doubt. Pure.

A run goes on after these warnings: somebody may want to see what comes of it.
"""

from collections.abc import Iterator

from exchange.units import count_text
from exchange.wire.terms import DEFAULT_CLASSES, SPOT_BOND_DIVISOR
from sim.scenario.policy import farm_symbol, fixed_price_max, rule_texts, selling, units_of
from sim.scenario.tables import Policy, Scenario


def doubts(scenario: Scenario) -> list[str]:
    """Return a line for each, which begins with its place."""
    return [
        *_sellers(scenario),
        *_market(scenario),
        *(
            line
            for name, policy in scenario.policy.items()
            if policy.tariff is None
            for line in (*_prices(scenario, name, policy), *_deposit(scenario, name, policy))
        ),
    ]


def _sellers(scenario: Scenario) -> Iterator[str]:
    shape = DEFAULT_CLASSES[scenario.farm.class_]
    for index, seller in enumerate(scenario.seller):
        units = units_of(seller.host, shape)
        if units < 1:
            yield f"seller[{index}].host: too small for one unit of {scenario.farm.class_}"
        bonds = seller.hosts * units * seller.price / SPOT_BOND_DIVISOR
        if bonds > seller.deposit:
            need = f"the bonds of {count_text(seller.hosts * units, 'unit')} take {bonds:g}"
            yield f"seller[{index}].deposit: {seller.deposit:g} credits are too few: {need}"


def _market(scenario: Scenario) -> Iterator[str]:
    if not selling(scenario) and any(_buys(policy) for policy in scenario.policy.values()):
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


def _deposit(scenario: Scenario, name: str, policy: Policy) -> Iterator[str]:
    """A bid holds its price for each unit, and a lease what the next hour costs."""
    for place, price_max, units in _bids(scenario, name, policy):
        if units * price_max > scenario.farm.deposit:
            need = f"{count_text(units, 'unit')} at {price_max:g} cost {units * price_max:g}"
            yield f"{place}: farm.deposit of {scenario.farm.deposit:g} credits is too small: {need}"


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
    return policy.tariff is None and bool(policy.units or rule_texts(policy))
