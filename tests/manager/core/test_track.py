"""`track` and `predict`: Kubernetes' formula, its tolerance, its way down, and the load to come."""

from fractions import Fraction
from math import ceil, inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager.core.forecast import MAX_POINTS, Lead, Trend, parse_lead
from manager.core.rule import BuyTo, Release, Rule
from manager.core.rule_state import Reading
from manager.core.watch_track import Highest, TrackWatch
from tests.manager.farm import CORE_UNITS, MINUTE_MS, UNIT_RPS, Farm, rule

TRACK: dict[str, Any] = {
    "name": "track",
    "track": {"target": 70, "stabilise_down": "5m", "price_max": 0.1, "max_units": 16},
}
PREDICT: dict[str, Any] = {
    "name": "predict",
    "predict": {
        "target": 70,
        "window": "10m",
        "lead": "boot_p95 + 60s",
        "price_max": 0.1,
        "max_units": 16,
    },
}


def reading(load_rps: float | None, bought: int, at_ms: int = 0, pending: int = 0) -> Reading:
    ready = CORE_UNITS + bought - pending
    return Reading(load_rps, UNIT_RPS, ready, pending, bought, bought, 0, at_ms, 90_000)


def watch(compiled: Rule) -> TrackWatch:
    assert compiled.track is not None
    return TrackWatch(compiled.track)


def desired(load_rps: float, have: int, target: float = 70) -> int:
    """Return what the formula says, in exact numbers."""
    ratio = Fraction(load_rps) / (have * Fraction(UNIT_RPS) * Fraction(target) / 100)
    if abs(ratio - 1) <= Fraction(1, 10):
        return have
    return max(CORE_UNITS, ceil(have * ratio))


@pytest.mark.parametrize(
    ("load_rps", "bought", "pending", "buy_to"),
    [
        (700, 0, 0, None),  # 4 units at 70 %
        (770, 0, 0, None),  # 77 %: within a tenth of the target
        (771, 0, 0, 1),
        (1400, 0, 0, 4),  # exactly 8 units, no float makes it 9
        (1400, 2, 0, 4),
        (1400, 3, 3, 4),  # 7 units would show 80 %: more than a tenth off
        (1400, 4, 4, None),  # all under way
    ],
)
def test_the_formula(load_rps: float, bought: int, pending: int, buy_to: int | None) -> None:
    one = watch(rule(**TRACK))
    now = reading(load_rps, bought, pending=pending)
    one.observe(now, 0)
    wish = one.wish(now, 0)
    assert (None if wish is None else wish.action) == (None if buy_to is None else BuyTo(buy_to))


steps = st.tuples(st.integers(1, 4 * MINUTE_MS), st.one_of(st.none(), st.integers(0, 4000)))


@settings(max_examples=300, deadline=None)
@given(plan=st.lists(steps, min_size=1, max_size=40))
def test_against_the_naive_way(plan: list[tuple[int, int | None]]) -> None:
    """All that was desired is kept in a list, and the greatest of the window looked for in it."""
    one = watch(rule(**TRACK))
    now_ms, bought = 0, 0
    past: list[tuple[int, float]] = []
    for step_ms, load_rps in plan:
        now_ms += step_ms
        now = reading(load_rps, bought, now_ms)
        one.observe(now, now_ms)
        wish = one.wish(now, now_ms)
        if load_rps is None:
            past.clear()
            assert wish is None
            continue
        wanted = desired(load_rps, CORE_UNITS + bought)
        past = past or [(now_ms, inf)]
        past.append((now_ms, wanted))
        ends = [*(at_ms for at_ms, _ in past[1:]), now_ms + 1]
        window = [
            value
            for (_, value), end_ms in zip(past, ends, strict=True)
            if end_ms > now_ms - 5 * MINUTE_MS
        ]
        have = CORE_UNITS + bought
        if wanted > have:
            assert wish is not None
            assert wish.action == BuyTo(wanted - CORE_UNITS)
            bought = wanted - CORE_UNITS
        elif max(window) < have:
            assert wish is not None
            assert wish.action == Release(have - int(max(window)))
            bought -= have - int(max(window))
        else:
            assert wish is None


def test_the_way_down_needs_a_whole_window_of_what_was_desired() -> None:
    farm = Farm(TRACK)
    farm.load(300, for_ms=5 * MINUTE_MS)
    bought = farm.counts()[0]
    assert bought == 14  # 3,000 requests/s at 175 a unit: 18 units
    farm.load(100, for_ms=5 * MINUTE_MS - 1)
    assert farm.counts()[0] == bought
    farm.paper.advance(farm.now_ms + 1)
    assert farm.counts()[0] == 2


def test_after_a_restart_nothing_is_given_back_before_a_window_is_over() -> None:
    farm = Farm(TRACK)
    farm.load(300, for_ms=10 * MINUTE_MS)
    farm.restart()
    farm.load(100, for_ms=5 * MINUTE_MS - 10_000)
    assert farm.counts()[2] == 14
    farm.load(100, for_ms=30_000)
    assert farm.counts()[2] == 2


def test_load_as_the_metric_is_that_of_one_unit() -> None:
    one = watch(rule(name="t", track={"metric": "load", "target": 100, "price_max": 0.1}))
    one.observe(now := reading(1000, 0), 0)
    wish = one.wish(now, 0)
    assert wish is not None
    assert wish.action == BuyTo(6)


@settings(max_examples=200, deadline=None)
@given(values=st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), min_size=1, max_size=60))
def test_the_deadline_is_the_moment_at_which_the_greatest_falls(
    values: list[tuple[int, int]],
) -> None:
    one, now_ms = Highest(100), 0
    for step_ms, value in values:
        now_ms += step_ms
        one.add(value, now_ms)
        falls_ms, before = one.falls_ms(), one.highest()
        if falls_ms is not None:
            assert falls_ms > now_ms
            early, late = Highest(100), Highest(100)
            early._values, late._values = one._values.copy(), one._values.copy()
            early.add(value, falls_ms - 1)
            late.add(value, falls_ms)
            assert early.highest() == before
            assert late.highest() < before


def test_what_is_kept_is_bounded() -> None:
    trend, recent = Trend(600_000), Highest(600_000)
    for at_ms in range(0, 2_000_000, 100):
        trend.add(at_ms, float(at_ms % 7))
        recent.add(at_ms % 11, at_ms)
    assert len(trend._points) <= MAX_POINTS
    assert len(recent._values) <= 12


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        ("boot_p95 + 60s", Lead(1, 60_000)),
        ("1m+boot_p95+30s", Lead(1, 90_000)),
        ("boot_p95", Lead(1, 0)),
        ("5m", Lead(0, 300_000)),
    ],
)
def test_lead(text: str, lead: Lead) -> None:
    assert parse_lead(text) == lead


def naive_line(points: list[tuple[int, int]], at_ms: int) -> float:
    """Return the least-squares line's value, in exact numbers."""
    n = len(points)
    xs, ys = [Fraction(x) for x, _ in points], [Fraction(y) for _, y in points]
    slope = (n * sum(x * y for x, y in zip(xs, ys, strict=True)) - sum(xs) * sum(ys)) / (
        n * sum(x * x for x in xs) - sum(xs) ** 2
    )
    return max(0.0, float((sum(ys) - slope * sum(xs)) / n + slope * at_ms))


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(3_000, 90_000), st.integers(0, 5000)), max_size=60),
    lead_ms=st.integers(0, 600_000),
)
def test_the_forecast_against_exact_numbers(steps: list[tuple[int, int]], lead_ms: int) -> None:
    trend, now_ms = Trend(600_000), 1_795_000_000_000
    points: list[tuple[int, int]] = []
    for step_ms, value in steps:
        now_ms += step_ms
        trend.add(now_ms, value)
        points = [point for point in points if point[0] >= now_ms - 600_000] + [(now_ms, value)]
        found = trend.at(now_ms + lead_ms)
        if now_ms - points[0][0] < 300_000:
            assert found is None
        else:
            assert found == pytest.approx(naive_line(points, now_ms + lead_ms), rel=1e-6, abs=1e-3)


def test_predict_buys_before_track_does() -> None:
    """The load grows by 1 % of our own units each 10 s."""
    first = {}
    for fields in (TRACK, PREDICT):
        farm = Farm(fields)
        for step in range(80):
            farm.load(30 + step)
            farm.paper.advance(farm.now_ms + 10_000)
            if farm.counts()[2]:
                first[fields["name"]] = step
                break
    # As long as the lead: a boot is taken for 120 s before the first, and 60 s.
    assert first["track"] - first["predict"] == 18


@settings(max_examples=200, deadline=None)
@given(plan=st.lists(steps, min_size=1, max_size=40), bought=st.integers(0, 12))
def test_predict_never_wants_less_than_track(
    plan: list[tuple[int, int | None]], bought: int
) -> None:
    follow, ahead = watch(rule(**TRACK)), watch(rule(**PREDICT))
    now_ms = 0
    for step_ms, load_rps in plan:
        now_ms += step_ms
        now = reading(load_rps, bought, now_ms)
        follow.observe(now, now_ms)
        ahead.observe(now, now_ms)
        wants, more = follow.wish(now, now_ms), ahead.wish(now, now_ms)
        if wants is not None and isinstance(wants.action, BuyTo):
            assert more is not None
            assert isinstance(more.action, BuyTo)
            assert more.action.units >= wants.action.units
        if more is not None and isinstance(more.action, Release):
            assert wants is not None
            assert isinstance(wants.action, Release)


def test_the_lead_grows_with_our_own_boots() -> None:
    farm = Farm(TRACK)
    assert farm.manager.boots.p95_ms == 120_000
    farm.load(200, for_ms=3 * MINUTE_MS)
    assert farm.manager.boots.p95_ms == 90_000
