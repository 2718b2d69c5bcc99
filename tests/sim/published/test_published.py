"""What others measured comes out of the shipped scenarios, and docs/published.md tells of it."""

from itertools import pairwise

import pytest

from sim.results.report import grouped, verdicts
from sim.scenario.file import load
from sim.scenario.shipped import FOLDER
from tests.sim.published.page import FLASH, PAGE, SOURCES, STEPS, WALK, page, rows, runs


@pytest.mark.parametrize("name", SOURCES)
def test_every_figure_is_within_15_percent(name: str) -> None:
    """(Seen to fail: with a target of 80 %, and where `stock` gives back after a minute.)"""
    for row in rows(name):
        assert abs(row.off) <= 0.15, row


@pytest.mark.parametrize("name", SOURCES)
def test_its_expectations_hold(name: str) -> None:
    scenario = load(FOLDER / f"{name}.toml").scenario
    judged = verdicts(scenario, grouped(runs(name)))
    assert len(judged) >= 3
    assert [verdict.text for verdict in judged if not verdict.passed] == []


def test_the_order_is_that_of_the_source() -> None:
    """For each seed, not only on average."""
    found = {(run.policy, run.seed): run.metrics["unit_hours"] for run in runs(FLASH)}
    for seed in {seed for _, seed in found}:
        hours = [found[policy, seed] for policy in ("fixed", "tuned", "stock")]
        assert all(less < more for less, more in pairwise(hours)), seed


def test_sizes_are_the_published_ones_to_the_unit() -> None:
    for name in (STEPS, WALK):
        for row in rows(name):
            assert row.ours == row.published


def test_the_page_is_what_the_scenarios_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "make docs-published"


@pytest.mark.parametrize("name", SOURCES)
def test_a_scenario_names_its_source_and_what_that_leaves_open(name: str) -> None:
    text = " ".join((FOLDER / f"{name}.toml").read_text(encoding="utf-8").split())
    assert SOURCES[name][1] in text
    assert "leaves open, or the Manager has otherwise, and here it is assumed" in text
    assert "oise" in text
