"""What `headroom sim` writes: not over what it reads, whole or not at all, the rest anyway."""

import errno
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim.cli.app import app
from sim.cli.written import written
from tests.sim.scenes import scene

FAILURES = '[[fault]]\nkind = "trace"\nfile = "lost.csv"\n'


@pytest.fixture
def short(tmp_path: Path) -> Path:
    (tmp_path / "lost.csv").write_text("start_s,duration_s,hosts\n20,30,1\n", encoding="utf-8")
    path = tmp_path / "short.toml"
    path.write_text(scene(FAILURES, duration_s=60), encoding="utf-8")
    return path


@pytest.mark.parametrize("option", ["--report", "--json", "--out", "--series", "--decisions"])
@pytest.mark.parametrize("name", ["short.toml", "lost.csv", "other.toml", "hard.toml"])
def test_nothing_that_a_run_reads_is_overwritten(short: Path, option: str, name: str) -> None:
    out = short.with_name(name)
    if name == "other.toml":
        out.symlink_to(short)
    if name == "hard.toml":
        out.hardlink_to(short)
    before = out.read_bytes()
    done = CliRunner().invoke(app, ["run", str(short), "--jobs", "1", option, str(out)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"headroom: {option} {out}: is read here, and would be lost\n"
    assert out.read_bytes() == before


@pytest.mark.parametrize("command", ["run", "decide", "sweep"])
def test_one_file_for_two_options_is_refused(short: Path, command: str) -> None:
    out = short.with_name("out")
    more = ["--seeds", "1..1"] if command == "sweep" else []
    other = "--shrunk" if command == "sweep" else "--out"
    words = [command, str(short), *more, "--json", str(out), other, f"{short.parent}/./out"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert done.stderr == f"headroom: {other} {out}: --json writes there\n"
    assert not out.exists()


def test_a_comparison_keeps_what_it_compares(tmp_path: Path) -> None:
    one = tmp_path / "one.json"
    one.write_text("{}", encoding="utf-8")
    words = ["compare", str(one), str(one), "--report", str(one)]
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, one.read_text(encoding="utf-8")) == (2, "{}")
    assert "is read here, and would be lost" in done.stderr


def test_what_cannot_be_written_takes_nothing_else_with_it(short: Path) -> None:
    page = short.with_name("page.html")
    words = ["run", str(short), "--jobs", "1", "--policy", "threshold", "--runs", "1"]
    words += ["--json", "/dev/full", "--series", "/dev/full", "--report", str(page)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert "violated %" in done.stdout, "the table is what the runs were for"
    assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")
    full = os.strerror(errno.ENOSPC)
    assert done.stderr.splitlines()[-2:] == [
        f"headroom: --json /dev/full: {full}",
        f"headroom: --series /dev/full: {full}",
    ]


def test_a_disk_that_runs_full_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    def parts() -> Iterator[str]:
        yield "half"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out = tmp_path / "out.json"
    out.write_text("before", encoding="utf-8")
    assert list(written("--json", out, parts())) == [f"--json {out}: No space left on device"]
    assert out.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [out], "no draft is left"


def test_a_file_keeps_its_rights_and_a_link_its_target(tmp_path: Path) -> None:
    out, link = tmp_path / "out.json", tmp_path / "link.json"
    out.write_text("before", encoding="utf-8")
    out.chmod(0o640)
    link.symlink_to(out)
    assert not list(written("--json", link, ["after"]))
    assert link.is_symlink()
    assert out.read_text(encoding="utf-8") == "after"
    assert stat.S_IMODE(out.stat().st_mode) == 0o640


def test_a_result_is_json_that_ends_with_a_line(short: Path) -> None:
    out = short.with_name("out.json")
    words = ["run", str(short), "--jobs", "1", "--policy", "no_burst", "--out", str(out)]
    assert CliRunner().invoke(app, words).exit_code == 0
    text = out.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert json.loads(text)["passed"]


def test_a_host_without_cpu_sells_nothing_and_stops_nobody(short: Path) -> None:
    trader = '[[trader]]\nkind = "noise"\nsymbol = "small.eu-de.flat.spot"\nhosts = 1\n'
    text = scene(f"{trader}host = {{mvcpu = 0, mem_mib = 0, disk_mib = 0}}\n", duration_s=60)
    short.write_text(text, encoding="utf-8")
    words = ["run", str(short), "--jobs", "1", "--policy", "no_burst", "--runs", "1"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("where", ["data/journal.db", "data/sub/../journal.db", "link/journal.db"])
def test_no_recording_in_place_of_a_file_of_the_exchange(tmp_path: Path, where: str) -> None:
    journal = tmp_path / "data" / "journal.db"
    (tmp_path / "data" / "sub").mkdir(parents=True)
    journal.write_bytes(b"all of it")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    words = ["record", "--data", str(tmp_path / "data"), str(tmp_path / where)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "a file of the exchange is there" in done.stderr
    assert journal.read_bytes() == b"all of it"


def test_a_recording_takes_the_place_of_no_pipe_or_device(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    done = CliRunner().invoke(app, ["record", "--data", str(tmp_path / "data"), str(pipe)])
    assert (done.exit_code, done.stderr) == (
        2,
        f"headroom: recording {pipe}: not a regular file\n",
    )
