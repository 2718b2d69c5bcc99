"""Small scenarios for the tests: an hour or less, few hosts, everything overridable."""

from pathlib import Path

from sim.results.report import RunResult
from sim.run.world import World
from sim.scenario.file import Loaded, load

RULES = """
[policy.threshold]
[[policy.threshold.rule]]
name = "burst"
when = "util > 70 for 1m"
do = "buy 4"
price_max = 0.10
cooldown = "1m"
max_units = 8
[[policy.threshold.rule]]
name = "calm"
when = "util < 40 for 3m"
do = "release 2"
cooldown = "1m"
"""

SCENE = """
schema = 1
title = "A short peak"
seed = 7
runs = 1
duration_s = {duration_s}
start = 2026-11-23T00:00:00Z
[farm]
account = "shop"
zone = "eu-de"
class = "small"
core_units = 2
unit_rps = 100
deposit = 50.0
[workload]
kind = "flash"
base = 100
peak = 700
at_s = 120
ramp_s = 120
hold_s = 480
decay_s = 120
noise = 0.02
[boot]
mean_s = 40
sd_s = 10
min_s = 20
[[seller]]
name = "uni-lab"
hosts = 3
host = {{mvcpu = 4000, mem_mib = 8800, disk_mib = 65536}}
price = 0.035
jitter = 0.1
{more}
[policy.no_burst]
"""

TRADERS = """
[[trader]]
kind = "market_maker"
symbol = "small.eu-de.flat.spot"
hosts = 1
[[trader]]
kind = "noise"
symbol = "small.eu-de.flat.spot"
hosts = 1
"""


def scene(more: str = "", duration_s: int = 1200, rules: str = RULES) -> str:
    """Return a scenario whose peak needs 9 units of which the farm has 2."""
    return SCENE.format(duration_s=duration_s, more=more + rules)


def loaded(folder: Path, text: str) -> Loaded:
    path = folder / "scene.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def world(folder: Path, text: str, policy: str = "threshold", keep_rows: bool = False) -> World:
    found = loaded(folder, text)
    return World(found, policy, found.scenario.seed, keep_rows)


def outcome(folder: Path, text: str, policy: str = "threshold") -> RunResult:
    return world(folder, text, policy).run()
