"""The load's figure: fresh, missing, fresh again; what a Manager says after it started again."""

from typing import Any

import pytest

from manager.control.tables import status_lines
from manager.control.view import snapshot
from manager.core.messages import LoadSample
from tests.manager.farm import (
    BOOT_MS,
    BURST,
    CALM,
    MINUTE_MS,
    STALE_MS,
    START_MS,
    Farm,
    new_manager,
)

STALE = "no load for 60 s; no rule acts until there is one"
FRESH = "there is load again: the rules act"


def about_load(farm: Farm) -> list[tuple[int, str]]:
    return [(at_ms - START_MS, text) for at_ms, text, _ in farm.paper.log if text in (STALE, FRESH)]


def test_a_source_that_never_answers_is_told_once() -> None:
    farm = Farm(BURST)
    for minute in range(10):
        farm.paper.feed(LoadSample(None, farm.now_ms), START_MS + minute * MINUTE_MS)
    assert about_load(farm) == [(STALE_MS + 1, STALE)]


def test_a_figure_that_stops_is_told_and_one_that_comes_again_too() -> None:
    farm = Farm(BURST)
    farm.load(50, for_ms=MINUTE_MS)
    farm.paper.advance(farm.now_ms + 10 * MINUTE_MS)
    farm.load(50, for_ms=MINUTE_MS)
    farm.load(50, for_ms=MINUTE_MS)
    assert about_load(farm) == [(MINUTE_MS + STALE_MS + 1, STALE), (11 * MINUTE_MS, FRESH)]


def test_a_figure_that_is_old_when_it_comes_changes_nothing() -> None:
    farm = Farm(BURST)
    farm.paper.advance(START_MS + 10 * MINUTE_MS)
    farm.paper.feed(LoadSample(900.0, START_MS), farm.now_ms)
    assert about_load(farm) == [(STALE_MS + 1, STALE)]


def test_the_log_tells_a_purchase_from_what_was_there_before() -> None:
    farm = Farm(BURST, CALM)
    farm.load(90, for_ms=2 * MINUTE_MS + BOOT_MS)
    [bought, *_] = [text for _, text, _ in farm.paper.log if "on h-" in text]
    seen = len(farm.paper.log)
    farm.paper.advance(farm.now_ms + 1)
    farm.restart()
    lines = [text for _, text, _ in farm.paper.log[seen:]]
    number = bought.partition(" l-")[2].partition(":")[0]
    assert bought.startswith(f"rule burst: l-{number}: 1 unit on h-")
    assert bought.endswith(" at 0.020000 credits")
    assert f"rule burst: adopted l-{number} from before the start: " in lines[0]
    assert sum("adopted" in line for line in lines) == 4


@pytest.mark.parametrize("rules", [(), (BURST | {"paused": True},)])
def test_where_no_rule_needs_a_load_nothing_is_said_about_it(rules: tuple[Any, ...]) -> None:
    """(Seen to fail: a Manager that only sells warned that no rule acts.)"""
    farm = Farm(*rules)
    farm.paper.advance(START_MS + 10 * MINUTE_MS)
    shown = snapshot(farm.manager, farm.now_ms)
    assert (about_load(farm), shown.load.stale, shown.load.needed) == ([], False, False)
    told = "no rule needs the load; 0 on their way, 0 rented or on order"
    assert next(status_lines(shown)) == told


def test_a_rule_that_comes_waits_for_a_load_from_then_on() -> None:
    farm = Farm()
    farm.paper.advance(START_MS + 10 * MINUTE_MS)
    farm.manager.reconfigure(new_manager(BURST).config, farm.now_ms)
    farm.paper.advance(START_MS + 12 * MINUTE_MS)
    assert about_load(farm) == [(10 * MINUTE_MS + STALE_MS + 1, STALE)]
