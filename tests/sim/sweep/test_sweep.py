"""`headroom sim sweep`: seeds with drawn faults are judged, and a planted bug is shrunk."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from exchange.model.ledger import Ledger
from hostagent.core.core import HostCore
from sim.cli.app import app
from sim.results.report import RunResult
from sim.run.world import World
from sim.scenario.file import load
from sim.scenario.shipped import FOLDER
from tests.sim.scenes import RULES, scene

REPO = Path(__file__).parents[3]
FAULTS = """
[random_faults]
kinds = ["host_crash", "partition", "slow_boot", "price_spike", "stale_metrics"]
per_hour = 20
for_s = [20, 200]
"""
SAFE = '[[expect]]\npolicy = "threshold"\nmetric = "price_max"\nmax = {}\nsafety = true\n'


@pytest.fixture
def short(tmp_path: Path) -> Path:
    path = tmp_path / "short.toml"
    path.write_text(scene(FAULTS + SAFE.format(0.1), duration_s=700), encoding="utf-8")
    return path


def swept(*words: str) -> tuple[int, dict[str, Any], str]:
    done = CliRunner().invoke(app, ["sweep", *words, "--jobs", "1", "--json"])
    return done.exit_code, json.loads(done.stdout), done.stderr


def test_a_sweep_runs_every_seed_with_its_own_faults(short: Path) -> None:
    code, told, _ = swept(str(short), "--seeds", "3..5")
    assert (code, told["passed"], told["runs"], told["done"]) == (0, True, 6, 6)
    assert (told["seeds"], told["policies"]) == ([3, 5], ["threshold", "no_burst"])
    assert sum(told["faults"].values()) > 6


@pytest.fixture
def crash_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: with a host that boots a second time, fees are a ucr too high ever after."""
    begun, pay_held, run = HostCore.__init__, Ledger.pay_held, World.run
    extra_ucr = 0

    def begin(self: HostCore, config: Any, *rest: Any) -> None:
        nonlocal extra_ucr
        extra_ucr += not config.boot_id.endswith("/1")
        begun(self, config, *rest)

    def pay(self: Ledger, payer: Any, payee: Any, amount_ucr: int, fee_ucr: int, why: Any) -> None:
        pay_held(self, payer, payee, amount_ucr, fee_ucr + min(1, extra_ucr), why)

    def run_anew(self: World) -> RunResult:
        nonlocal extra_ucr
        extra_ucr = 0
        return run(self)

    monkeypatch.setattr(HostCore, "__init__", begin)
    monkeypatch.setattr(Ledger, "pay_held", pay)
    monkeypatch.setattr(World, "run", run_anew)


@pytest.mark.source
@pytest.mark.usefixtures("crash_is_a_bug")
def test_a_planted_bug_is_shrunk_to_its_single_fault(short: Path, tmp_path: Path) -> None:
    out = tmp_path / "minimal.toml"
    words = [str(short), "--seeds", "1..6", "--policy", "threshold", "--shrunk", str(out)]
    code, told, said = swept(*words)
    assert code == 1
    first = min(told["failures"], key=lambda one: one["seed"])
    assert first["law"] == "money"
    line = f"headroom sim run {short} --policy threshold --seed {first['seed']} --runs 1"
    assert first["reproduce"] == line
    assert line in said
    assert [fault["kind"] for fault in told["minimal"]] == ["host_crash"]
    assert len(load(out).scenario.fault) == 1
    for words in (line.split()[2:], ["run", str(out)]):
        done = CliRunner().invoke(app, [*words, "--jobs", "1"])
        assert done.exit_code == 1
        assert "law 'money' broken" in done.stderr


def test_an_expectation_of_safety_holds_for_every_seed(short: Path, tmp_path: Path) -> None:
    text = short.read_text(encoding="utf-8").replace("max = 0.1\n", "max = 0.0361\n")
    short.write_text(text, encoding="utf-8")
    out = tmp_path / "minimal.toml"
    code, told, _ = swept(str(short), "--seeds", "1..3", "--shrunk", str(out))
    assert (code, told["passed"]) == (1, False)
    assert {one["law"] for one in told["failures"]} == {"expectation"}
    done = CliRunner().invoke(app, ["run", str(out), "--jobs", "1"])
    assert done.exit_code == 1
    assert "FAILED  threshold: price_max" in done.stdout


@pytest.mark.source
def test_what_stops_a_run_is_told_as_a_failure(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail with a traceback."""

    def stop(*_: object) -> None:
        raise AssertionError("planted")

    monkeypatch.setattr(Ledger, "pay_held", stop)
    words = [str(short), "--seeds", "1", "--policy", "threshold"]
    code, told, _ = swept(*words, "--shrink", "0")
    assert code == 1
    assert told["failures"][0]["law"] == "run"
    assert "AssertionError at test_sweep.py" in told["failures"][0]["text"]
    assert told["minimal"] is None


def test_a_file_without_random_faults_gets_the_usual_ones(tmp_path: Path) -> None:
    path = tmp_path / "calm.toml"
    path.write_text(scene(duration_s=300, rules="") + RULES, encoding="utf-8")
    code, told, said = swept(str(path), "--seeds", "1..2", "--random-faults", "60")
    assert (code, said.count("has no [random_faults]")) == (0, 0)
    assert sum(told["faults"].values()) > 4
    _, _, said = swept(str(path), "--seeds", "1", "--policy", "no_burst")
    assert said.startswith(f"{path} has no [random_faults]: 2 an hour, of every kind")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--seeds", "5..1"], "--seeds 5..1: needs 1 to 100,000 seeds"),
        (["--seeds", "1-5"], "--seeds 1-5: is not A..B, such as 1..500"),
        (["--seeds", "1..200000"], "needs 1 to 100,000 seeds"),
        (["--seeds", "1", "--shrunk", "/nowhere/x"], "--shrunk /nowhere/x: No such file"),
        (["--seeds", "1", "--policy", "x"], "--policy x: the scenario has threshold, no_burst"),
    ],
)
def test_wrong_usage_is_one_line(short: Path, words: list[str], line: str) -> None:
    done = CliRunner().invoke(app, ["sweep", str(short), *words])
    assert done.exit_code == 2
    assert line in done.stderr


def test_ctrl_c_keeps_what_is_done(short: Path, tmp_path: Path) -> None:
    out = tmp_path / "told.json"
    command = [sys.executable, str(REPO / "headroom.py"), "sim", "sweep", str(short)]
    command += ["--seeds", "1..9999", "--jobs", "2", "--json", str(out)]
    terminal, end = os.openpty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=end, text=True) as run:
        os.close(end)
        said = ""
        while " failed" not in said:
            said += os.read(terminal, 4096).decode()
        run.send_signal(signal.SIGINT)
        printed, _ = run.communicate(timeout=60)
    os.close(terminal)
    assert run.returncode == 130
    assert " s left, 0 failed" in said
    told = json.loads(out.read_text(encoding="utf-8"))
    assert (told["interrupted"], told["passed"]) == (True, False)
    assert 1 <= told["done"] < told["runs"]
    assert f"{told['done']} of {told['runs']} runs in " in printed


def test_the_shipped_sweep_holds_for_its_first_seeds() -> None:
    """`make sweep` runs the same with 500."""
    code, told, _ = swept(str(FOLDER / "random_faults.toml"), "--seeds", "1..16")
    assert (code, told["failures"]) == (0, [])
    assert len(told["faults"]) == 8, "every kind strikes"
