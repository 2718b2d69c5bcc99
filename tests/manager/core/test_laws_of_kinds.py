"""The guards hold for rules with hours, a target or a look ahead, whatever happens.

Seen to fail on planted bugs: the first with `Rules.room` that leaves out ``max_units``, the second
with `Rules._release` that ignores floors, the third with `AtWatch.wish` that needs no load.
"""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.wire.requests import LeaseRelease
from manager.core.messages import DrainBackend, RegisterBackend, RemoveBackend, Send
from tests.manager.core.test_laws import run, runs
from tests.manager.farm import BOOT_MS, CALM, MINUTE_MS, STALE_MS, Farm

MAX_UNITS = 6
FOLLOW: dict[str, Any] = {"price_max": 0.1, "max_units": MAX_UNITS}
TRACK = {"name": "track", "track": {"target": 70, "stabilise_down": "3m"}, **FOLLOW}
PREDICT = {"name": "ahead", "predict": {"target": 70, "window": "4m"}, **FOLLOW}
# The farm starts on a Wednesday at 11:06 UTC.
AT = {"name": "hours", "at": "Wed 11:10-11:20, Wed 11:25-11:31", "do": "buy to 3", **FOLLOW}
NIGHT = CALM | {"name": "night", "when": "load < 50", "do": "release all", "cooldown": "1m"}
OPEN_MS = [(200_000, 800_000), (1_100_000, 1_460_000)]
"""When the hours are open, after the farm's start at 11:06:40."""
kinds = st.sampled_from([(TRACK,), (PREDICT,), (AT, NIGHT), (TRACK, AT), (PREDICT, AT, NIGHT)])


@settings(max_examples=60, deadline=None)
@given(rules=kinds, plan=runs, supply=st.one_of(st.none(), st.integers(0, 8)))
def test_never_more_than_max_units(
    rules: tuple[dict[str, Any], ...], plan: list[tuple[str, int]], supply: int | None
) -> None:
    farm = Farm(*rules, supply=supply)
    for step in plan:
        run(farm, [step])
        assert farm.manager.reading().paid <= MAX_UNITS
        assert len(farm.paper.leases) <= MAX_UNITS


@settings(max_examples=60, deadline=None)
@given(plan=st.lists(st.tuples(st.just("load"), st.integers(0, 90)), min_size=6, max_size=30))
def test_in_its_hours_no_rule_releases_below_a_rules_units(plan: list[tuple[str, int]]) -> None:
    farm = Farm(AT, NIGHT)
    start_ms = farm.now_ms
    for step in plan:
        run(farm, [step])
        since_ms = farm.now_ms - start_ms
        if any(begin <= since_ms < end for begin, end in OPEN_MS):
            assert farm.manager.reading().bought >= 3
        if not any(begin <= since_ms <= end for begin, end in OPEN_MS):
            assert farm.manager.reading().bought == 0


@settings(max_examples=60, deadline=None)
@given(rules=kinds, plan=runs)
def test_without_a_fresh_sample_no_rule_fires(
    rules: tuple[dict[str, Any], ...], plan: list[tuple[str, int]]
) -> None:
    farm = Farm(*rules)
    run(farm, plan)
    farm.paper.advance(farm.now_ms + STALE_MS + BOOT_MS)
    seen = len(farm.paper.log)
    farm.paper.advance(farm.now_ms + 60 * MINUTE_MS)
    assert [line for _, line, _ in farm.paper.log[seen:] if line.startswith("rule")] == []


@settings(max_examples=40, deadline=None)
@given(rules=kinds, plan=runs)
def test_a_unit_in_service_is_drained_before_it_is_released(
    rules: tuple[dict[str, Any], ...], plan: list[tuple[str, int]]
) -> None:
    farm = Farm(*rules)
    run(farm, plan)
    in_service: set[str] = set()
    for out in farm.paper.outs:
        match out:
            case RegisterBackend(server):
                in_service.add(server)
            case DrainBackend(server) | RemoveBackend(server):
                in_service.discard(server)
            case Send(LeaseRelease(at_ms=None) as release):
                assert f"{release.lease_id}-0" not in in_service
            case _:
                pass


@settings(max_examples=40, deadline=None)
@given(rules=kinds, plan=runs)
def test_equal_messages_give_equal_outs(
    rules: tuple[dict[str, Any], ...], plan: list[tuple[str, int]]
) -> None:
    one, two = Farm(*rules), Farm(*rules)
    run(one, plan)
    run(two, plan)
    assert one.paper.outs == two.paper.outs
