"""docs/decided.md, which takes minutes to make: does it tell of the scenarios as they are?"""

import pytest

from sim.scenario.check import bound_keys
from sim.scenario.file import load
from sim.scenario.shipped import FOLDER
from tests.sim.decide.page import PAGE, TEXTS


@pytest.mark.parametrize("name", TEXTS)
def test_every_policy_and_expectation_is_there_and_holds(name: str) -> None:
    scenario = load(FOLDER / f"{name}.toml").scenario
    part = PAGE.read_text(encoding="utf-8").partition(TEXTS[name].strip())[2].partition("\n## ")[0]
    count = len(scenario.policy)
    head = f"{scenario.title}: {count} points, {scenario.runs} seeds from {scenario.seed}\n"
    assert head in part
    for policy in scenario.policy:
        assert f" {policy} " in part
    bounds = sum(len(bound_keys(expect)) for expect in scenario.expect)
    assert part.count("\npassed  ") == bounds
    assert "\nFAILED" not in part
    assert "the whole 95 % interval is below 0" in " ".join(part.split())
