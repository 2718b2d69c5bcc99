"""`headroom manager dry-run`: what rules would have done on a recorded load."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

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


def test_hours_are_counted_also_between_two_figures(tmp_path: Path) -> None:
    words = write(tmp_path, series((3, 90), (6, 300), (12, 10)))
    found = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert found["unit_hours"] * 100_000 == pytest.approx(
        found["cost_ucr"], abs=found["peak_units"]
    )


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


def test_a_paused_rule_is_told(tmp_path: Path) -> None:
    """(Seen to fail: nothing fired, and no word why.)"""
    arguments = write(tmp_path, series((5, 300)))
    (tmp_path / "rules.toml").write_text(RULES.replace('"burst"', '"burst"\npaused = true'))
    found = CliRunner().invoke(app, arguments)
    assert "warning: rule 'burst': paused: it does nothing here either" in found.stderr
    assert found.stdout.startswith("fired 0 times")


@pytest.mark.parametrize("loads", [(5, 20), (5, 0)])
def test_a_chart_of_nothing_but_zeros_goes_up_to_one(
    tmp_path: Path, loads: tuple[int, int]
) -> None:
    """(Seen to fail: its axis went up to 1e-09.)"""
    found = CliRunner().invoke(app, [*write(tmp_path, series(loads)), "--chart", "-"])
    assert found.stdout.split("units bought\n")[1].split()[0] == "1"


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


AT = """
[[rule]]
name = "hours"
at = "Mon 00:10-00:20"
do = "buy to 3"
price_max = 0.10
"""


def test_rules_with_hours_need_a_start(tmp_path: Path) -> None:
    arguments = write(tmp_path, series((8, 80)))
    (tmp_path / "rules.toml").write_text(RULES + AT)
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 2
    assert "--start: missing" in found.stderr
    start = "2026-11-23T00:00:00"  # a Monday
    found = CliRunner().invoke(app, [*arguments, "--start", start, "--json"])
    fired = [(one["t_s"], one["what"]) for one in json.loads(found.stdout)["fired"]]
    hours = "at Mon 00:10-00:20"
    assert fired[:2] == [(600.0, f"{hours}: buy 3"), (1200.0, f"{hours}: is over: release 3")]


@pytest.mark.parametrize("start", ["yesterday", "1969-12-31T23:59:59Z"])
def test_a_start_that_is_no_time(tmp_path: Path, start: str) -> None:
    found = CliRunner().invoke(app, [*write(tmp_path, series((8, 20))), "--start", start])
    assert found.exit_code == 2
    assert f"--start: {start!r} is " in found.stderr


def test_a_chart_of_block_characters_in_80_columns(tmp_path: Path) -> None:
    arguments = write(tmp_path, series((2, 20), (3, 180), (4, 20)))
    found = CliRunner().invoke(app, [*arguments, "--chart", "-"])
    lines = found.stdout.splitlines()[:19]
    assert (lines[0], lines[9]) == ("load, requests/s", "units bought")
    assert lines[18].split() == ["00:00:00", "00:40:00"]
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("    180 ")
    # The load is high from 600 s to 1500 s of 2400: a quarter to five eighths of 72 columns.
    assert [at for at, block in enumerate(lines[1][8:]) if block == "█"] == list(range(18, 45))
    assert lines[10].startswith("      2 ")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("x.gif", "--chart x.gif: -, or a file that ends in .svg or .png"),
        ("none/x.svg", "--chart none/x.svg: No such file or directory"),
    ],
)
def test_a_chart_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, line: str
) -> None:
    arguments = write(tmp_path, series((5, 180)))
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(app, [*arguments, "--chart", name])
    assert found.exit_code != 0
    assert line in found.stderr


def test_a_png_needs_a_program_that_may_not_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    arguments = write(tmp_path, series((5, 180)))
    found = CliRunner().invoke(app, [*arguments, "--chart", "x.png"])
    assert found.exit_code == 2
    assert "a PNG needs rsvg-convert" in found.stderr


def test_an_svg_is_a_document_with_a_line_for_each_series(tmp_path: Path) -> None:
    arguments = write(tmp_path, series((2, 20), (3, 180), (4, 20)))
    out = tmp_path / "x.svg"
    assert CliRunner().invoke(app, [*arguments, "--chart", str(out)]).exit_code == 0
    root = ET.fromstring(out.read_text(encoding="utf-8"))  # noqa: S314
    lines = [node for node in root.iter() if node.tag.endswith("polyline")]
    assert len(lines) == 2
    for line in lines:
        points = [point.split(",") for point in line.attrib["points"].split()]
        assert all(0 <= float(x) <= 960 and 0 <= float(y) <= 550 for x, y in points)
