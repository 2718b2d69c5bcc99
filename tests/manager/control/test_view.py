"""What a snapshot shows of a farm, and that changes lead from one to the next."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.units import credits_text
from manager.control.changes import applied, change
from manager.control.codec import frame_of, line_of
from manager.control.explain import explain
from manager.control.frames import RuleRow, Snapshot
from manager.control.tables import status_lines
from manager.control.view import snapshot
from manager.core.budget import Spend
from tests.manager.farm import BURST, CALM, MINUTE_MS, Farm


def shown(farm: Farm) -> Snapshot:
    return snapshot(farm.manager, farm.now_ms)


def rule(farm: Farm, name: str) -> RuleRow:
    return next(row for row in shown(farm).rules if row.name == name)


def burst_rule(**fields: Any) -> dict[str, Any]:
    return {**BURST, **fields}


def test_a_burst_is_shown_from_its_condition_to_its_units() -> None:
    farm = Farm(BURST, CALM)
    assert rule(farm, "burst").needs == ["util > 70 for 2m: no figure"]
    farm.load(50)
    assert rule(farm, "burst").needs == ["util > 70 for 2m: now 50.0"]
    farm.load(90)
    held = rule(farm, "burst")
    assert (held.state, held.since_ms) == ("holding", farm.now_ms)
    assert held.needs == ["util > 70 for 2m: must hold for 120 s more"]
    farm.load(90, 2 * MINUTE_MS)
    assert rule(farm, "burst").state == "cooling"
    [row] = shown(farm).bursts
    assert (row.name, row.vm, len(row.units), row.hour_ucr) == ("burst", "web", 4, 80_000)
    assert {unit.state for unit in row.units} == {"starting"}
    farm.load(90, 2 * MINUTE_MS)
    assert shown(farm).load.ready == 8
    assert shown(farm).load.util_pct == 45.0
    assert shown(farm).library[0].units == 4


def test_what_holds_a_rule_back_is_named() -> None:
    farm = Farm(burst_rule(max_units=4), burst_rule(name="off", paused=True))
    farm.load(90, 4 * MINUTE_MS)
    assert rule(farm, "burst").blocked_by == ["max_units 4: 4 units are rented or on order"]
    assert rule(farm, "off").state == "paused"
    assert rule(farm, "off").units == 0
    farm.paper.advance(farm.now_ms + 2 * MINUTE_MS)
    assert "no load for 60 s" in rule(farm, "burst").blocked_by


def test_explain_is_one_paragraph() -> None:
    farm = Farm(BURST)
    farm.load(90, MINUTE_MS)
    text = explain(shown(farm), "burst")
    assert text == (
        "Rule burst does 'buy 4' when util > 70 for 2m. The load is 900 per second, 90 % of what "
        "4 units serve. Its condition has held for 1 min 0 s. It needs: util > 70 for 2m: must "
        "hold for 60 s more."
    )
    assert explain(shown(farm), "nope") is None


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 150), st.integers(0, 240_000)), max_size=6))
def test_changes_lead_to_the_snapshot(steps: list[tuple[int, int]]) -> None:
    farm = Farm(BURST, CALM)
    seen = shown(farm)
    for util, for_ms in steps:
        farm.load(util, for_ms)
        now = shown(farm)
        news = change(seen, now)
        if news is not None:
            assert frame_of(line_of(news)) == news
            seen = applied(seen, news)
        assert change(seen, now) is None


def test_rows_that_are_gone_are_named() -> None:
    farm = Farm(BURST, CALM)
    farm.load(90, 4 * MINUTE_MS)
    before = shown(farm)
    outs, _ = farm.manager.administer(lambda hand: hand.end_all(), farm.now_ms)
    farm.paper._carry_out(outs)
    farm.load(10, 2 * MINUTE_MS)
    news = change(before, shown(farm))
    assert news is not None and news.gone == {"bursts": ["burst"]}
    assert change(applied(before, news), shown(farm)) is None


def test_what_is_spent_and_what_may_be_is_shown_and_explained() -> None:
    farm = Farm(BURST | {"budget_day": 50.0, "budget_month": 900.0})
    manager = farm.manager
    manager.rules.spend = Spend(200_000_000, 2_000_000_000)
    manager.rules.most_ucr = 120_000_000
    farm.load(90, 3 * MINUTE_MS)
    farm.load(90, 60 * MINUTE_MS)
    row, spend = rule(farm, "burst"), shown(farm).spend
    assert row.spent_ucr == row.spent_month_ucr == spend.day_ucr == spend.month_ucr > 0
    assert (row.budget_day_ucr, row.budget_month_ucr) == (50_000_000, 900_000_000)
    assert (spend.day_limit_ucr, spend.month_limit_ucr) == (120_000_000, 120_000_000)
    spent = credits_text(row.spent_ucr).rstrip("0")
    lines = list(status_lines(shown(farm)))
    assert f"spent {spent} of 120 credits today, {spent} of 120 this month" in lines
    assert f"  burst: spent {spent} of 50 credits today, {spent} of 900 this month" in lines
    text = explain(shown(farm), "burst") or ""
    assert f"spent {spent} of 50 credits today, {spent} of 900 this month" in text
    assert f"The whole account spent {spent} of 120 credits today" in text
