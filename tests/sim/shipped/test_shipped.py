"""Every shipped scenario loads, says what it is for, and expects what could fail; one is run.

`make scenarios` runs them all.
"""

from pathlib import Path

import pytest

from sim.results import report
from sim.run.runner import Task, plan, run_all
from sim.scenario.doubts import doubts
from sim.scenario.file import load, short_traces
from sim.scenario.policy import warnings
from sim.scenario.shipped import shipped
from tests.sim.shipped.table import PAGE, with_table

RULES_THAT_CHASE = ("flapping_load", "flash_crowd", "random_faults")
"""Their comments say that `sim check` warns of a rule of theirs, and why."""

every = pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)


def comment(path: Path) -> list[str]:
    lines = path.read_text("utf-8").splitlines()
    return lines[: next(place for place, line in enumerate(lines) if not line.startswith("#"))]


@every
def test_a_shipped_scenario_says_what_it_shows_and_how_to_run_it(path: Path) -> None:
    lines = comment(path)
    commands = [line for line in lines if line.startswith("#   headroom sim ")]
    assert commands
    assert all(path.stem in line.split() for line in commands)
    assert len(lines) >= 4


@every
def test_nothing_of_it_is_in_doubt(path: Path) -> None:
    loaded = load(path)
    found = doubts(loaded.scenario) + warnings(loaded.scenario) + short_traces(loaded)
    if path.stem in RULES_THAT_CHASE:
        assert found, "then it is no exception any more"
        assert "`headroom sim check` warns" in " ".join("\n".join(comment(path)).split("\n# "))
        assert all("would flap" in line for line in found)
    else:
        assert found == []


@every
def test_it_expects_safety_of_every_run_and_service_on_average(path: Path) -> None:
    """Those of public measurements expect what was published."""
    scenario = load(path).scenario
    assert path.stem.startswith("public_") or any(one.safety for one in scenario.expect)
    if scenario.random_faults is None:
        assert any(not one.safety for one in scenario.expect)


def test_two_buyers_hold_what_is_expected_of_them() -> None:
    """A short one, with one seed, so that there is no interval."""
    path = next(path for path in shipped() if path.stem == "two_buyers")
    loaded = load(path)
    tasks = [Task("thrifty", loaded.scenario.seed)]
    assert tasks[0] in plan(loaded, ["thrifty"])
    ran = run_all(loaded, tasks, 1, lambda *_: None)
    assert ran.broken is None
    found = report.grouped(ran.results)["thrifty", None]
    judged = [
        verdict
        for expect in loaded.scenario.expect
        if expect.policy == "thrifty"
        for verdict in report.bounds(expect, "", report.expected(expect, found))
    ]
    assert len(judged) == 2
    assert [verdict.text for verdict in judged if not verdict.passed] == []


def test_the_table_of_the_page_is_up_to_date() -> None:
    """`python -m tests.sim.shipped.table` writes it."""
    page = PAGE.read_text("utf-8")
    assert with_table(page) == page
    assert all(f"| `{path.stem}` |" in page for path in shipped())
