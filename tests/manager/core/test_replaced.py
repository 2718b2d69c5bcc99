"""Units that are recalled, or whose host is silent or lost, are replaced at once."""

from collections.abc import Callable
from typing import Any

import pytest

from exchange.wire.requests import LeaseRelease, OrderPlace, VmStart
from manager.core.account import SILENCE_MS
from manager.core.farm import DEFAULT_LEAVE_MS
from manager.core.messages import Disconnected, DrainBackend, LoadSample
from tests.manager.farm import (
    BOOT_MS,
    BURST,
    CALM,
    CORE_UNITS,
    MINUTE_MS,
    NOTICE_MS,
    STALE_MS,
    Farm,
    come_back,
    fall_silent,
    pass_time,
    recall,
    requests,
    told,
)

UNITS = 20
HOST = 7
"""Of 20 units, on three hosts: the one that goes."""
PEAK = 100 * 17 / CORE_UNITS
"""Load in percent of our own units: 71 % of 24 units, which the rules want."""
TRACK: dict[str, Any] = {
    "name": "track",
    "track": {"target": 71, "price_max": 0.1, "max_units": UNITS},
}
WHEN = BURST | {"when": "util > 70 for 1m", "do": f"buy to {UNITS}", "max_units": UNITS}
AT = {"name": "day", "at": "daily 00:00-24:00", "do": f"buy to {UNITS}", "price_max": 0.1}
AT |= {"max_units": UNITS}
KINDS = pytest.mark.parametrize("rule", [WHEN, TRACK, AT], ids=["when", "track", "at"])


def lost(farm: Farm, lease_id: str) -> None:
    farm.paper.end(lease_id, "host_lost")
    farm.paper.advance(farm.now_ms)


def peak(*rules: dict[str, Any], supply: int | None = None) -> Farm:
    farm = Farm(*rules, supply=supply)
    farm.load(PEAK, for_ms=2 * MINUTE_MS + BOOT_MS)
    assert farm.counts() == (UNITS, 0, UNITS)
    return farm


def take(farm: Farm, event: Callable[[Farm, str], None]) -> list[str]:
    names = list(farm.paper.leases)[:HOST]
    for name in names:
        event(farm, name)
    farm.paper.advance(farm.now_ms)
    return names


@KINDS
@pytest.mark.parametrize("event", [lost, fall_silent, recall])
def test_no_unit_is_missing_for_longer_than_a_boot(
    rule: dict[str, Any], event: Callable[[Farm, str], None]
) -> None:
    farm = peak(rule, CALM)
    take(farm, event)
    assert farm.counts()[1:] == (HOST, UNITS), "all are replaced, within max_units"
    for _ in range(0, BOOT_MS, 10_000):
        pass_time(farm, 10_000)
        farm.load(PEAK)
    assert farm.counts()[0] >= UNITS
    for _ in range(12):
        pass_time(farm, 10_000)
        farm.load(PEAK)
        assert farm.counts() == (UNITS, 0, UNITS)


@KINDS
def test_recalled_units_serve_until_they_have_to_go(rule: dict[str, Any]) -> None:
    farm = peak(rule)
    names = take(farm, recall)
    farm.paper.outs.clear()
    pass_time(farm, NOTICE_MS - DEFAULT_LEAVE_MS - 1)
    assert [out for out in farm.paper.outs if isinstance(out, DrainBackend)] == []
    assert farm.counts()[0] == UNITS
    pass_time(farm, 1)
    drains = [out.server for out in farm.paper.outs if isinstance(out, DrainBackend)]
    assert drains == [f"{name}-0" for name in names]
    releases = [out for out in requests(farm.paper.outs, LeaseRelease) if out.at_ms is None]
    assert releases == [], "their end pays the bond"


@KINDS
def test_with_a_quick_boot_the_new_join_before_the_old_go(rule: dict[str, Any]) -> None:
    farm = peak(rule)
    farm.paper._boot_ms = NOTICE_MS - DEFAULT_LEAVE_MS - 10_000
    take(farm, recall)
    for _ in range(20):
        pass_time(farm, 10_000)
        farm.load(PEAK)
        assert farm.counts()[0] >= UNITS


@KINDS
def test_a_host_that_comes_back_leaves_no_more_than_max_units(rule: dict[str, Any]) -> None:
    farm = peak(rule)
    names = take(farm, fall_silent)
    pass_time(farm, BOOT_MS)
    farm.load(PEAK)
    for name in names:
        come_back(farm, name)
        farm.paper.advance(farm.now_ms)
    assert farm.counts()[2] == UNITS


def test_without_a_load_nothing_is_replaced_until_it_is_known() -> None:
    farm = peak(WHEN)
    farm.paper.advance(farm.now_ms + 2 * MINUTE_MS)
    take(farm, lost)
    assert farm.counts() == (UNITS - HOST, 0, UNITS - HOST)
    farm.load(PEAK)
    assert farm.counts()[1] == HOST


def test_what_a_rule_gives_back_is_not_replaced() -> None:
    farm = peak(WHEN, CALM | {"when": "util < 40 for 1m"})
    farm.load(20, for_ms=MINUTE_MS)
    orders = len(requests(farm.paper.outs, OrderPlace))
    take(farm, lost)
    farm.load(20)
    assert len(requests(farm.paper.outs, OrderPlace)) == orders


def test_a_manager_that_was_away_replaces_what_it_finds_recalled_once() -> None:
    farm = peak(WHEN)
    farm.paper.manager.apply(Disconnected(), farm.now_ms)
    take(farm, recall)
    farm.restart()
    farm.load(PEAK)
    assert farm.counts()[1] == HOST
    farm.restart()
    farm.load(PEAK)
    assert farm.counts()[1] == HOST


def quiet_farm() -> Farm:
    """Return a farm with a unit whose host is silent, and no load: nothing is bought for it."""
    farm = Farm(BURST)
    farm.load(90, for_ms=2 * MINUTE_MS + BOOT_MS)
    farm.paper.advance(farm.now_ms + STALE_MS + 1)
    told(farm, "host_silent", next(iter(farm.paper.leases)))
    assert farm.counts() == (3, 0, 3)
    return farm


def test_units_of_a_silent_host_are_no_capacity_until_it_is_heard() -> None:
    farm = quiet_farm()
    farm.paper.feed(LoadSample(None, farm.now_ms), farm.now_ms + SILENCE_MS)
    assert farm.counts() == (4, 0, 4)


def test_units_of_a_host_that_is_back_count_again_at_once() -> None:
    farm = quiet_farm()
    starts = len(requests(farm.paper.outs, VmStart))
    told(farm, "host_back", "l-other")
    assert farm.counts() == (3, 0, 3), "another host's return says nothing of this one"
    told(farm, "host_back", next(iter(farm.paper.leases)))
    assert farm.counts() == (4, 0, 4)
    assert len(requests(farm.paper.outs, VmStart)) == starts, "its VM ran on"
