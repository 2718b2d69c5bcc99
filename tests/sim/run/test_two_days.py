"""Two days on series as they were measured: fixed units of a seller whose machines are mostly idle.

The series are written here in the form of public ones, and where those are at hand (beside the
repository, or in the folder `HEADROOM_TRACES`), they are played too.
"""

import os
from math import cos, pi
from pathlib import Path

import pytest

from tests.sim.scenes import outcome

LOAD, IDLE = "nab_twitter_aapl_5min.csv", "nab_ec2_cpu_mostly_idle_5min.csv"
ASK, UNITS, HOURS = 0.02, 4, 48
SCENE = """
schema = 1
title = "Two days of mentions"
duration_s = 172800
start = 2026-11-23T00:00:00Z
[farm]
account = "shop"
zone = "eu-de"
class = "small"
core_units = 1
unit_rps = 1
[workload]
kind = "trace"
file = "{load}"
column = "tweets_per_5min"
per_s = 300
[boot]
mean_s = 60
sd_s = 10
[[seller]]
name = "bank"
hosts = 2
host = {{mvcpu = 4000, mem_mib = 8800, disk_mib = 65536}}
price = 0.02
offer = {{kind = "residual", below_pct = 10}}
[seller.own_load]
kind = "trace"
file = "{idle}"
column = "cpu_pct"
scale = 0.01
[policy.static]
units = 4
"""


def made(folder: Path) -> Path:
    """Write both series: a day with a spike, and a machine that works for an hour each night."""
    times_s = range(0, (HOURS + 1) * 3600, 300)
    mentions = [120 - 60 * cos(2 * pi * at_s / 86400) for at_s in times_s]
    mentions[330:342] = [1500] * 12
    busy = [55.0 if 3600 <= at_s % 86400 < 7200 else 2.3 for at_s in times_s]
    for name, column, values in ((LOAD, "tweets_per_5min", mentions), (IDLE, "cpu_pct", busy)):
        rows = (f"{at_s},{value:.3f}" for at_s, value in zip(times_s, values, strict=True))
        (folder / name).write_text("\n".join([f"t_s,{column}", *rows]) + "\n", encoding="utf-8")
    return folder


def measured() -> list[Path]:
    beside = Path(__file__).parents[4] / "shared" / "traces"
    folder = Path(os.environ.get("HEADROOM_TRACES", beside))
    return [folder] if all((folder / name).exists() for name in (LOAD, IDLE)) else []


@pytest.mark.parametrize("folder", [None, *measured()], ids=str)
def test_fixed_units_cost_their_ask_for_the_time_they_are_had(
    tmp_path: Path, folder: Path | None
) -> None:
    series = made(tmp_path) if folder is None else folder
    text = SCENE.format(load=series / LOAD, idle=series / IDLE)
    found = outcome(tmp_path, text, "static").metrics
    assert found["price_mean"] == found["price_max"] == ASK
    assert found["cost"] == pytest.approx(ASK * UNITS * HOURS, rel=0.06)
    # What the owner needs himself is recalled; it is not had, and not paid.
    assert found["recalls"] > 0
    had = UNITS * HOURS - found["missing_unit_hours"]
    assert found["cost"] == pytest.approx(ASK * had, rel=0.005)
