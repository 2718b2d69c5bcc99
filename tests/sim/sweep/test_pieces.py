"""What a sweep runs, what counts as a failure, and what a shrunk scenario keeps."""

from pathlib import Path

import pytest

from sim.results.report import Broken
from sim.run.runner import Task
from sim.scenario.file import Loaded, load
from sim.sweep.sweep import Swept, minimal, tasks_of, unsafe
from tests.sim.scenes import RULES, outcome, scene

CLOUD = '[policy.cloud]\nlike = "threshold"\nlist_price = 0.1\n'
CRASHES = "".join(
    f'[[fault]]\nkind = "host_crash"\nat_s = {at_s}\nfor_s = 60\nseller = "uni-lab"\n'
    for at_s in (200, 400)
)


def expects(policy: str, highest: float, *, safety: bool) -> str:
    text = f'[[expect]]\npolicy = "{policy}"\nmetric = "price_max"\nmax = {highest}\n'
    return f"{text}safety = {str(safety).lower()}\n"


def written(folder: Path, text: str) -> Loaded:
    path = folder / "swept.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def failed(law: str, seed: int = 7) -> Broken:
    return Broken(law, "threshold", seed, 600.0, 1, "not so")


def test_clouds_are_not_run_and_seeds_go_one_after_the_other(tmp_path: Path) -> None:
    scenario = written(tmp_path, scene(rules=RULES + CLOUD)).scenario
    found = tasks_of(scenario, ["threshold", "cloud", "no_burst"], range(3, 5))
    names = ["threshold", "no_burst"]
    assert found == [Task(name, seed) for seed in (3, 4) for name in names]


def test_the_first_failure_is_that_of_the_smallest_seed_whichever_was_done_first() -> None:
    tasks = [Task("threshold", seed) for seed in (1, 2, 3)]
    late, early = failed("money", 3), failed("owed", 2)
    assert Swept(tasks, failures=[late, early]).first() == early
    assert Swept(tasks).first() is None


@pytest.mark.parametrize(
    ("policy", "highest", "safety", "fails"),
    [
        ("threshold", 0.001, True, True),
        ("threshold", 0.001, False, False),
        ("no_burst", 0.001, True, False),
        ("threshold", 0.1, True, False),
    ],
)
def test_only_an_expectation_of_safety_of_its_own_policy_fails_a_run(
    tmp_path: Path, policy: str, highest: float, safety: bool, fails: bool
) -> None:
    text = scene(expects(policy, highest, safety=safety), duration_s=600)
    run = outcome(tmp_path, text, "threshold")
    assert (unsafe(written(tmp_path, text).scenario, run) is not None) == fails


def test_a_shrunk_scenario_keeps_the_policies_of_rivals(tmp_path: Path) -> None:
    rival = '[[farm]]\naccount = "b"\npolicy = "no_burst"\n[workload]'
    text = scene().replace("[farm]", "[[farm]]").replace("[workload]", rival)
    (whole,) = minimal(written(tmp_path, text), failed("money"), 0, lambda *_: None)
    assert list(whole.policy) == ["threshold", "no_burst"]


@pytest.mark.parametrize(("law", "faults"), [("expectation", [2, 0]), ("money", [2])])
def test_faults_are_left_out_only_while_it_fails_in_the_same_way(
    tmp_path: Path, law: str, faults: list[int]
) -> None:
    """It pays too much for a unit, with faults and without."""
    text = scene(CRASHES + expects("threshold", 0.001, safety=True), duration_s=600)
    found = minimal(written(tmp_path, text), failed(law), 10, lambda *_: None)
    assert [len(one.fault) for one in found] == faults
