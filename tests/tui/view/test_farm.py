"""The Manager's snapshot and changes, folded; the tabs' row; the Log."""

import pytest

from manager.control.frames import AlertRow, Change, LoadRow, RuleRow, Snapshot
from tests.tui.market import order
from tui.view.farm import Farm
from tui.view.log import ENTRIES_MAX, Log
from tui.view.log_rows import log_rows
from tui.view.needs import lack
from tui.view.tabs import TabName, tab_at, tab_line, tab_row
from tui.view.text import width_of
from tui.view.words import happened

LOAD = LoadRow(100.0, 2)


def rule(name: str, units: int = 0) -> RuleRow:
    return RuleRow(name, "load above 80 %", "4 small", "ready", units=units)


def alert(number: int) -> AlertRow:
    return AlertRow(number, number * 1000, "fired", f"alert {number}")


def test_rows_are_replaced_by_their_key_and_gone_ones_go() -> None:
    farm = Farm()
    assert (farm.present, farm.load, farm.rules) == (False, None, [])
    farm.apply(Snapshot(1, LOAD, [rule("a"), rule("b")]))
    farm.apply(Change(2, rules=[rule("b", 3), rule("c")], gone={"rules": ["a"]}))
    assert [(row.name, row.units) for row in farm.rules] == [("b", 3), ("c", 0)]
    assert (farm.at_ms, farm.load) == (2, LOAD)


def test_only_new_alerts_are_told_also_after_a_reconnect() -> None:
    farm = Farm()
    assert farm.apply(Snapshot(1, LOAD, alerts=[alert(1), alert(2)])) == []
    assert farm.apply(Change(2, alerts=[alert(3)])) == [alert(3)]
    farm.lost("gone")
    assert (farm.phase, farm.reason, farm.present) == ("lost", "gone", True)
    assert farm.apply(Snapshot(3, LOAD, alerts=[alert(3), alert(4)])) == [alert(4)]
    assert farm.phase == "up"


def test_a_manager_that_began_anew_is_heard_too() -> None:
    """Its numbers begin anew as well."""
    farm = Farm()
    farm.apply(Snapshot(1, LOAD, alerts=[alert(8)]))
    farm.lost("restarted")
    farm.apply(Snapshot(2, LOAD, alerts=[]))
    assert farm.apply(Change(3, alerts=[alert(1)])) == [alert(1)]


def test_what_a_screen_lacks() -> None:
    farm = Farm()
    assert lack("", "", farm, "/m.sock") == []
    assert "headroom tui --key" in "\n".join(lack("key", "", farm, "/m.sock"))
    assert lack("key", "acme", farm, "/m.sock") == []
    assert "/m.sock" in "\n".join(lack("manager", "acme", farm, "/m.sock"))
    farm.apply(Snapshot(1, LOAD))
    assert lack("manager", "", farm, "/m.sock") == []


LAST = ("Automation", "Scenarios", "Log", "Operator")
TABS = [
    TabName(title.lower(), title, number, title[0].lower())
    for number, title in enumerate(
        [
            "Market",
            "Orders",
            "Leases",
            "Hosts",
            "Find",
            "Library",
            "Automation",
            "Scenarios",
            "Log",
            "Operator",
        ],
        2,
    )
]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
@pytest.mark.parametrize("letters", [False, True])
def test_every_tab_has_a_place_at_every_width(width: int, letters: bool) -> None:
    shown = tab_row(TABS, "leases", width, letters)
    line = tab_line(shown, width)
    assert width_of(line) == width
    said = "".join(part for part, _, _ in line)
    for tab in TABS:
        assert (tab.letter if letters else str(tab.number)) in said
    assert "Leases" in said
    assert "▸" in said
    for each in shown:
        assert tab_at(shown, each.x) == each.name
    assert tab_at(shown, width) is None


def test_the_log_keeps_what_happened_newest_first() -> None:
    log = Log()
    frame = order(1)
    log.happened(frame, happened(frame, 4), 5)
    log.alert(alert(1))
    rows = log_rows(log)
    assert [row.cells[1].text for row in rows] == ["manager", "order"]
    assert rows[1].cells[3].text == "o-1"
    assert [entry.number for entry in log.since(1)] == [2]


def test_the_log_is_bounded() -> None:
    log = Log()
    for number in range(ENTRIES_MAX + 5):
        log.add(number, "link", "", "again")
    assert len(log.entries) == ENTRIES_MAX
    assert log.entries[-1].number == ENTRIES_MAX + 5
