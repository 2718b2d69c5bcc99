"""Files that are no mistake and yet cannot work: each doubt is told with its place."""

import pytest

from sim.scenario.doubts import doubts
from sim.scenario.file import decode
from tests.sim.scenes import RULES, TRADERS, scene


def test_a_sound_scenario_raises_none() -> None:
    assert doubts(decode(scene(TRADERS))) == []


@pytest.mark.parametrize(
    ("find", "put", "line"),
    [
        ("mem_mib = 8800", "mem_mib = 2000", "seller[0].host: too small for one unit of small"),
        ("mvcpu = 4000", "mvcpu = 900", "seller[0].host: too small for one unit of small"),
        (
            "price = 0.035",
            "price = 60.0\ndeposit = 100.0",
            "seller[0].deposit: 100 credits are too few: the bonds of 12 units take 120",
        ),
        (
            "price = 0.035\njitter = 0.1",
            'price = 0.035\nzone = "us"\n[[zone]]\nname = "us"\n[[zone]]\nname = "eu-de"',
            "seller: nobody sells small.eu-de.flat.spot, which the farm buys",
        ),
        (
            "price_max = 0.10",
            "price_max = 0.02",
            "policy.threshold.rule[0].price_max: 0.02 is below every ask; the cheapest is 0.0315",
        ),
        (
            "deposit = 50.0",
            "deposit = 0.5",
            "policy.threshold.rule[0]: farm.deposit of 0.5 credits is too small: "
            "8 units at 0.1 cost 0.8",
        ),
    ],
)
def test_a_doubt_names_its_place(find: str, put: str, line: str) -> None:
    text = scene()
    assert find in text
    assert line in doubts(decode(text.replace(find, put, 1)))


@pytest.mark.parametrize(
    ("policy", "line"),
    [
        ("units = 3\nprice_max = 0.01", "policy.x.price_max: 0.01 is below every ask; the"),
        ("units = 3000", "policy.x: farm.deposit of 50 credits is too small: 3000 units at"),
        ("track = {target = 70, price_max = 0.01, max_units = 4}", "policy.x.price_max: 0.01 is"),
    ],
)
def test_policies_of_other_kinds(policy: str, line: str) -> None:
    found = doubts(decode(scene(rules=RULES + f"[policy.x]\n{policy}\n")))
    assert [one for one in found if one.startswith(line)], found


def test_a_cloud_has_its_own_prices() -> None:
    cloud = '[policy.x]\nlike = "threshold"\nlist_price = 99.0\n'
    assert doubts(decode(scene(rules=RULES + cloud))) == []


def test_spares_that_cost_nothing() -> None:
    spares = RULES + "[policy.x]\nspares = 3\n"
    line = "policy.x.spares: cost nothing: spares.cost_per_unit_hour is 0"
    assert doubts(decode(scene(rules=spares))) == [line]
    assert doubts(decode(scene(rules=spares + "[spares]\ncost_per_unit_hour = 0.01\n"))) == []


def test_a_peak_behind_the_end() -> None:
    late = "at_s: lies behind the end of the run (60 s): no peak comes"
    assert f"workload.{late}" in doubts(decode(scene(duration_s=60)))
