"""A run from moment to moment: it agrees with the metrics, and recording it changes nothing."""

import csv
import io
import json
import re
from itertools import pairwise
from typing import Any, get_args

import msgspec
import pytest

from exchange.units import MS_PER_SECOND, UCR_PER_CREDIT
from manager.control.frames import RuleStand
from sim.page.page import render
from sim.results import report
from sim.results.pages import run_page
from sim.results.recording import DEPTH_COLUMNS, Recording, value_at
from sim.results.report import RunResult
from sim.results.series import COLUMNS, KEYS, decision_lines, series
from sim.run.world import World
from sim.scenario.file import Loaded
from tests.sim.page.parsed import Parsed
from tests.sim.scenes import RULES, TRADERS, loaded, scene

FAULT = '[[fault]]\nkind = "host_crash"\nat_s = 400\nfor_s = 100\nseller = "uni-lab"\n'
CLOUD = '[policy.cloud]\nlike = "threshold"\nlist_price = 0.1\n'


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return loaded(tmp_path_factory.mktemp("scene"), scene(TRADERS + FAULT, rules=RULES + CLOUD))


@pytest.fixture(scope="module")
def runs(told: Loaded) -> dict[str, RunResult]:
    """Each policy once, recorded."""
    return {name: World(told, name, 7, record=True).run() for name in told.scenario.policy}


def recorded(run: RunResult) -> Recording:
    (found,) = run.recordings.values()
    return found


def test_recording_changes_nothing(told: Loaded, runs: dict[str, RunResult]) -> None:
    plain = World(told, "threshold", 7).run()
    assert plain.recordings == {}
    assert (plain.digest, plain.metrics) == (runs["threshold"].digest, runs["threshold"].metrics)


@pytest.mark.parametrize("policy", ["no_burst", "threshold", "cloud"])
def test_the_cost_ends_at_the_metric(runs: dict[str, RunResult], policy: str) -> None:
    run = runs[policy]
    times_ms = [at_s * MS_PER_SECOND for at_s in range(0, 1201, 100)]
    costs = recorded(run).costs_ucr(times_ms)
    assert costs == sorted(costs), "a cost never falls"
    assert costs[-1] / UCR_PER_CREDIT == pytest.approx(run.metrics["cost"], abs=2e-3)


def test_what_is_for_sale_is_what_stands_in_the_book(runs: dict[str, RunResult]) -> None:
    recording = recorded(runs["no_burst"])
    assert len(recording.depth) == DEPTH_COLUMNS
    sold = recorded(runs["threshold"])
    most, least = (sum(units for _, units in column) for column in (sold.depth[0], sold.depth[80]))
    assert most - least >= 4, "what was rented is no longer for sale"
    for number, ask in enumerate(recording.asks):
        column = recording.depth[min(DEPTH_COLUMNS, number * DEPTH_COLUMNS // 120) - 1]
        if ask is not None and number and number * DEPTH_COLUMNS % 120 == 0:
            assert column[0][0] == ask


def test_a_series_has_a_row_for_each_moment(told: Loaded, runs: dict[str, RunResult]) -> None:
    rows = list(csv.DictReader(io.StringIO("".join(series(told.scenario, [*runs.values()], 60)))))
    assert tuple(rows[0]) == (*KEYS, *COLUMNS)
    assert len(rows) == 3 * 20
    here = [row for row in rows if row["policy"] == "no_burst"]
    assert [row["t_s"] for row in here] == [str(at_s) for at_s in range(0, 1200, 60)]
    # A unit serves 100 requests/s, of which 80 % are within the aim.
    for row in here:
        beyond = float(row["load_rps"]) - 0.8 * 100 * int(row["ready_units"])
        assert float(row["violated_rps"]) == pytest.approx(max(0.0, beyond), rel=1e-4)
    violated = sum(float(row["violated_rps"]) for row in here)
    offered = sum(float(row["load_rps"]) for row in here)
    share = 100 * violated / offered
    assert share == pytest.approx(runs["no_burst"].metrics["slo_violation_pct"], rel=0.1)
    assert {row["rented_units"] for row in here} == {"0"}


def test_the_decision_log_says_why_and_why_not(told: Loaded, runs: dict[str, RunResult]) -> None:
    lines: list[dict[str, Any]]
    lines = [json.loads(line) for line in decision_lines(told.scenario, [*runs.values()])]
    mine = [line for line in lines if line["policy"] == "threshold"]
    assert {line["policy"] for line in lines if line["rule"]} == {"threshold", "cloud"}
    burst = [line for line in mine if line["rule"] == "burst"]
    waits = next(line for line in burst if line["event"] == "holding")
    fired = next(line for line in burst if line["event"] == "fired")
    assert waits["text"] == "util > 70 for 1m: must hold for 60 s more"
    assert fired["text"].endswith("buy 4")
    assert fired["t_s"] - waits["t_s"] == 60
    stood = [(line["event"], line["text"]) for line in burst]
    assert ("cooling", "it fired and cools down") in stood


@pytest.mark.parametrize("rule", ["burst", "calm"])
def test_a_figure_alone_is_no_new_reason(runs: dict[str, RunResult], rule: str) -> None:
    stood = [
        (one.event, re.sub(r"[0-9.]+", "#", one.text))
        for one in recorded(runs["threshold"]).decisions
        if one.rule == rule and one.event in get_args(RuleStand)
    ]
    assert len(stood) > 3
    assert all(one != other for one, other in pairwise(stood))


def test_the_page_shows_every_metric_of_every_policy(
    told: Loaded, runs: dict[str, RunResult]
) -> None:
    grouped = report.grouped([*runs.values()])
    text = render(run_page(told.scenario, grouped, [], None, []))
    found = Parsed(text)
    for name in runs["no_burst"].metrics:
        assert name in found.of("th")
    assert found.of("h3") == [f"{name}, seed 7" for name in runs]
    assert any("host crash of uni-lab" in line for line in found.of("li"))
    assert any("▲" in line and "buy 4" in line for line in found.of("li"))
    for run in runs.values():
        assert run.digest in found.words
    assert len(text) < 200_000


def test_without_recordings_there_is_a_page_without_charts(
    told: Loaded, runs: dict[str, RunResult]
) -> None:
    run = msgspec.structs.replace(runs["no_burst"], recordings={})
    found = Parsed(render(run_page(told.scenario, report.grouped([run]), [], None, [])))
    assert found.of("h3") == []
    assert "slo_violation_pct" in found.of("th")


def test_a_step_function_by_its_moments() -> None:
    assert value_at([(10, "a"), (20, "b")], [0, 10, 15, 20, 99], "-") == ["-", "a", "a", "b", "b"]


def test_a_page_of_several_farms_has_each_of_them(told: Loaded, runs: dict[str, RunResult]) -> None:
    run = runs["threshold"]
    farms = {"shop": run.metrics, "shop-2": run.metrics | {"peak_units": 77.0}}
    both = msgspec.structs.replace(run, farms=farms)
    found = Parsed(render(run_page(told.scenario, report.grouped([both]), [], None, [])))
    assert "threshold: shop-2" in found.of("th")
    assert "77" in found.of("td")
