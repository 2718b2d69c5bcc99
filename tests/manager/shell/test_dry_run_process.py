"""`dry_run` of the control socket: played beside the Manager, within bounds."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from manager.control.codec import line_of, request_of
from manager.control.requests import DryRun
from manager.shell import dry_run_process
from manager.shell.cli import app
from manager.shell.dry_run_process import DryRunError, DryRuns
from manager.shell.past_load import KEPT_MS, STEP_MS, PastLoad

RULES = """
schema = 1
[load]
url = "http://127.0.0.1/"
unit_rps = 100
core_units = 1
per_s = 60
[[rule]]
name = "burst"
when = "util > 70 for 1m"
do = "buy 1"
price_max = 0.1
max_units = 2
zones = ["eu-de"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "manager.toml").write_text(RULES)
    return tmp_path / "manager.toml"


def csv(folder: Path) -> Path:
    """Write ten minutes of load, in requests a minute."""
    path = folder / "load.csv"
    path.write_text("t_s,n\n" + "".join(f"{60 * n},{9_000}\n" for n in range(10)))
    return path


def busy_day() -> PastLoad:
    past = PastLoad()
    for second in range(600):
        past.add(1_795_000_000_000 + 1_000 * second, 150.0)
    return past


def play(config: Path, past: PastLoad, **fields: Any) -> Any:
    return asyncio.run(DryRuns(past).play(config, DryRun(req_id=1, **fields)))


def refused(config: Path, past: PastLoad, **fields: Any) -> str:
    with pytest.raises(DryRunError) as caught:
        play(config, past, **fields)
    return f"{caught.value.reason}: {caught.value}"


def test_a_file_is_played_as_the_command_plays_it(config: Path) -> None:
    trace = csv(config.parent)
    words = ["dry-run", str(config), "--trace", str(trace), "--boot-s", "30", "--json"]
    shown = CliRunner().invoke(app, words)
    assert play(config, PastLoad(), path=str(trace), boot_s=30.0) == json.loads(shown.stdout)


def test_without_a_file_it_is_the_load_of_the_last_day(config: Path) -> None:
    """Which is in requests/s already, whatever ``per_s`` of the file says."""
    found = play(config, busy_day(), unit_rps=100.0)
    assert [fired["t_s"] for fired in found["fired"]] == [60.0, 120.0]
    assert found["peak_units"] == 2


def test_what_cannot_be_played_is_one_line(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = csv(config.parent)
    assert refused(config, PastLoad()) == "not_allowed: no load was read yet"
    assert refused(config, busy_day(), scale=2.0) == "invalid_field: scale belongs to a path"
    said = refused(config, PastLoad(), path=str(trace), column="x")
    assert said == f"file_error: {trace}: no column 'x'; there are t_s, n"
    with pytest.raises(FileNotFoundError):
        play(config, PastLoad(), path=str(trace) + "x")
    for name, bound in (("TIME_S", 0.01), ("ANSWER_BYTES_MAX", 9), ("TRACE_BYTES_MAX", 9)):
        with monkeypatch.context() as patched:
            patched.setattr(dry_run_process, name, bound)
            assert refused(config, PastLoad(), path=str(trace)).startswith("too_large: ")


def test_one_is_played_at_a_time(config: Path) -> None:
    async def two() -> list[Any]:
        runs = DryRuns(busy_day())
        both = (runs.play(config, DryRun(req_id=number)) for number in (1, 2))
        return await asyncio.gather(*both, return_exceptions=True)

    first, second = asyncio.run(two())
    assert first["peak_units"] == 2
    assert isinstance(second, DryRunError) and second.reason == "busy"


def test_the_load_that_is_kept_has_a_bound() -> None:
    past = PastLoad()
    for second in range(0, 3 * KEPT_MS // 1_000, 3):
        past.add(1_000 * second, 1.0)
    assert len(past) <= KEPT_MS // STEP_MS
    past.add(10 * KEPT_MS, 2.0)
    assert len(past) == 1


def test_a_request_goes_over_the_socket_as_it_is() -> None:
    for request in (DryRun(req_id=1), DryRun(req_id=2, path="/x", per_s=60.0, core_units=0)):
        assert request_of(line_of(request)) == request


def test_the_command_needs_both_or_neither(config: Path) -> None:
    for words in ([str(config)], ["--trace", "x.csv"], ["--chart", "-"]):
        done = CliRunner().invoke(app, ["dry-run", *words])
        assert (done.exit_code, done.stdout) == (2, "")
    done = CliRunner().invoke(app, ["dry-run", "--control", str(config.parent / "no.sock")])
    assert done.exit_code == 1 and "no Manager runs here" in done.stderr
