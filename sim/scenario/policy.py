"""Turns a scenario's policy into the Manager's rules and its sellers. Pure.

``no_burst`` has no rules, ``units`` is one rule that buys a fixed number, ``like`` takes another
policy's rules to a cloud that sells any number at one list price. Source: scenario.md,
``[policy.NAME]``.
"""

from collections.abc import Iterator
from itertools import chain, count

from msgspec.structs import replace

from exchange.wire.terms import DEFAULT_CLASSES, need_of, need_of_units
from exchange.wire.types import Capacity
from manager.core.flap import flap_warnings, no_windows
from manager.core.rule import Rule, parse
from manager.core.rule_text import RuleText
from sim.scenario.farms import farms_under, views
from sim.scenario.tables import (
    SAME,
    SPOT,
    WINDOW,
    Delivery,
    Farm,
    OfferAll,
    Policy,
    Scenario,
    Seller,
)

CLOUD = "cloud"
CLOUD_UNITS = 1000
MIN_PRICE_CREDITS, MAX_PRICE_CREDITS = 0.000001, 1000.0
"""Of the key ``price``."""


def rules_of(scenario: Scenario, policy: Policy) -> tuple[Rule, ...]:
    """Return the rules that the farm's Manager runs under ``policy``."""
    tariff = policy.tariff
    if policy.like is not None and tariff is not None:
        rules = rule_texts(scenario.policy[policy.like])
        return tuple(parse(_at_least(rule, tariff.price)) for rule in rules)
    if policy.units:
        return (parse(_fixed(policy.units, fixed_price_max(scenario, policy))),)
    return tuple(parse(rule) for rule in rule_texts(policy))


def rule_texts(policy: Policy) -> list[RuleText]:
    """Return a policy's rules as written; ``track`` and ``predict`` are one rule of that name."""
    if policy.track is not None:
        return [RuleText(name="track", track=policy.track)]
    if policy.predict is not None:
        return [RuleText(name="predict", predict=policy.predict)]
    return policy.rule or []


def market_of(scenario: Scenario, policy: Policy) -> Scenario:
    """Return the scenario that ``policy`` buys in: its own, or the one with a cloud in it.

    What goes wrong on this exchange does not touch the cloud; the farm's metrics are its own.
    """
    tariff = policy.tariff
    if tariff is None:
        return scenario
    farms = [replace(farm, pricing="flat") for farm in farms_under(scenario, policy)]
    places = dict.fromkeys((farm.class_, farm.zone) for farm in farms)
    return replace(
        scenario,
        farm_tables=farms,
        boot=tariff.boot or replace(scenario.boot, fail=0.0, image_mib=0),
        seller=[
            _cloud(name, place, tariff.price)
            for name, place in zip(_cloud_names(farms), places, strict=False)
        ],
        trader=[],
        fault=[fault for fault in scenario.fault if fault.kind == "stale_metrics"],
    )


def fixed_price_max(scenario: Scenario, policy: Policy) -> float:
    """Return the most that a policy of fixed units pays for one, in credits per unit-hour.

    Without a price of its own: the highest price that a seller of what the farm buys may ask.
    """
    if policy.price_max is not None:
        return policy.price_max
    symbol = farm_symbol(scenario)
    prices = [seller.price * (1 + seller.jitter) for seller in selling(scenario)]
    prices += [trader.price or 0.0 for trader in scenario.trader if trader.symbol == symbol]
    return min(MAX_PRICE_CREDITS, max(prices, default=0.0)) or MIN_PRICE_CREDITS


def warnings(scenario: Scenario) -> list[str]:
    """Return a line for each pair of rules, of any policy, that would chase each other, and for
    each rule that buys what a simulation has not."""
    found = [
        f"policy.{name}: {warning}"
        for view in views(scenario)
        for name, policy in view.policy.items()
        if policy.rule and view.farm.policy in (SAME, name)
        for warning in (
            *flap_warnings(rules_of(view, policy), view.farm.core_units),
            *_no_windows(view, policy),
        )
    ]
    return list(dict.fromkeys(found))


def sells_windows(scenario: Scenario) -> bool:
    """Does anybody sell hours ahead?"""
    return any(WINDOW in seller.delivery for seller in scenario.seller)


def _no_windows(view: Scenario, policy: Policy) -> list[str]:
    if selling(view, WINDOW):
        return []
    return no_windows(rules_of(view, policy), "the scenario")


def units_of(host: Capacity, shape: Capacity) -> int:
    """Return how many VMs of ``shape`` a host takes, each with its memory overhead."""
    mvcpu, mem_mib, disk_mib = need_of(shape)
    return min(host.mvcpu // mvcpu, host.mem_mib // mem_mib, host.disk_mib // disk_mib)


def seller_symbol(scenario: Scenario, seller: Seller) -> str:
    """Return what a seller lists: its class, or the farm's, in its zone, at its pricing."""
    zone, class_name = seller.zone or scenario.farm.zone, seller.class_ or scenario.farm.class_
    return f"{class_name}.{zone}.{seller.pricing}.spot"


def farm_symbol(scenario: Scenario) -> str:
    """Return what the farm buys."""
    farm = scenario.farm
    return f"{farm.class_}.{farm.zone}.{scenario.farm_pricing}.spot"


def selling(scenario: Scenario, delivery: Delivery = SPOT) -> list[Seller]:
    """Return who sells what the farm buys, or windows of it."""
    symbol = farm_symbol(scenario)
    return [
        seller
        for seller in scenario.seller
        if seller_symbol(scenario, seller) == symbol and delivery in seller.delivery
    ]


def _at_least(rule: RuleText, list_price: float) -> RuleText:
    # Elsewhere the price is not negotiable: a rule that would not pay it could never buy.
    if rule.track is not None and (rule.track.price_max or list_price) < list_price:
        return replace(rule, track=replace(rule.track, price_max=list_price))
    if rule.predict is not None and (rule.predict.price_max or list_price) < list_price:
        return replace(rule, predict=replace(rule.predict, price_max=list_price))
    if rule.price_max is None or rule.price_max >= list_price:
        return rule
    return replace(rule, price_max=list_price)


def _fixed(units: int, price_max: float) -> RuleText:
    return RuleText(
        name="static",
        when="util >= 0",
        do=f"buy to {units}",
        price_max=round(price_max, 6),
        max_units=units,
    )


def _cloud_names(farms: list[Farm]) -> Iterator[str]:
    """Yield names for the provider that no farm has: nobody buys from himself."""
    names = chain([CLOUD], (f"{CLOUD}-{number}" for number in count(2)))
    taken = [farm.account for farm in farms]
    return (name for name in names if name not in taken)


def _cloud(name: str, place: tuple[str, str], list_price: float) -> Seller:
    """Return the provider's part that sells a class in a zone."""
    class_name, zone = place
    return Seller(
        name=name,
        hosts=1,
        price=list_price,
        host=need_of_units(DEFAULT_CLASSES[class_name], CLOUD_UNITS),
        deposit=1 + list_price * CLOUD_UNITS,
        offer=OfferAll(),
        zone=zone,
        class_=class_name,
    )
