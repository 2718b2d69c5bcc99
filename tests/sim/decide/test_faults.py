"""A decision shows the faults that its first seed met, as a run does."""

import json
from pathlib import Path

from typer.testing import CliRunner

from sim.cli.app import app
from tests.sim.page.parsed import Parsed
from tests.sim.scenes import scene

FAILURES = """[[fault]]
kind = "trace"
file = "lost.csv"
[random_faults]
kinds = ["slow_boot"]
per_hour = 200
"""


def test_failures_of_a_trace_and_drawn_faults_stand_at_their_times(tmp_path: Path) -> None:
    (tmp_path / "lost.csv").write_text("start_s,duration_s,hosts\n20,30,1\n", encoding="utf-8")
    file = tmp_path / "short.toml"
    file.write_text(scene(FAILURES, duration_s=120), encoding="utf-8")
    options = ["--policy", "no_burst", "--runs", "1", "--jobs", "1"]
    told = {}
    for command in ("run", "decide"):
        out, page = tmp_path / f"{command}.json", tmp_path / f"{command}.html"
        words = [command, str(file), *options, "--out", str(out), "--report", str(page)]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        told[command] = json.loads(out.read_text(encoding="utf-8"))["timeline"]["faults"]
        assert "host crash of uni-lab" in " ".join(
            Parsed(page.read_text(encoding="utf-8")).of("li")
        )
    assert told["decide"] == told["run"]
    assert {fault["text"] for fault in told["run"]} >= {"host crash of uni-lab"}
    assert any("slow boot" in fault["text"] for fault in told["run"])
