"""Names and times that no exchange, no calendar and no other party allows; what no run can meet.

Each was seen to end a run in its set-up, or to be run for nothing, before the loader knew it.
"""

import codecs
from pathlib import Path

import pytest

from exchange.engine.admin import OPERATOR
from exchange.model.ledger import SYSTEM_ACCOUNTS
from sim.cli.run import with_random_faults
from sim.scenario.check import THE_EXCHANGES, mistakes
from sim.scenario.doubts import doubts
from sim.scenario.fault_check import WITHOUT_SELLERS
from sim.scenario.file import ScenarioError, decode, load
from sim.scenario.policy import market_of
from tests.sim.scenes import TRADERS, loaded, scene, world

CLOUD = '[policy.hired]\nlike = "threshold"\nlist_price = 0.1\n'
EXPECT = '[[expect]]\npolicy = "threshold"\nmetric = "cost"\n'


def test_the_exchange_has_these_accounts_itself() -> None:
    assert set(THE_EXCHANGES) == {*SYSTEM_ACCOUNTS, OPERATOR}


@pytest.mark.parametrize("name", THE_EXCHANGES)
@pytest.mark.parametrize(
    ("find", "put", "place"),
    [
        ('"shop"', '"{}"', "farm.account"),
        ('"uni-lab"', '"{}"', "seller[0].name"),
        ('kind = "noise"', 'kind = "noise"\nname = "{}"', "trader[1].name"),
    ],
)
def test_nobody_has_an_account_of_the_exchange(name: str, find: str, put: str, place: str) -> None:
    text = scene(TRADERS)
    assert find in text
    found = mistakes(decode(text.replace(find, put.format(name), 1)))
    assert found == [f"{place}: {name!r} is an account of the exchange's own"]


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00+14:00", "1969-12-31T00:00:00Z"])
def test_no_run_begins_before_the_clock_does(start: str) -> None:
    found = mistakes(decode(scene().replace("2026-11-23T00:00:00Z", start)))
    assert found == [f"start: {int(start[:4])} is not one of the years 1971 to 8999"]


def test_no_run_outlives_the_calendar() -> None:
    found = mistakes(decode(scene().replace("2026", "9999")))
    assert found == ["start: 9999 is not one of the years 1971 to 8999"]


@pytest.mark.parametrize("year", ["1971", "8999"])
def test_in_between_it_runs(tmp_path: Path, year: str) -> None:
    assert world(tmp_path, scene(duration_s=60).replace("2026", year)).run().commands


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a b", "policy.a b: may have letters, digits and _ . - alone"),
        ("é", "policy.é: may have letters, digits and _ . - alone"),
        ("", "policy.: expected 'str' of length >= 1"),
    ],
)
def test_the_name_of_a_policy_is_named(name: str, line: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        decode(scene() + f'[policy."{name}"]\n')
    assert str(caught.value) == line


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "marked.toml"
    path.write_bytes(codecs.BOM_UTF8 + scene().encode())
    assert load(path).scenario.title == "A short peak"


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("max = 1.0\nmin = 2.5", "expect[0]: never holds: min 2.5 is above max 1"),
        (
            'less_than_policy = "threshold"',
            "expect[0].less_than_policy: never holds: 'threshold' is not below itself",
        ),
    ],
)
def test_what_no_run_can_meet_is_doubted(more: str, line: str) -> None:
    assert doubts(decode(scene(EXPECT + more))) == [line]


def test_a_farm_called_cloud_buys_from_somebody_else(tmp_path: Path) -> None:
    """(Seen to buy nothing at all: it would have traded with itself.)"""
    text = scene(CLOUD).replace('"shop"', '"cloud"')
    scenario = decode(text)
    market = market_of(scenario, scenario.policy["hired"])
    assert [seller.name for seller in market.seller] == ["cloud-2"]
    assert world(tmp_path, text, "hired").run().metrics["peak_units"]


def test_without_sellers_only_what_needs_none_goes_wrong(tmp_path: Path) -> None:
    head, _, tail = scene().partition("[[seller]]")
    found = loaded(tmp_path, head + tail.partition("jitter = 0.1\n")[2])
    table = with_random_faults(found, 2.0).scenario.random_faults
    assert table is not None and table.kinds == list(WITHOUT_SELLERS)
