"""`--vary`: which paths there are, which values, and the scenario that comes of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sim.decide.points import setups
from sim.decide.vary import VaryError, parsed, varied
from sim.scenario.file import decode
from sim.scenario.shipped import shipped
from sim.scenario.tables import Scenario
from tests.sim.scenes import scene

MORE = """
[policy.twin]
[[policy.twin.rule]]
name = "burst"
when = ["util > 70 for 1m", "units < 5"]
do = "buy to 6"
price_max = 0.10
max_units = 8
[policy.static]
units = 4
[policy.cloud]
like = "threshold"
list_price = 0.10
[policy.own]
spares = 3
"""
FAULT = '[[fault]]\nkind = "host_crash"\nat_s = 60\nseller = "uni-lab"\nhosts = 1\n'
SCENARIO = decode(scene(FAULT) + MORE)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=1,2,5", [1, 2, 5]),
        ("a=60..90:15", [60, 75, 90]),
        ("a=4..6", [4, 5, 6]),
        ("a=0.1..0.3:0.1", [0.1, 0.2, 0.3]),
        ("a=1..2:0.4", [1, 1.4, 1.8]),
        ("a = flat, metered", ["flat", "metered"]),
        ("a=true,false", [True, False]),
        ("a=util > 70 for 2m", ["util > 70 for 2m"]),
        ("a=5", [5]),
    ],
)
def test_values(text: str, values: list[Any]) -> None:
    assert parsed(text) == ("a", values)


@given(st.integers(-50, 50), st.integers(0, 40), st.integers(1, 9), st.integers(0, 3))
def test_a_range_has_its_first_value_equal_steps_and_nothing_above_its_last(
    first: int, span: int, step: int, decimals: int
) -> None:
    unit = 10**decimals
    a, b, by = (f"{number / unit:.{decimals}f}" for number in (first, first + span, step))
    values = [round(float(value) * unit, 6) for value in parsed(f"x={a}..{b}:{by}").values]
    assert values == list(range(first, first + span + 1, step))


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("policy.static.units", 9, lambda s: s.policy["static"].units),
        ("seller.uni-lab.price", 0.02, lambda s: s.seller[0].price),
        ("seller.0.price", 0.02, None),
        ("seller.price", 0.02, lambda s: s.seller[0].price),
        ("seller.uni-lab.host.mvcpu", 8000, lambda s: s.seller[0].host.mvcpu),
        ("farm.core_units", 7, lambda s: s.farm.core_units),
        ("farm.class", "large", lambda s: s.farm.class_),
        ("workload.peak", 900, lambda s: s.workload.peak),
        ("slo.credits_per_million_violated", 5.0, lambda s: s.slo.credits_per_million_violated),
        ("fault.0.at_s", 90, lambda s: s.fault[0].at_s),
        ("policy.static.price_max", 0.5, lambda s: s.policy["static"].price_max),
        ("policy.threshold.rule.burst.budget_day", 3.0, lambda s: _burst(s).budget_day),
        ("rule.burst.cooldown", "5m", lambda s: _burst(s).cooldown),
        ("duration_s", 600, lambda s: s.duration_s),
    ],
)
def test_a_key_by_its_path(path: str, value: Any, found: Any) -> None:
    if found is None:  # what has a name goes by it
        with pytest.raises(VaryError, match="there is uni-lab"):
            varied(decode(scene('[[seller]]\nname = "b"\nhosts = 1\nprice = 1.0\n')), {path: value})
    else:
        assert found(varied(SCENARIO, {path: value})) == value


def test_a_number_takes_the_place_of_the_one_in_a_rule() -> None:
    changed = varied(SCENARIO, {"rule.burst.do": 6, "policy.threshold.rule.burst.when": 82.5})
    assert _burst(changed).when == "util > 82.5 for 1m"
    assert _burst(changed).do == "buy 6"
    assert changed.policy["twin"].rule is not None
    assert changed.policy["twin"].rule[0].do == "buy to 6"


def test_one_condition_of_a_list_goes_by_its_place() -> None:
    with pytest.raises(VaryError, match="is a list; there is 0, 1"):
        varied(SCENARIO, {"rule.burst.when": 60})
    changed = varied(SCENARIO, {"policy.twin.rule.burst.when.1": 7})
    assert changed.policy["twin"].rule is not None
    assert changed.policy["twin"].rule[0].when == ["util > 70 for 1m", "units < 7"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("policy.statik.units=1", "policy has no 'statik.units'; there is threshold, no_burst"),
        ("policy.static.unit=1", "policy.static has no 'unit'; there is rule, units"),
        ("rule.brust.when=60", "no policy has that rule; there is burst, calm"),
        ("rule.calm.wen=60", "policy.threshold.rule.calm has no 'wen'; there is name, do, when"),
        ("seller.uni.price=1", "there is name, hosts, price"),
        ("wrkload.peak=1", "the file has no 'wrkload.peak'; there is schema, title"),
        ("policy.static=1", "policy.static is a table; there is rule, units"),
        ("policy.static.units.x=1", "policy.static.units is no table"),
        ("policy.static.units=x", "expected 'int | null', got 'str'"),
        ("policy.static.units=1.5", "expected 'int | null', got 'float'"),
        ("seller.uni-lab.price=-1", "expected 'float' >= "),
        ("farm.zone=mars", "farm.zone=mars: farm.zone: there is no zone 'mars'"),
        ("rule.calm.cooldown=soon", "rule.calm.cooldown=soon: policy.threshold.rule[1].cooldown"),
        ("rule.burst.vm=1", "expected 'str | null', got 'int'"),
        ("seed=1,2", "cannot be varied; --seed and --runs"),
        ("workload.file=a,b", "cannot be varied; the file of a trace"),
        ("policy.static.units=9..1", "does not go up"),
        ("policy.static.units=1..9:0", "does not go up"),
        ("policy.static.units=1..9:x", "is not A..B or A..B:STEP"),
        ("policy.static.units=1..100000000000", "values; at most 500 go"),
        ("policy.static.units=1,2,1", "1 stands twice"),
        ("policy.static.units=", "is not PATH="),
        ("policy.static.units", "is not PATH="),
        ("=1", "is not PATH="),
    ],
)
def test_what_is_wrong_is_one_line(text: str, told: str) -> None:
    scenario = decode(scene() + "[policy.static]\nunits = 4\n" + "[policy.x]\nspares = 1\n")
    with pytest.raises(VaryError) as error:
        _tried(scenario, text)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_every_shipped_scenario_stays_what_it_is_when_a_key_gets_its_own_value() -> None:
    for path in shipped():
        scenario = decode(path.read_text(encoding="utf-8"))
        assert varied(scenario, {"title": scenario.title}) == scenario
        first = scenario.seller[0]
        assert varied(scenario, {f"seller.{first.name}.price": first.price}) == scenario


def test_a_policy_is_run_once_for_what_it_does_not_heed() -> None:
    varies = [parsed("policy.threshold.rule.burst.when=60,80"), parsed("policy.static.units=1..3")]
    names = ["no_burst", "threshold", "static", "cloud"]
    (setup,) = setups(SCENARIO, varies, names)
    assert setup.world == {}
    assert [choice.label for choice in setup.choices] == [
        "no_burst",
        "threshold at util > 60",
        "threshold at util > 80",
        "static at units 1",
        "static at units 2",
        "static at units 3",
        "cloud at util > 60",  # it runs the rules of threshold
        "cloud at util > 80",
    ]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("policy.twin.rule.burst.when.1=7", "twin at util > 70 and units < 7"),
        ("policy.twin.rule.burst.do=5", "twin at buy to 5"),
        ("policy.twin.rule.burst.price_max=0.2", "twin at price_max 0.2"),
    ],
)
def test_a_point_is_named_by_what_it_does_otherwise(text: str, label: str) -> None:
    (setup,) = setups(SCENARIO, [parsed(text)], ["twin"])
    assert [choice.label for choice in setup.choices] == [label]


@pytest.mark.parametrize("path", ["seller.uni-lab.price", "policy.cloud.list_price"])
def test_what_the_buyer_does_not_choose_makes_another_world(path: str) -> None:
    found = setups(SCENARIO, [parsed(f"{path}=0.01,0.02")], ["no_burst", "cloud"])
    assert [setup.world for setup in found] == [{path: 0.01}, {path: 0.02}]
    assert all(len(setup.choices) == 2 for setup in found)


def test_how_a_rival_buys_makes_another_world() -> None:
    farm = SCENARIO.farm
    rival = replace(farm, account="rival", policy="static")
    scenario = replace(SCENARIO, farm_tables=[farm, rival])
    found = setups(scenario, [parsed("policy.static.units=1,2")], ["static", "own"])
    assert [setup.world for setup in found] == [{"policy.static.units": n} for n in (1, 2)]
    assert [choice.label for choice in found[0].choices] == ["static", "own"]


@pytest.mark.parametrize(
    ("varies", "told"),
    [
        (["policy.static.units=1..501"], "values; at most 500"),
        (["policy.static.units=1..30", "policy.static.price_max=0.01..0.2:0.01"], "600 points"),
        (["policy.static.units=1", "policy.static.units=2"], "is varied twice"),
        (["policy.own.spares=1,2"], "none of static heeds it"),
    ],
)
def test_points_are_bounded(varies: list[str], told: str) -> None:
    with pytest.raises(VaryError, match=told):
        setups(SCENARIO, [parsed(text) for text in varies], ["static"])


def _tried(scenario: Scenario, text: str) -> None:
    vary = parsed(text)
    varied(scenario, {vary.path: vary.values[0]})


def _burst(scenario: Any) -> Any:
    return scenario.policy["threshold"].rule[0]
