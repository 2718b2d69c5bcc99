"""Rules, bursts by hand and dry runs as forms: what is right, what is wrong and where."""

import pytest
from msgspec import to_builtins

from manager.core.rule_text import RuleText
from tui.view.burst_form import burst_cost, burst_request, dry_run_request
from tui.view.dry_run import dry_run_text
from tui.view.rule_form import HINTS, manager_mistakes, rule_fields, rule_text

WRITTEN = [
    RuleText(
        name="burst",
        when=["util > 70 for 2m", "units < 3"],
        do="buy 4",
        vm="web",
        price_max=0.1,
        max_units=16,
        budget_day=50.0,
        zones=["eu-de", "eu-fr"],
        fallback_class=["medium"],
        cooldown="1m",
    ),
    RuleText(name="calm", when="util < 40 for 10m", do="release 2", paused=True),
    RuleText(
        name="fri",
        at=["Fri 18:00-23:00", "Sat 18:00-23:00"],
        do="buy to 6",
        forward=True,
        price_max=1.0,
    ),
]


@pytest.mark.parametrize("rule", WRITTEN, ids=lambda rule: rule.name)
def test_a_rule_goes_through_the_form_as_it_is(rule: RuleText) -> None:
    fields = rule_fields(to_builtins(rule))
    assert rule_text({field.key: field.value for field in fields}) == (rule, {})
    assert [field.key for field in fields if field.fixed] == ["name"]


def test_a_table_is_written_in_one_line() -> None:
    written = {"name": "t", "track": {"target": 70.0, "stabilise_down": "3m"}, "price_max": 0.1}
    values = {field.key: field.value for field in rule_fields(written)}
    assert values["track"] == "target = 70, stabilise_down = 3m"
    rule, mistakes = rule_text(values)
    assert mistakes == {} and rule is not None and rule.track is not None
    assert (rule.track.target, rule.track.stabilise_down) == (70.0, "3m")


GOOD = {"name": "b", "when": "util > 70", "do": "buy 1", "price_max": "0.1"}


@pytest.mark.parametrize(
    ("wrong", "field", "why_not"),
    [
        ({"name": ""}, "name", "missing"),
        ({"name": "a b"}, "name", "other characters"),
        ({"when": "utl > 70"}, "when", "unknown metric 'utl'"),
        ({"when": ""}, "when", "missing"),
        ({"do": "by 4"}, "do", "is none of"),
        ({"price_max": "0,04"}, "price_max", "'0,04' is no number"),
        ({"price_max": "0"}, "price_max", "> 0"),
        ({"budget_day": "1 000"}, "budget_day", "'1 000' is no number"),
        ({"max_units": "2.5"}, "max_units", "is no whole number"),
        ({"cooldown": "1x"}, "cooldown", "is not a duration"),
        ({"track": "target 70"}, "track", "written as"),
        ({"track": "target = 70, x = 1"}, "track", "x"),
        ({"forward": "maybe"}, "forward", "yes or no"),
        ({"forward": "yes"}, "forward", "belongs to at"),
        ({"at": "Fri"}, "at", ""),
    ],
)
def test_a_mistake_is_named_by_its_field(wrong: dict[str, str], field: str, why_not: str) -> None:
    rule, mistakes = rule_text(GOOD | wrong)
    assert rule is None and list(mistakes) == [field]
    assert why_not in mistakes[field]


def test_what_the_manager_says_is_put_beside_its_field() -> None:
    text_ = "The Manager refuses: m.toml: rule[1].zones[0]: no name\nm.toml: rule[1].vm: no 'x'"
    assert manager_mistakes(text_) == {"zones": "no name", "vm": "no 'x'"}
    assert manager_mistakes("Not done: gone") == {"": "Not done: gone"}
    assert set(HINTS) == set(RuleText.__struct_fields__)


def test_a_burst_by_hand_and_what_it_costs() -> None:
    values = {"vm": "web", "units": "3", "price_max": "0.04", "zones": "eu-de, eu-fr"}
    request, mistakes = burst_request(values)
    assert mistakes == {} and request is not None
    assert (request.vm, request.units, request.price_max) == ("web", 3, 0.04)
    assert request.zones == ["eu-de", "eu-fr"]
    assert "up to 0.1200 credits an hour" in burst_cost(values)
    for wrong, field in (
        ({"units": "0"}, "units"),
        ({"units": "x"}, "units"),
        ({"price_max": "0,04"}, "price_max"),
        ({"price_max": ""}, "price_max"),
        ({"vm": "a b"}, "vm"),
    ):
        request, mistakes = burst_request(values | wrong)
        assert request is None and list(mistakes) == [field]


def test_a_dry_run_from_its_form() -> None:
    request, mistakes = dry_run_request({"path": "/x.csv", "per_s": "60", "core_units": "2"})
    assert mistakes == {} and request is not None
    assert (request.path, request.per_s, request.core_units) == ("/x.csv", 60.0, 2)
    assert dry_run_request({"boot_s": "1,5"})[1] == {
        "boot_s": "'1,5' is no number; the dot is the decimal point"
    }
    assert list(dry_run_request({"scale": "0"})[1]) == ["scale"]


def test_a_dry_run_as_a_chart() -> None:
    answer = {
        "fired": [{"t_s": 120.0, "rule": "burst", "what": "buy 2", "units": 0}],
        "peak_units": 2,
        "unit_hours": 0.5,
        "cost_ucr": 50_000,
        "units": [[0.0, 0], [120.0, 2]],
        "load": [[0.0, 10.0], [120.0, 90.0], [600.0, 20.0]],
    }
    shown = dry_run_text(answer, 60)
    assert "2 units at once" in shown and "0.0500 credits" in shown
    assert "load, requests/s" in shown and "units bought" in shown
    assert "2m 00s  burst: buy 2 (0 before)" in shown
    assert max(len(line) for line in shown.split("\n")) <= 80
