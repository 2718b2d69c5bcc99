"""`headroom manager dry-run`: what rules would have done on a recorded load."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from manager.shell.cli import app

RULES = """
schema = 1
[load]
unit_rps = 100
core_units = 2
per_s = 60
column = "requests_per_min"
[[rule]]
name = "burst"
when = "util > 70 for 2m"
do = "buy 2"
price_max = 0.10
cooldown = "1m"
max_units = 4
[[rule]]
name = "calm"
when = "util < 20 for 10m"
do = "release all"
"""


def write(folder: Path, rows: str) -> list[str]:
    (folder / "rules.toml").write_text(RULES)
    (folder / "load.csv").write_text(rows)
    return ["dry-run", str(folder / "rules.toml"), "--trace", str(folder / "load.csv")]


def series(*loads: tuple[int, int]) -> str:
    """Rows of 5 minutes: (how many, requests/s)."""
    values = [value for count, value in loads for _ in range(count)]
    rows = [f"{index * 300},{value * 60}" for index, value in enumerate(values)]
    return "\n".join(["t_s,requests_per_min", *rows]) + "\n"


def test_it_prints_what_would_have_fired(tmp_path: Path) -> None:
    arguments = write(tmp_path, series((2, 20), (3, 180), (4, 20)))
    found = CliRunner().invoke(app, [*arguments, "--json"])
    assert (found.exit_code, found.stderr) == (0, "")
    outcome = json.loads(found.stdout)
    assert [(one["t_s"], one["rule"], one["what"]) for one in outcome["fired"]] == [
        (720.0, "burst", "util > 70 for 2m: buy 2"),
        (2100.0, "calm", "util < 20 for 10m: release 2"),
    ]
    assert outcome["peak_units"] == 2
    hours = 2 * (2100 - 720) / 3600
    assert outcome["cost_ucr"] == pytest.approx(hours * 100_000, abs=2)


def test_each_line_says_what_was_bought_when_it_fired(tmp_path: Path) -> None:
    """Between two rows of the series too. (Seen to fail: what was bought at the row before.)"""
    arguments = write(tmp_path, series((2, 20), (3, 180), (4, 20)))
    rules = RULES.replace("buy 2", "buy 4").replace('"release all"', '"release 1"\ncooldown = "1m"')
    (tmp_path / "rules.toml").write_text(rules)
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)["fired"]
    assert [(one["what"].split(": ")[1], one["units"]) for one in found] == [
        ("buy 4", 0),
        ("release 1", 4),
        ("release 1", 3),
        ("release 1", 2),
        ("release 1", 1),
    ]


def test_options_go_before_the_file(tmp_path: Path) -> None:
    arguments = write(tmp_path, series((5, 180)))
    found = CliRunner().invoke(app, [*arguments, "--unit-rps", "1000"])
    assert found.stdout == "fired 0 times; at most 0 units, 0.00 unit-hours, 0.0000 credits\n"


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ("", "no column 't_s'; there are "),
        ("t_s,load\n0,1\n", "no column 'requests_per_min'; there are t_s, load"),
        ("t_s,requests_per_min\n", "no rows"),
        ("t_s,requests_per_min\n0,x\n", ":2: t_s and requests_per_min must be numbers"),
        ("t_s,requests_per_min\n0,nan\n", ":2: t_s and requests_per_min must not be negative"),
        ("t_s,requests_per_min\n0,-1\n", ":2: t_s and requests_per_min must not be negative"),
        ("t_s,requests_per_min\n5,1\n5,1\n", ":3: t_s does not go on"),
        ("t_s,requests_per_min\n5\n", ":2: t_s and requests_per_min must be numbers"),
    ],
)
def test_a_bad_trace_is_one_line_and_exit_2(tmp_path: Path, rows: str, line: str) -> None:
    found = CliRunner().invoke(app, write(tmp_path, rows))
    assert found.exit_code == 2
    assert len(found.stderr.splitlines()) == 1
    assert line in found.stderr
