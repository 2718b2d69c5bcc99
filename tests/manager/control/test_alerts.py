"""Which lines of the log are alerts, and that no flood of them goes out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.log.line import as_text, line
from exchange.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE
from manager.control.alerts import HOURLY_MAX, REPEAT_MS, SHOWN_MAX, Alerts, kind_of
from manager.control.frames import LoadRow, RuleRow, Snapshot, SpendRow
from manager.control.tables import status_lines
from manager.control.view import clock, clock_from
from manager.core import log_events
from manager.core.messages import Log

LINES = [
    (log_events.of_out(Log("rule burst: util > 70: buy 4", "fired")), "fired"),
    (log_events.of_out(Log("rule burst: l-9: 2 units on h-1", "leased")), "bought"),
    (log_events.of_out(Log("rule burst: 2 units not offered", "bid_rests")), "not_found"),
    (log_events.of_out(Log("l-9 on h-1: recall", "notice")), "recalled"),
    (log_events.of_out(Log("l-9 on h-1: host lost", "notice")), "lost"),
    (log_events.of_out(Log("l-9 on h-1: launch failed", "notice")), "vm_failed"),
    (log_events.of_out(Log("l-9 on h-1: host back", "notice")), None),
    (log_events.of_out(Log("l-9-0: VM v-1 ended: crashed", "vm_ended")), "vm_failed"),
    (log_events.of_out(Log("VM web: no", "rule_stopped")), "rule_stopped"),
    (log_events.of_out(Log("no load", "load_stale")), "load_gone"),
    (log_events.balancer_gone("refused"), "balancer_gone"),
    (log_events.balancer_gone(""), None),
    (log_events.disconnected("reset"), "exchange_gone"),
    (log_events.connected(), None),
]


@pytest.mark.parametrize(("entry", "kind"), LINES)
def test_a_line_is_an_alert_or_not(entry: object, kind: str | None) -> None:
    assert kind_of(entry) == kind  # type: ignore[arg-type]


def test_the_same_text_is_told_once_in_a_while() -> None:
    alerts, entry = Alerts(), log_events.disconnected("reset")
    told = [len(alerts.heard(entry, at_ms)) for at_ms in (0, 1, REPEAT_MS - 1, REPEAT_MS)]
    assert told == [1, 0, 0, 1]


def test_no_flood_goes_out_and_all_of_it_is_shown() -> None:
    alerts = Alerts()
    out = [alerts.heard(line("info", "fired", f"rule {n}"), n) for n in range(1_000)]
    assert sum(map(len, out)) == HOURLY_MAX
    assert (len(alerts.rows), alerts.held_back) == (SHOWN_MAX, 1_000 - HOURLY_MAX)
    assert [row.number for row in alerts.rows] == list(range(901, 1_001))
    assert alerts.heard(line("info", "fired", "later"), MS_PER_HOUR) != []


def test_a_budget_is_told_at_80_and_at_100_percent_once_a_day() -> None:
    alerts = Alerts()

    def looked(spent: int, day: int) -> list[str]:
        row = RuleRow("burst", "", "", "ready", spent_ucr=spent, budget_day_ucr=1_000_000)
        return [alert.kind for alert in alerts.looked([row], SpendRow(), day * MS_PER_DAY)]

    assert [looked(spent, 1) for spent in (0, 799_999)] == [[], []]
    assert looked(800_000, 1) == ["budget_80"]
    assert looked(900_000, 1) == []
    assert looked(1_000_000, 1) == ["budget_100"]
    assert looked(850_000, 1) == []
    assert looked(850_000, 2) == ["budget_80"]
    assert alerts.looked([RuleRow("calm", "", "", "ready", spent_ucr=9)], SpendRow(), 0) == []


MONTHLY = {"spent_ucr": 1, "spent_month_ucr": 9_000_000, "budget_month_ucr": 10_000_000}
JULY_MS = 1_782_864_000_000
AUGUST_MS = JULY_MS + 31 * MS_PER_DAY


@pytest.mark.parametrize(
    ("rules", "spend", "told"),
    [
        ([MONTHLY], {}, ("budget_80", "rule burst: 9 of 10 credits of its month are spent")),
        (
            [{}],
            {"day_ucr": 2_000_000, "day_limit_ucr": 2_000_000},
            ("budget_100", "spend: 2 of 2 credits of the day are spent"),
        ),
        (
            [{"budget_day_ucr": 9}],
            {"month_ucr": 8_500_000, "month_limit_ucr": 10_000_000, "day_limit_ucr": 1},
            ("budget_80", "spend: 8.5 of 10 credits of the month are spent"),
        ),
    ],
)
def test_every_budget_is_told_once_in_its_time(
    rules: list[dict[str, int]], spend: dict[str, int], told: tuple[str, str]
) -> None:
    alerts = Alerts()
    blank = RuleRow("burst", "", "", "ready")
    rows = [replace(blank, **fields) for fields in rules]

    def looked(at_ms: int) -> list[tuple[str, str]]:
        return [(row.kind, row.text) for row in alerts.looked(rows, SpendRow(**spend), at_ms)]

    assert looked(JULY_MS) == [told]
    of_day = "day" in told[1]
    assert looked(JULY_MS + 20 * MS_PER_DAY) == ([told] if of_day else [])
    assert looked(AUGUST_MS) == [told]


def test_a_budget_of_nothing_is_used_up_from_the_start() -> None:
    [alert] = Alerts().looked([], SpendRow(day_limit_ucr=0), 0)
    assert alert.kind == "budget_100"


@given(st.integers(0, MS_PER_DAY - MS_PER_MINUTE))
def test_an_alert_has_the_second_that_its_line_in_the_log_has(at_ms: int) -> None:
    entry, alerts = log_events.disconnected("reset"), Alerts()
    alerts.heard(entry, at_ms)
    *_, told = status_lines(Snapshot(at_ms, LoadRow(1.0, 1), alerts=list(alerts.rows)))
    logged = as_text(entry, at_ms)[11:19]
    assert logged in told and clock(at_ms) == f"{logged} UTC"


@given(st.integers(0, MS_PER_DAY - MS_PER_MINUTE))
def test_what_begins_is_never_told_too_early(at_ms: int) -> None:
    later = clock(at_ms + 999)
    assert clock_from(at_ms) == later >= clock(at_ms)
