"""The rule language: every form of manager.md, ``[[rule]]``, and one clear line for what is
none."""

from typing import Any

import msgspec
import pytest

from manager.core.rule import Buy, BuyTo, Release, parse, parse_action, parse_condition
from manager.core.rule_text import RuleError, RuleText, parse_duration_ms
from tests.manager.farm import BURST, CALM, rule


@pytest.mark.parametrize(
    ("text", "metric", "op", "value", "for_ms"),
    [
        ("util > 70 for 2m", "util", ">", 70.0, 120_000),
        ("util < 40 for 10m", "util", "<", 40.0, 600_000),
        ("util>=70", "util", ">=", 70.0, 0),
        ("load <= 12.5 for 1h30m", "load", "<=", 12.5, 5_400_000),
        ("  units   <  14  for  500ms ", "units", "<", 14.0, 500),
    ],
)
def test_condition(text: str, metric: str, op: str, value: float, for_ms: int) -> None:
    found = parse_condition(text)
    assert (found.metric, found.op, found.value, found.for_ms) == (metric, op, value, for_ms)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("buy 4", Buy(4)),
        ("buy to 6", BuyTo(6)),
        ("release 2", Release(2)),
        ("release all", Release(None)),
        ("  buy   1 ", Buy(1)),
    ],
)
def test_action(text: str, action: object) -> None:
    assert parse_action(text) == action


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1ms", 1),
        ("90s", 90_000),
        ("2m", 120_000),
        ("1h30m", 5_400_000),
        ("0s", 0),
        ("7d", 7 * 86_400_000),
    ],
)
def test_duration(text: str, ms: int) -> None:
    assert parse_duration_ms(text) == ms


KINDS = "when, at, track, predict"
TRACK = {"target": 70}
AT = {"when": None, "at": "Fri 18:00-23:00"}
FOLLOW = {"when": None, "track": TRACK}
PREDICT = {"when": None, "do": None, "predict": TRACK}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"when": "util => 70"}, "when: 'util => 70': unknown operator '=>'; one of > >= < <="),
        ({"when": "cpu > 70"}, "when: 'cpu > 70': unknown metric 'cpu'; one of util load units"),
        ({"when": "util > high"}, "when: 'util > high': 'high' is not a decimal number"),
        ({"when": "util > -1"}, "when: 'util > -1': '-1' is not a decimal number"),
        (
            {"when": "util > 70 after 2m"},
            "when: 'util > 70 after 2m': expected 'for', found 'after'",
        ),
        ({"when": "util > 70 for 2"}, "when: '2' is not a duration like 90s, 2m or 1h30m"),
        ({"when": "util > 70 for 8d"}, "when: '8d' is longer than 7 days"),
        (
            {"when": "util > 70 for"},
            "when: 'util > 70 for' is not 'metric op value' or 'metric op value for duration'",
        ),
        (
            {"when": ["util > 70", "util"]},
            "when: 'util' is not 'metric op value' or 'metric op value for duration'",
        ),
        ({"when": []}, "when: an empty list would always fire"),
        ({"when": None}, "when: missing; for example 'util > 70 for 2m'"),
        ({"do": "sell 4"}, "do: 'sell 4' is none of: buy N, buy to N, release N, release all"),
        ({"do": "buy 0"}, "do: 'buy 0': '0' is not a number of units from 1 to 1000000"),
        ({"do": "buy ²"}, "do: 'buy ²': '²' is not a number of units from 1 to 1000000"),
        ({"do": "buy 4.5"}, "do: 'buy 4.5': '4.5' is not a number of units from 1 to 1000000"),
        ({"cooldown": "1 m"}, "cooldown: '1 m' is not a duration like 90s, 2m or 1h30m"),
        ({"price_max": None}, "price_max: missing; a rule that buys needs a highest price"),
        ({"do": None}, "do: missing; for example 'buy 4'"),
        ({"at": "Fri 18:00-23:00"}, "at: does not go with when; a rule has one of " + KINDS),
        ({"track": TRACK}, "track: does not go with when; a rule has one of " + KINDS),
        ({"timezone": "UTC"}, "timezone: belongs to at"),
        (AT | {"timezone": "Mars"}, "timezone: 'Mars' is no time zone like 'Europe/Berlin'"),
        (AT | {"timezone": "../UTC"}, "timezone: '../UTC' is no time zone like 'Europe/Berlin'"),
        (
            AT | {"at": "Fri"},
            "at: 'Fri' is not hours like 'Fri 18:00-23:00' or 'daily 20:00-07:00'",
        ),
        (
            AT | {"at": "Fry 18:00-23:00"},
            "at: 'Fry 18:00-23:00': 'Fry' is none of daily, Mon, Tue ... Sun, Mon-Fri",
        ),
        (AT | {"at": "Fri 18:00-24:01"}, "at: 'Fri 18:00-24:01' has a time that no clock shows"),
        (AT | {"at": []}, "at: '' is not hours like 'Fri 18:00-23:00' or 'daily 20:00-07:00'"),
        (
            AT | {"at": "Fri 18:00-18:00"},
            "at: 'Fri 18:00-18:00' begins when it ends; a whole day is 00:00-24:00",
        ),
        (FOLLOW, "do: does not go with track, which says how many units there are to be"),
        (
            FOLLOW | {"do": None, "track": TRACK | {"price_max": 0.1}},
            "price_max: is given twice: in the table and beside it",
        ),
        (
            FOLLOW | {"do": None, "track": TRACK | {"stabilise_down": "x"}},
            "track.stabilise_down: 'x' is not a duration like 90s, 2m or 1h30m",
        ),
        (
            PREDICT | {"predict": TRACK | {"window": "0s"}},
            "predict.window: must be longer than nothing",
        ),
        (
            PREDICT | {"predict": TRACK | {"lead": "boot_p50"}},
            "predict.lead: 'boot_p50' is not a duration like 90s, 2m or 1h30m",
        ),
        (
            PREDICT | {"predict": TRACK | {"lead": "boot_p95 + boot_p95"}},
            "predict.lead: 'boot_p95 + boot_p95' has boot_p95 more than once",
        ),
    ],
)
def test_wrong_text_is_one_line_naming_the_field(change: dict[str, Any], error: str) -> None:
    fields = {key: value for key, value in (BURST | change).items() if value is not None}
    with pytest.raises(RuleError) as caught:
        rule(**fields)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"pricemax": 1}, "unknown field `pricemax`"),
        ({"cooldown": 60}, r"Expected `str \| null`, got `int`"),
        ({"price_max": "0.1"}, "Expected `float .*, got `str`"),
        ({"price_max": 0}, "Expected `float` > 0.0"),
        ({"max_units": 0}, "Expected `int` >= 1"),
        ({"max_units": 10**20}, "Integer value out of range|Expected `int` <= 1000000"),
        ({"budget_day": -1.0}, "Expected `float` >= 0.0"),
        ({"name": "a/b"}, "Expected `str` matching regex"),
        ({"name": "x" * 33}, "Expected `str` of length <= 32"),
    ],
)
def test_wrong_type_or_key_is_refused_when_decoded(change: dict[str, Any], error: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=error):
        msgspec.convert(BURST | change, RuleText)


def test_a_whole_rule_in_integer_units() -> None:
    found = rule(**BURST, budget_day=50.0, zones=["eu-de", "eu-fr"], vm="web")
    assert found.price_max_ucr == 100_000
    assert found.budget_day_ucr == 50_000_000
    assert found.cooldown_ms == 60_000
    assert found.zones == ("eu-de", "eu-fr")
    assert found.buys


def test_a_list_is_and_and_the_cooldown_defaults_to_a_minute() -> None:
    text = msgspec.convert(
        {"name": "x", "when": ["util < 40", "load < 100 for 1m"], "do": "release all"}, RuleText
    )
    found = parse(text)
    assert [condition.metric for condition in found.conditions] == ["util", "load"]
    assert found.cooldown_ms == 60_000
    assert not found.buys


def test_a_cooldown_is_at_least_a_second() -> None:
    assert rule(**BURST | {"cooldown": "0s"}).cooldown_ms == 1000


def test_the_example_of_the_contract_parses() -> None:
    assert rule(**BURST).action == Buy(4)
    assert rule(**CALM).action == Release(2)
