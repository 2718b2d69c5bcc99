"""What `headroom sim run` writes beside its table: pages, series, the decision log."""

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim.cli.app import app
from tests.sim.page.parsed import Parsed
from tests.sim.scenes import scene


@pytest.fixture
def short(tmp_path: Path) -> Path:
    path = tmp_path / "short scene.toml"
    path.write_text(scene("# <b>&amp;\n", duration_s=300), encoding="utf-8")
    return path


def run(*words: object) -> str:
    done = CliRunner().invoke(app, ["run", *map(str, words)])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_page_holds_the_line_that_gives_it_again(short: Path, tmp_path: Path) -> None:
    trace = tmp_path / "load.csv"
    trace.write_text("t_s,v\n0,30000\n100,60000\n", encoding="utf-8")
    page, again = tmp_path / "page.html", tmp_path / "again.html"
    load = ["--trace", trace, "--column", "v", "--per-s", "300"]
    run(short, "--jobs", "1", "--policy", "threshold", "--seed", "20", "--report", page, *load)
    found = Parsed(page.read_text(encoding="utf-8"))
    line = next(text for text in found.of("pre") if text.startswith("headroom sim run"))
    words = shlex.split(line)
    words[words.index("report.html")] = str(again)
    run(*words[3:])
    assert again.read_bytes() == page.read_bytes()
    assert short.read_text(encoding="utf-8") in found.of("pre"), "the scenario as it is written"


def test_series_and_decisions_of_every_seed(short: Path, tmp_path: Path) -> None:
    rows, log = tmp_path / "s.csv", tmp_path / "d.jsonl"
    options = ["--policy", "threshold", "--runs", "2", "--jobs", "2"]
    run(short, *options, "--series", rows, "--every", "100", "--decisions", log)
    lines = [line.split(",") for line in rows.read_text(encoding="utf-8").splitlines()]
    assert [line[:3] for line in lines[1:]] == [
        [at_s, "threshold", seed] for seed in ("7", "8") for at_s in ("0", "100", "200")
    ]
    told = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert {line["seed"] for line in told} == {7, 8}
    assert any(line["event"] == "fired" for line in told)


def test_parquet_is_refused_before_anything_runs(short: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    done = CliRunner().invoke(app, ["run", str(short), "--series", str(out)])
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert "this writes CSV; to get Parquet of it, install DuckDB" in line
    assert not out.exists()
