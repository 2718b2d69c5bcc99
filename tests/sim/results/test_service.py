"""How well a farm served: exact integrals on figures small enough to do by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.results.service import Service, buckets, quality
from sim.results.stats import estimate, paired, percentile, t95

SERVICE = Service(unit_rps=100, slo_util=0.8, core_units=2, step_ms=10_000)


@pytest.mark.parametrize(
    ("load", "units"), [(0, 2), (160, 2), (160.1, 3), (240, 3), (241, 4), (800, 10)]
)
def test_need(load: float, units: int) -> None:
    assert SERVICE.need(load) == units


def test_a_unit_that_comes_in_the_middle_of_a_sample_counts_from_then() -> None:
    """320 rps need 4 units; 2 are there, 2 more come after a quarter of the run."""
    found = quality(SERVICE, [320, 320], [(0, 2), (5_000, 4)])
    # For 5 of 20 s the farm could serve 160 of 320 requests within its promise.
    assert found.slo_violation_pct == pytest.approx(100 * 0.5 * 0.25)
    assert found.theta_under_pct == pytest.approx(100 * 0.5 * 0.25)
    assert found.tau_under_pct == pytest.approx(25)
    assert (found.theta_over_pct, found.tau_over_pct) == (0, 0)


def test_idle_units_count_over_but_the_farms_own_never_do() -> None:
    found = quality(SERVICE, [0, 0], [(0, 2), (10_000, 5)])
    assert found.slo_violation_pct == 0
    assert found.theta_over_pct == pytest.approx(100 * 1.5 / 2)
    assert found.tau_over_pct == pytest.approx(50)


@given(
    st.lists(st.floats(0, 2000), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(1, 299_000), st.integers(0, 20)), max_size=10),
    st.integers(1, 48),
)
def test_buckets_keep_the_mean(
    loads: list[float], changes: list[tuple[int, int]], count: int
) -> None:
    ready = [(0, 2), *sorted(dict(changes).items())]
    units, need = buckets(SERVICE, loads, ready, count)
    whole_units, whole_need = buckets(SERVICE, loads, ready, 1)
    assert sum(units) / count == pytest.approx(whole_units[0])
    assert sum(need) / count == pytest.approx(whole_need[0])


def test_estimates() -> None:
    """Four values by hand: standard deviation 2, t for 3 degrees of freedom 3.182."""
    found = estimate([1.0, 3.0, 5.0, 3.0])
    assert found.mean == 3.0
    assert found.ci95 == pytest.approx(3.182 * (8 / 3) ** 0.5 / 2)
    assert estimate([5.0]).ci95 == 0.0
    assert t95(1000) == pytest.approx(1.9623, abs=0.001)
    assert t95(31) >= 2.0395


def test_pairing_removes_what_both_share() -> None:
    left, right = [10.0, 20.0, 30.0], [11.0, 21.0, 31.0]
    assert paired(left, right).mean == -1.0
    assert paired(left, right).ci95 == 0.0


@pytest.mark.parametrize(
    ("values", "pct", "value"),
    [([], 95, 0), ([7], 95, 7), (list(range(1, 101)), 95, 95), ([3, 1, 2], 50, 2)],
)
def test_percentile(values: list[float], pct: float, value: float) -> None:
    assert percentile(values, pct) == value
