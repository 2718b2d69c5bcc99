"""Rules with hours: what they buy, keep and give back."""

from typing import Any

import pytest

from manager.core.messages import LoadSample
from tests.manager.farm import BURST, CALM, MINUTE_MS, START_MS, Farm

HOUR_MS = 60 * MINUTE_MS
# The farm starts on Wednesday, 18 November 2026, 11:06:40 UTC.
NOON: dict[str, Any] = {
    "name": "noon",
    "at": "Wed 13:00-14:00",
    "timezone": "Europe/Berlin",
    "do": "buy to 6",
    "price_max": 0.1,
}
OPENS_MS = START_MS - START_MS % HOUR_MS + HOUR_MS
CLOSES_MS = OPENS_MS + HOUR_MS


def until(farm: Farm, at_ms: int, util: float = 10) -> None:
    """Report a load every 30 s up to ``at_ms``."""
    for sample_ms in range(farm.now_ms + 30_000, at_ms, 30_000):
        farm.paper.feed(LoadSample(util * 10, sample_ms), sample_ms)
    farm.paper.advance(at_ms)


def open_farm(*rules: dict[str, Any]) -> Farm:
    farm = Farm(*rules)
    farm.load(10)
    until(farm, OPENS_MS - 1)
    assert farm.counts()[2] == 0
    farm.paper.advance(OPENS_MS)
    return farm


def test_its_units_are_there_for_its_hours_to_the_millisecond() -> None:
    farm = open_farm(NOON)
    assert farm.counts()[2] == 6
    until(farm, CLOSES_MS - 1)
    assert farm.counts() == (6, 0, 6)
    farm.paper.advance(CLOSES_MS)
    assert farm.counts() == (0, 0, 0)


def test_no_other_rule_releases_below_it_while_it_lasts() -> None:
    farm = open_farm(NOON, CALM, BURST)
    until(farm, CLOSES_MS - 1)
    assert farm.counts()[0] == 6
    assert [line for _, line, _ in farm.paper.log if line.startswith("rule calm")] == []


def test_at_the_end_only_its_own_units_go() -> None:
    farm = Farm(NOON, BURST)
    farm.load(90, for_ms=5 * MINUTE_MS)
    burst = farm.counts()[2]
    assert burst == 4
    until(farm, CLOSES_MS - 1, util=90)
    assert farm.counts()[2] == 6
    until(farm, CLOSES_MS + 1, util=90)
    assert farm.counts()[2] == burst
    assert {lease.row.client_order_id.split("/")[1] for lease in _rows(farm)} == {"burst"}


def test_buy_n_means_n_of_its_own() -> None:
    farm = Farm(NOON | {"do": "buy 3"}, BURST)
    farm.load(90, for_ms=5 * MINUTE_MS)
    until(farm, CLOSES_MS - 1, util=90)
    assert farm.counts()[2] == 7


@pytest.mark.parametrize("lost", ["host_lost", "recalled"])
def test_what_is_lost_is_bought_again_after_the_cooldown(lost: str) -> None:
    farm = open_farm(NOON)
    until(farm, OPENS_MS + 5 * MINUTE_MS)
    farm.paper.end(next(iter(farm.paper.leases)), lost)
    until(farm, OPENS_MS + 6 * MINUTE_MS)
    assert farm.counts()[2] == 6


def test_a_restart_in_its_hours_and_after_them() -> None:
    farm = open_farm(NOON)
    until(farm, OPENS_MS + 5 * MINUTE_MS)
    farm.restart()
    farm.load(10)
    assert farm.counts()[2] == 6
    farm.paper.advance(CLOSES_MS + 5 * MINUTE_MS)
    farm.restart()
    assert farm.counts()[2] == 6  # no load is known: no rule acts
    farm.load(10)
    assert farm.counts()[2] == 0


def test_a_rule_that_releases_at_an_hour() -> None:
    night = {"name": "night", "at": "Wed 12:30-12:31", "do": "release all"}
    farm = Farm(BURST, night)
    farm.load(90, for_ms=5 * MINUTE_MS)
    until(farm, OPENS_MS + 30 * MINUTE_MS - 1, util=50)
    assert farm.counts()[2] == 4
    farm.paper.advance(OPENS_MS + 30 * MINUTE_MS)
    assert farm.counts()[2] == 0


def _rows(farm: Farm) -> list[Any]:
    return list(farm.paper.leases.values())
