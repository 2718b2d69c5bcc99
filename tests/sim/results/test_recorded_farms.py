"""Where there are several farms each has its charts, its rows and its decisions."""

import csv
import io
import json

import pytest

from exchange.units import UCR_PER_CREDIT
from sim.page.page import render
from sim.results import report
from sim.results.pages import run_page
from sim.results.report import RunResult
from sim.results.series import COLUMNS, KEYS, decision_lines, series
from sim.run.world import World
from sim.scenario.file import Loaded
from tests.sim.page.parsed import Parsed
from tests.sim.scenes import RULES, loaded, scene

RIVAL = """
[[farm]]
account = "rival"
policy = "eager"
core_units = 1
unit_rps = 50
[farm.workload]
kind = "profile"
points = [[0, 150]]
"""
EAGER = RULES.replace("threshold", "eager").replace("burst", "grab")
CLOUD = '[policy.cloud]\nlike = "threshold"\n[policy.cloud.cloud]\nprice = 0.1\n'


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    text = scene(rules=RULES + EAGER + CLOUD).replace("[farm]", "[[farm]]")
    text = text.replace("[boot]", RIVAL + "[boot]").replace("[workload]", "[farm.workload]", 1)
    return loaded(tmp_path_factory.mktemp("scene"), text)


@pytest.fixture(scope="module")
def runs(told: Loaded) -> dict[str, RunResult]:
    return {name: World(told, name, 7, record=True).run() for name in ("threshold", "cloud")}


def test_every_farm_is_recorded_and_its_cost_is_its_own(runs: dict[str, RunResult]) -> None:
    """A rival that buys elsewhere takes no part in a cloud's run."""
    assert {name: list(run.recordings) for name, run in runs.items()} == {
        "threshold": ["shop", "rival"],
        "cloud": ["shop"],
    }
    run = runs["threshold"]
    for account, recording in run.recordings.items():
        (cost_ucr,) = recording.costs_ucr([1_200_000])
        cost = run.farms[account]["cost"]
        assert cost_ucr / UCR_PER_CREDIT == pytest.approx(cost, abs=2e-3)
        assert cost > 0


def test_the_series_has_rows_of_every_farm(told: Loaded, runs: dict[str, RunResult]) -> None:
    lines = series(told.scenario, [*runs.values()], 60)
    rows = list(csv.DictReader(io.StringIO("".join(lines))))
    assert tuple(rows[0]) == (*KEYS, "farm", *COLUMNS)
    found = {(row["policy"], row["farm"]) for row in rows}
    assert found == {("threshold", "shop"), ("threshold", "rival"), ("cloud", "shop")}
    assert len(rows) == 3 * 20
    # 150 requests/s are more than 80 % of what one unit of 50 serves.
    rival = [row for row in rows if row["farm"] == "rival"]
    assert {row["load_rps"] for row in rival} == {"150"}
    assert {row["need_units"] for row in rival} == {"4"}
    assert (rival[0]["ready_units"], rival[0]["violated_rps"]) == ("1", "110")


def test_decisions_name_their_farm(told: Loaded, runs: dict[str, RunResult]) -> None:
    lines = [json.loads(line) for line in decision_lines(told.scenario, [*runs.values()])]
    fired = {(line["farm"], line["rule"]) for line in lines if line["event"] == "fired"}
    assert {("shop", "burst"), ("rival", "grab")} <= fired
    assert ("rival", "burst") not in fired
    assert ("shop", "grab") not in fired


def test_the_page_has_a_section_for_each_farm(told: Loaded, runs: dict[str, RunResult]) -> None:
    grouped = report.grouped([*runs.values()])
    found = Parsed(render(run_page(told.scenario, grouped, [], None, [])))
    sections = ["threshold, seed 7: shop", "threshold, seed 7: rival", "cloud, seed 7: shop"]
    assert found.of("h3") == sections
    assert any("grab: " in line for line in found.of("li"))
