"""What a script and a person read of the runs: the JSON object, verdicts, the table."""

import msgspec

from sim.results import report
from sim.results.report import RunResult
from sim.results.table import METRICS
from sim.scenario.file import decode
from sim.scenario.tables import Scenario
from tests.sim.scenes import scene

EXPECT = """
[[expect]]
policy = "threshold"
metric = "slo_violation_pct"
max = 2.0
[[expect]]
policy = "threshold"
metric = "cost"
less_than_policy = "no_burst"
"""

FAULT = '[[fault]]\nkind = "exchange_restart"\nat_s = 60\n'


def runs(policy: str, violations: list[float], costs: list[float]) -> list[RunResult]:
    return [
        RunResult(
            policy=policy,
            seed=7 + number,
            metrics={
                **dict.fromkeys(METRICS, 0.0),
                "slo_violation_pct": violation,
                "cost": cost,
            },
            digest=f"{policy}-{number}",
            units=[1.0, 4.0],
            need=[1.0, 3.0],
            commands=10,
            virtual_s=3600,
            real_s=1.0,
        )
        for number, (violation, cost) in enumerate(zip(violations, costs, strict=True))
    ]


def scenario(count: int) -> Scenario:
    return msgspec.structs.replace(decode(scene(EXPECT)), runs=count)


def test_expectations_by_mean_and_by_paired_interval() -> None:
    grouped: report.Runs = {
        ("threshold", None): runs("threshold", [1.0, 2.5], [10.0, 20.0]),
        ("no_burst", None): runs("no_burst", [9.0, 9.0], [11.0, 21.5]),
    }
    first, second = report.verdicts(scenario(2), grouped)
    assert (first.value, first.bound, first.passed) == (1.75, 2.0, True)
    # The difference is -1.25 on average, but two seeds are far too few to be sure of it.
    assert second.bound == 0.0
    assert second.value > 0
    assert not second.passed


def test_three_equal_differences_are_a_sure_thing() -> None:
    grouped: report.Runs = {
        ("threshold", None): runs("threshold", [3.0] * 3, [1.0, 5.0, 9.0]),
        ("no_burst", None): runs("no_burst", [9.0] * 3, [2.0, 6.0, 10.0]),
    }
    first, second = report.verdicts(scenario(3), grouped)
    assert not first.passed
    assert second.passed
    assert second.value == -1.0


def test_an_expectation_of_a_fault_is_about_what_it_changes() -> None:
    text = scene(FAULT + EXPECT.replace("max = 2.0", "min = 1.0\nfault = 0"))
    about = msgspec.structs.replace(decode(text), runs=2)
    both: report.Runs = {
        ("threshold", None): runs("threshold", [3.0, 5.0], [1.0, 1.0]),
        ("threshold", 0): runs("threshold", [1.0, 4.0], [1.0, 1.0]),
    }
    (felt,) = report.verdicts(about, both)
    assert (felt.value, felt.bound, felt.passed) == (1.5, 1.0, True)
    assert "by fault[0]" in felt.text
    del both["threshold", 0]
    assert report.verdicts(about, both) == [], "without the other runs nothing is said"


def test_an_expectation_whose_policies_did_not_run_is_not_judged() -> None:
    grouped: report.Runs = {("threshold", None): runs("threshold", [1.0], [1.0])}
    assert len(report.verdicts(scenario(1), grouped)) == 1


def test_the_json_object_is_the_pages() -> None:
    grouped: report.Runs = {("threshold", None): runs("threshold", [1.0, 2.0], [1.0, 1.0])}
    judged = report.verdicts(scenario(2), grouped)
    found = msgspec.to_builtins(report.json_object(scenario(2), grouped, judged, real_s=2.0))
    assert list(found) == [
        "schema",
        "scenario",
        "seed",
        "runs",
        "policies",
        "digests",
        "expect",
        "passed",
        "speedup",
        "timeline",
    ]
    assert (found["schema"], found["scenario"], found["seed"], found["runs"]) == (
        1,
        "A short peak",
        7,
        2,
    )
    violation = found["policies"]["threshold"]["slo_violation_pct"]
    assert violation["mean"] == 1.5
    assert violation["per_seed"] == [1.0, 2.0]
    assert found["digests"] == {"threshold": ["threshold-0", "threshold-1"]}
    assert found["expect"] == [
        {
            "policy": "threshold",
            "metric": "slo_violation_pct",
            "value": 1.5,
            "bound": 2.0,
            "passed": True,
        }
    ]
    assert found["passed"] is True
    assert found["speedup"] == 3600.0


def test_the_table_shows_units_over_time_on_one_scale() -> None:
    grouped: report.Runs = {("threshold", None): runs("threshold", [1.0], [1.0])}
    lines = report.table(scenario(1), grouped, [])
    bars = {line.split()[0]: line.split()[1] for line in lines if "max" in line}
    assert bars == {"needed": "▂▆", "threshold": "▂█"}
