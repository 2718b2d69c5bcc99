"""The table in a terminal: 80 columns whatever the names, no figure cut, no difference left out."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from sim.results.farm_report import FARM_METRICS, farm_rows
from sim.results.stats import Estimate, estimate
from sim.results.table import ALWAYS, LABEL, METRICS, WIDTH, metric_rows, wrapped
from sim.scenario.tables import MetricName

NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,40}", fullmatch=True)
FIGURES = st.floats(-1e6, 1e6).map(lambda value: value + 0.0)
"""Without -0.0."""


def columns(policies: dict[str, float], seeds: int = 2) -> dict[str, dict[str, Estimate]]:
    """Policies whose every metric has the one value."""
    return {
        name: dict.fromkeys(METRICS, estimate([value] * seeds)) for name, value in policies.items()
    }


def test_every_metric_has_a_label_that_fits() -> None:
    assert set(METRICS) == set(get_args(MetricName))
    assert max(len(label) for label, _ in METRICS.values()) < LABEL
    assert len({label for label, _ in METRICS.values()}) == len(METRICS)


@given(st.dictionaries(NAMES, FIGURES, min_size=1, max_size=9), st.integers(1, 3))
def test_lines_fit_and_no_figure_is_cut(policies: dict[str, float], seeds: int) -> None:
    lines = metric_rows(columns(policies, seeds))
    assert max(map(len, lines)) <= WIDTH
    words = " ".join(lines).split()
    for name, value in policies.items():
        assert name in words
        assert f"{value:.3f}" in words


def test_what_the_policies_share_is_left_out_and_what_they_differ_in_is_not() -> None:
    told = columns({"a": 1.0, "b": 1.0})
    told["b"]["recalls"] = estimate([1.0, 2.0])
    told["b"]["something_new"] = estimate([5.0, 5.0])
    told["a"]["something_new"] = estimate([4.0, 4.0])
    labels = [line[:LABEL].strip() for line in metric_rows(told)]
    always = [METRICS[name][0] for name in METRICS if name in ALWAYS]
    assert labels == ["", *always, "recalls", "something_new"]


def test_of_one_policy_all_that_happened_is_shown() -> None:
    told = columns({"a": 0.0}, seeds=1)
    told["a"]["leases"] = estimate([3.0])
    assert metric_rows(told) == [
        f"{'':<18}       a",
        f"{'violated %':<18}   0.000",
        f"{'cost':<18}  0.0000",
        f"{'leases':<18}     3.0",
    ]


def test_a_long_verdict_goes_on_below() -> None:
    lines = wrapped("passed  " + "word " * 30, 8)
    assert max(map(len, lines)) <= WIDTH
    assert lines[1].startswith(" " * 8 + "word")


@given(st.lists(NAMES, min_size=2, max_size=3, unique=True), NAMES)
def test_lines_of_farms_fit(accounts: list[str], policy: str) -> None:
    farm = {name: -12345.678 for name, _, _ in FARM_METRICS}
    lines = farm_rows({policy: [dict.fromkeys(accounts, farm)]})
    assert max(map(len, lines)) <= WIDTH
    assert sum("-12345.678" in line for line in lines) == len(accounts)
