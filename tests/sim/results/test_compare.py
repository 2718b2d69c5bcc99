"""Two results beside each other: pairs by seed, what is sure, which expectations changed."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from sim.cli.app import app
from sim.page.figures import cell_text
from sim.page.model import Value
from sim.results.compare import Told, compare
from sim.results.compare_text import lines
from sim.results.stats import estimate
from sim.results.table import METRICS, WIDTH
from tests.sim.page.parsed import Parsed


def result(
    costs: list[float], *, seed: int = 1, passed: bool = True, digests: str = "x", **more: Any
) -> dict[str, Any]:
    policy: dict[str, Any] = {"cost": estimate(costs), "changes": estimate([4.0] * len(costs))}
    judged = {"policy": "threshold", "metric": "cost", "value": costs[0], "bound": 3.0}
    told = {
        "schema": 1,
        "scenario": "A peak",
        "seed": seed,
        "runs": len(costs),
        "policies": {"threshold": policy},
        "digests": {"threshold": [f"{digests}{seed + at}" for at in range(len(costs))]},
        "expect": [judged | {"passed": passed}],
        "passed": passed,
        "speedup": 1.0,
    }
    found: dict[str, Any] = msgspec.to_builtins(told | more)
    return found


def told(raw: dict[str, Any]) -> Told:
    return msgspec.convert(raw, Told)


def test_the_difference_is_paired_by_the_seeds_that_both_ran() -> None:
    # Each seed costs 0.5 to 0.6 more, though the seeds are far apart from each other.
    a, b = result([9.0, 1.0, 5.0, 7.0]), result([1.5, 5.6, 7.5], seed=2)
    (policy,) = compare(told(a), told(b)).policies
    (gap,) = policy.gaps
    assert compare(told(a), told(b)).seeds == [2, 3, 4]
    assert (gap.metric, gap.verdict) == ("cost", "higher")
    assert gap.gap.mean == pytest.approx(1.6 / 3)
    assert gap.a.mean == pytest.approx(13 / 3), "of the same seeds"
    assert (policy.equal, policy.common) == (3, 3)
    assert compare(told(b), told(a)).policies[0].gaps[0].verdict == "lower"


def test_without_a_common_seed_intervals_are_wide_and_nothing_is_paired() -> None:
    a, b = result([9.0, 1.0, 5.0]), result([9.5, 1.5, 5.6], seed=7)
    found = compare(told(a), told(b))
    (gap,) = found.policies[0].gaps
    assert (found.seeds, gap.verdict) == ([], "unsure")
    assert gap.gap.ci95 > gap.a.ci95
    assert "No seed was run in both" in "\n".join(lines(found))


def test_runs_that_ended_early_are_paired_with_nothing() -> None:
    a, b = result([1.0, 2.0]), result([1.0, 2.0])
    b["policies"]["threshold"]["cost"]["per_seed"] = [1.0]
    (gap,) = compare(told(a), told(b)).policies[0].gaps
    assert gap.verdict == "one seed"


def test_equal_results_say_so() -> None:
    a = result([1.0, 2.0])
    found = compare(told(a), told(a))
    assert lines(found)[-1] == "threshold: all 2 digests equal, no metric differs"
    assert not found.worse


def test_expectations_that_changed() -> None:
    a, b = result([1.0, 2.0]), result([4.0, 5.0], passed=False, digests="y")
    found = compare(told(a), told(b))
    assert found.worse
    text = "\n".join(lines(found))
    assert "FAILED  threshold: cost, bound 3: 1 in A, 4 in B" in text
    assert "0 of 2 digests equal" in text
    back = compare(told(b), told(a))
    assert (back.worse, back.changes[0].passed) == (False, True)
    none = compare(told(a), told(a | {"expect": []}))
    assert [change.passed for change in none.changes] == [None]


def test_farms_and_policies_of_one_alone_are_named() -> None:
    a, b = result([1.0]), result([2.0])
    a["policies"]["static"] = a["policies"]["threshold"]
    for each, value in ((a, 1.0), (b, 3.0)):
        farms = {"shop-2": {"cost": msgspec.to_builtins(estimate([value]))}}
        each["policies"]["threshold"] = each["policies"]["threshold"] | {"farms": farms}
    found = compare(told(a), told(b))
    assert [policy.name for policy in found.policies] == ["threshold", "threshold of shop-2"]
    assert "Only in A: static." in lines(found)


def test_the_first_farm_is_not_told_twice() -> None:
    a, b = result([1.0]), result([2.0])
    for each in (a, b):
        own = each["policies"]["threshold"]
        each["policies"]["threshold"] = own | {"farms": {"shop": own, "rival": {}}}
    found = compare(told(a), told(b))
    assert [policy.name for policy in found.policies] == ["threshold", "threshold of rival"]


def test_names_in_a_result_move_no_cursor(tmp_path: Path) -> None:
    one = tmp_path / "1.json"
    names = {"scenario": "A\x1b[2J", "policies": {"p\x1b[2J": {}}}
    one.write_text(json.dumps(result([1.0]) | names), encoding="utf-8")
    done = CliRunner().invoke(app, ["compare", str(one), str(one)])
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.stdout


def test_every_line_fits() -> None:
    names = dict.fromkeys(METRICS, msgspec.to_builtins(estimate([-123456.789, -1.0])))
    other = dict.fromkeys(METRICS, msgspec.to_builtins(estimate([987654.321, 2.0])))
    a, b = result([1.0, 2.0]), result([1.0, 2.0], passed=False)
    a["policies"], b["policies"] = {"p" * 40: names}, {"p" * 40: other, "q" * 40: {}, "r" * 40: {}}
    assert max(map(len, lines(compare(told(a), told(b))))) <= WIDTH


def test_the_command(tmp_path: Path) -> None:
    one, two, page = tmp_path / "1.json", tmp_path / "2.json", tmp_path / "page.html"
    one.write_text(json.dumps(result([1.0, 2.0])), encoding="utf-8")
    two.write_text(json.dumps(result([4.0, 5.5], passed=False)), encoding="utf-8")
    done = CliRunner().invoke(app, ["compare", str(one), str(two), "--report", str(page)])
    assert done.exit_code == 1, done.output
    assert "Paired by seed: seeds 1 to 2" in done.stdout
    cells = Parsed(page.read_text(encoding="utf-8")).of("td")
    for value in (Value(1.5, estimate([1.0, 2.0]).ci95), Value(4.75, estimate([4.0, 5.5]).ci95)):
        assert cell_text(value) in cells
    same = CliRunner().invoke(app, ["compare", str(one), str(one), "--json"])
    assert (same.exit_code, json.loads(same.stdout)["changes"]) == (0, [])


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "nul", '{"schema": 2}', "[" * 100_000, "\xff"),
        json.dumps(result([1.0]) | {"policies": {"p": {"cost": 3}}}),
        json.dumps(result([1.0]) | {"runs": 10**12}),
        json.dumps(result([1.0]) | {"policies": {"p": {"farms": {"a": {"cost": {}}}}}}),
        json.dumps(result([1.0]) | {"policies": {"p": {"farms": 7}}}),
    ],
)
def test_what_is_no_result_is_one_line(tmp_path: Path, text: str) -> None:
    bad, good = tmp_path / "bad.json", tmp_path / "good.json"
    bad.write_text(text, encoding="latin-1")
    good.write_text(json.dumps(result([1.0])), encoding="utf-8")
    for names in ([bad, good], [good, bad]):
        done = CliRunner().invoke(app, ["compare", *map(str, names)])
        assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1), done.output
        assert "no result of headroom sim run --json" in done.stderr
