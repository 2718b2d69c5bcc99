"""Load over time: every kind at the points that matter, and noise that policies share."""

import os
from pathlib import Path
from random import Random
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.scenario.outages import read_outages
from sim.scenario.trace_file import TraceError, read_series
from sim.scenario.workload import (
    Diurnal,
    Flash,
    Profile,
    Sum,
    Trace,
    Workload,
    load_at,
    sampled,
    trace_key,
    traces_of,
)

PROFILE = Profile(points=[(10, 100), (20, 300), (40, 300)])
FLASH = Flash(base=10, peak=110, at_s=100, ramp_s=10, hold_s=50, decay_s=20)
DAY = Diurnal(mean=0.08, swing=1.2, peak_s=50_400)
TRACE = Trace(file="x.csv", column="v", per_s=300, scale=2.0)
CSV = "t_s,v,w\n0,300,1\n300,600,2\n900,0,3\n"


@pytest.mark.parametrize(
    ("workload", "at_s", "value"),
    [
        (PROFILE, 0, 100),
        (PROFILE, 15, 200),
        (PROFILE, 20, 300),
        (PROFILE, 99, 300),
        (FLASH, 99, 10),
        (FLASH, 105, 60),
        (FLASH, 110, 110),
        (FLASH, 160, 110),
        (FLASH, 170, 60),
        (FLASH, 500, 10),
        (DAY, 50_400, 0.176),
        (DAY, 50_400 + 43_200, 0.0),
        (Sum(parts=[PROFILE, FLASH]), 105, 360),
    ],
)
def test_values(workload: Workload, at_s: float, value: float) -> None:
    assert load_at(workload, at_s, {}) == pytest.approx(value)


@pytest.mark.parametrize(
    ("at_s", "value"), [(0, 2), (299, 2), (300, 4), (899, 4), (900, 0), (9999, 0)]
)
def test_a_trace_holds_each_row_until_the_next(tmp_path: Path, at_s: float, value: float) -> None:
    (tmp_path / "x.csv").write_text(CSV, encoding="utf-8")
    traces = {trace_key(TRACE): read_series(tmp_path / "x.csv", "t_s", "v")}
    assert load_at(TRACE, at_s, traces) == pytest.approx(value)
    assert traces_of(Sum(parts=[FLASH, TRACE])) == [TRACE]


def test_timestamps_count_from_the_first_row(tmp_path: Path) -> None:
    path = tmp_path / "iso.csv"
    path.write_text("when,v\n2014-04-10 00:04:00,1\n2014-04-10 00:09:00,2\n", encoding="utf-8")
    assert read_series(path, "when", "v").times_s == [0, 300]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("t_s,w\n0,1\n", "has no column 'v'; it has t_s, w"),
        ("t_s,v\n", "has no rows"),
        ("t_s,v\n0,1\n0,2\n", "line 3: t_s does not grow"),
        ("t_s,v\n0,x\n", "line 2: v is not a number (x)"),
        ("t_s,v\n0,\n", "line 2: v is not a number (empty)"),
        ("t_s,v\n0,nan\n", "line 2: v is not a number (nan)"),
        ("t_s,v\n0,-1\n", "line 2: v is negative (-1)"),
        ("t_s,v\nsoon,1\n", "line 2: t_s is not a number (soon)"),
        ("t_s,v\n0,1_000\n", "line 2: v is not a number (1_000)"),
        ("t_s,v\n0,3,5\n", "line 2: has more cells than the 2 columns of line 1"),
        ("", "has no column 't_s'; it has none"),
    ],
)
def test_a_bad_trace_names_the_row(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TraceError) as caught:
        read_series(path, "t_s", "v")
    assert str(caught.value).endswith(line)


def test_what_a_spreadsheet_exports_is_read(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes("\ufefft_s,v,\r\n0,1,\r\n60,2.5,,\r\n".encode())
    assert read_series(tmp_path / "s.csv", "t_s", "v").values == [1, 2.5]


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("1,1,1_0", "line 2: hosts is not a number (1_0)"),
        ("1,1,0,5", "line 2: has more cells than the 3 columns of line 1"),
        ("1e300,1,1", "line 2: start_s is above 1e+15 (1e300)"),
    ],
)
def test_a_bad_failure_names_the_row(tmp_path: Path, row: str, line: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(f"start_s,duration_s,hosts\n{row}\n", encoding="utf-8")
    with pytest.raises(TraceError) as caught:
        read_outages(path)
    assert str(caught.value).endswith(line)


def test_a_trace_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="No such file"):
        read_series(tmp_path / "none.csv", "t_s", "v")
    (tmp_path / "b.csv").write_bytes(b"t_s,v\n\xff\xfe,1\n")
    with pytest.raises(TraceError, match="is not a CSV text file"):
        read_series(tmp_path / "b.csv", "t_s", "v")


def test_noise_is_a_factor_around_one_and_the_same_for_the_same_stream() -> None:
    flat = Profile(points=[(0, 100)], noise=0.03)
    values = sampled(flat, 20_000, 10, Random("7/load"), {})
    assert values == sampled(flat, 20_000, 10, Random("7/load"), {})
    assert values != sampled(flat, 20_000, 10, Random("8/load"), {})
    assert fmean(values) == pytest.approx(100, abs=0.5)
    assert stdev(values) == pytest.approx(3, abs=0.3)


@given(st.floats(0, 10**6))
def test_no_load_is_negative(at_s: float) -> None:
    for workload in (PROFILE, FLASH, DAY):
        assert load_at(workload, at_s, {}) >= 0


def real_traces() -> list[Path]:
    """Return the public series that developers and CI have beside the repository, if any."""
    beside = Path(__file__).parents[4] / "shared" / "traces"
    folder = Path(os.environ.get("HEADROOM_TRACES", beside))
    return sorted(folder.glob("*_5min.csv"))


def test_real_series_read_whole() -> None:
    for path in real_traces():
        column = path.read_text(encoding="utf-8").partition("\n")[0].split(",")[1]
        series = read_series(path, "t_s", column)
        steps = [b - a for a, b in zip(series.times_s, series.times_s[1:], strict=False)]
        assert len(series.values) > 4000, path.stem
        assert min(steps) > 0, path.stem
        assert max(series.values) > 2 * fmean(series.values) > 0, path.stem
