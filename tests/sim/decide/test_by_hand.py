"""`headroom sim decide` on a scenario whose every cost can be worked out on paper.

One unit of its own serves 100 rps, 80 of them within the promise. For 3,600 of 7,200 s the load is
250 rps: it takes 3 units more. Guests boot in 60 s, which nobody pays for.
"""

import json
import re
import signal
from collections.abc import Generator, Sequence
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from exchange.model.account import Account
from exchange.model.ledger import Ledger
from sim.cli.app import app
from sim.decide import runs
from sim.decide.points import setups
from sim.decide.runs import collect, whole_seeds
from sim.run.runner import Ended, Work, run_each
from sim.scenario.file import load
from tests.sim.scenes import PAPER_PEAK, paper, seller

CHOICES = """
[spares]
cost_per_unit_hour = 0.05
[slo]
credits_per_million_violated = 2.0
[policy.none]
[policy.static]
units = 3
[policy.own]
spares = 3
"""
NONE = (250 - 80) * 3600 / 1e6 * 2.0
OWN = 3 * 2 * 0.05
BILLED_HOURS = (7200 - 60) / 3600
HASTE = (250 - 80 * 3) * 3600 / 1e6 * 2.0
"""What a unit too few costs."""


def scene(folder: Path, noise: float = 0.0, price: float = 0.06) -> Path:
    path = folder / "hand.toml"
    load = f"{PAPER_PEAK}noise = {noise}\n"
    parts = (seller("dc", 1, price), CHOICES)
    text = paper(*parts, peak=load, more="seed = 1\nruns = 1\n")
    path.write_text(text, encoding="utf-8")
    return path


def decided(file: Path, *options: str) -> Any:
    done = CliRunner().invoke(app, ["decide", str(file), "--jobs", "1", *options, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def totals(told: Any) -> dict[str, float]:
    return {one["label"]: one["total_cost"]["mean"] for one in told["decide"]["points"]}


def test_costs_front_winner_and_break_even_price_are_those_on_paper(tmp_path: Path) -> None:
    told = decided(scene(tmp_path), "--vary", "policy.static.units=2..3")
    two, three = (units * 0.06 * BILLED_HOURS for units in (2, 3))
    wanted = {
        "none": NONE,
        "static at units 2": two + HASTE,
        "static at units 3": three,
        "own": OWN,
    }
    assert totals(told) == pytest.approx(wanted, abs=2e-5)
    found = told["decide"]
    assert (found["winner"], found["sure"]) == ("own", False)
    assert [one["label"] for one in found["pareto"]] == ["own"]
    assert found["points"][1]["policy"] == "static"
    assert found["points"][1]["vary"] == {"policy.static.units": 2}
    assert found["points"][1]["slo_violation_pct"]["mean"] == pytest.approx(
        100 * 10 * 3600 / (250 * 3600 + 50 * 3600)
    )
    # Two units at p credits, and what is violated, cost as much as three spares.
    assert found["break_even_price"] == pytest.approx((OWN - HASTE) / 2 / BILLED_HOURS, rel=2e-3)
    assert told["passed"]
    assert set(told["policies"]) == set(wanted)


def test_at_the_break_even_price_both_cost_the_same(tmp_path: Path) -> None:
    """The winner changes there: just below it is one, just above the other."""
    options = ("--policy", "static", "--policy", "own")
    price = decided(scene(tmp_path), *options)["decide"]["break_even_price"]
    there = totals(decided(scene(tmp_path, price=price), *options))
    assert there["static"] == pytest.approx(there["own"], rel=2e-3)
    vary = ("--vary", f"seller.dc.price={price * 0.98:.6f},{price * 1.02:.6f}")
    told = decided(scene(tmp_path), *options, *vary)["decide"]
    assert [world["winner"] for world in told["worlds"]] == ["static", "own"]
    assert told["winner"] is None
    assert told["break_even_price"] is None


def test_the_difference_to_the_winner_is_paired_by_seed(tmp_path: Path) -> None:
    file = scene(tmp_path, noise=0.2)
    told = decided(file, "--policy", "none", "--policy", "own", "--runs", "3")
    by_label = {one["label"]: one for one in told["decide"]["points"]}
    none, own = (by_label[name]["total_cost"]["per_seed"] for name in ("none", "own"))
    assert len(set(none)) == 3
    assert by_label["none"]["more_than_best"]["per_seed"] == pytest.approx(
        [a - b for a, b in zip(none, own, strict=True)]
    )
    assert told["decide"]["winner"] == "own"
    assert "in 3 of 3 seeds" in told["decide"]["sentence"]


def test_whoever_interrupts_it_keeps_the_seeds_that_every_point_has(tmp_path: Path) -> None:
    loaded = load(scene(tmp_path))
    (setup,) = setups(loaded.scenario, [], ["none", "own"])

    def progress(*told: Any) -> None:
        if told[2] == 3:
            raise KeyboardInterrupt

    found = collect(loaded, setup.choices, range(1, 4), 1, progress)
    assert found.interrupted
    assert len(found.results) == 3
    assert whole_seeds(found, 2, range(1, 4)) == [1]


def test_sigterm_is_heard_also_between_the_first_run_and_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one batch of runs has ended and the next has not begun."""
    loaded = load(scene(tmp_path))
    (setup,) = setups(loaded.scenario, [], ["none", "own"])
    batches: list[int] = []

    def signaled(works: Sequence[Work], jobs: int) -> Generator[Ended]:
        batches.append(len(works))
        if len(batches) == 2:
            signal.raise_signal(signal.SIGTERM)
        return run_each(works, jobs)

    monkeypatch.setattr(runs, "run_each", signaled)
    found = collect(loaded, setup.choices, range(1, 4), 1, lambda *told: None)
    assert batches == [1, 5]
    assert (found.interrupted, len(found.results)) == (signal.SIGTERM, 1)


@pytest.mark.source
def test_a_broken_law_names_the_line_that_shows_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = scene(tmp_path)
    pay_held = Ledger.pay_held

    def paid(self: Ledger, payer: Account, payee: Account, amount_ucr: int, *rest: Any) -> None:
        fee_ucr, why = rest
        pay_held(self, payer, payee, amount_ucr, fee_ucr + 1, why)

    monkeypatch.setattr(Ledger, "pay_held", paid)
    options = ["--policy", "static", "--vary", "policy.static.units=2", "--jobs", "1"]
    done = CliRunner().invoke(app, ["decide", str(file), *options])
    assert done.exit_code == 1
    line = f"headroom sim decide {file} --policy static --seed 1 --runs 1"
    assert f"reproduce: {line} --vary policy.static.units=2" in done.stderr


@pytest.mark.parametrize("vary", ["policy.statik.units=1", "rule.x.when=1,2", "x"])
def test_a_wrong_path_is_one_line(tmp_path: Path, vary: str) -> None:
    done = CliRunner().invoke(app, ["decide", str(scene(tmp_path)), "--vary", vary])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("headroom: --vary ")
    assert done.stderr.count("\n") == 1


def test_the_page_says_what_the_table_says_and_needs_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    told = decided(scene(tmp_path), "--policy", "none", "--policy", "own", "--report", str(page))
    text = unescape(page.read_text(encoding="utf-8"))
    assert told["decide"]["sentence"] in text
    assert "headroom sim decide" in text
    assert "There is no break-even price." in text
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)
    assert "<script" not in text
    assert ">own, seed 1<" in text  # its course over time
