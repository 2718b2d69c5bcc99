"""How fast the simulator is: virtual seconds a CPU second, beside a bare SimPy model.

The bare model has as many events as the run had and nothing in them: what SimPy alone would take.
`python -m bench.simulator --large` plays 24 h of 50 farms and 1,000 hosts, which takes minutes.
"""

import argparse
import resource
import sys
import time
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final

import simpy
from msgspec import Struct
from msgspec.structs import replace

from bench.measure import collector_held
from bench.report import Figure, table
from sim.run.world import World
from sim.scenario.check import mistakes
from sim.scenario.file import Loaded, decode, load
from sim.scenario.shipped import found

FLOW: Final = "The simulator"
ROUNDS_MAX: Final = 3
"""Runs of one shape; each takes seconds."""
ACTORS: Final = 100
"""Processes of the bare model."""
HOUR_S: Final = 3600

SCENARIO: Final = """
schema = 1
title = "As many hosts, farms and hours as asked"
duration_s = {duration_s}
start = 2026-11-23T00:00:00Z
network = {{latency_ms = 20, jitter_ms = 5}}
zone = [{{name = "eu-de"}}]
workload = {{kind = "diurnal", mean = 1500, swing = 1.0, peak_s = 50400, noise = 0.03}}
boot = {{mean_s = 90, sd_s = 25, min_s = 30, fail = 0.01}}
{farms}
[[seller]]
name = "residual"
hosts = {hosts}
host = {{mvcpu = 4000, mem_mib = 8192, disk_mib = 65536}}
offer = {{kind = "residual", below_pct = 10}}
own_load = {{kind = "diurnal", mean = 0.08, swing = 1.2, peak_s = 50400}}
price = 0.020
jitter = 0.10
deposit = 10000
[[seller]]
name = "all"
hosts = {hosts}
host = {{mvcpu = 8000, mem_mib = 16384, disk_mib = 131072}}
offer = {{kind = "all"}}
price = 0.035
jitter = 0.05
deposit = 10000
[[policy.threshold.rule]]
name = "burst"
when = "util > 70 for 2m"
do = "buy 4"
price_max = 0.10
cooldown = "1m"
max_units = 16
budget_day = 50.0
[[policy.threshold.rule]]
name = "calm"
when = "util < 40 for 10m"
do = "release 2"
cooldown = "2m"
"""
FARM: Final = """
[[farm]]
account = "shop-{number}"
zone = "eu-de"
class = "small"
core_units = 4
unit_rps = 250
deposit = 500.0
"""


class Shape(Struct, frozen=True):
    """``aim``: virtual seconds a CPU second."""

    name: str
    hosts: int
    hours: int
    aim: float
    farms: int = 1


WEEK: Final = Shape("a diurnal week, 12 hosts", 12, 168, 100_000)
THOUSAND: Final = Shape("12 h of 1,000 hosts", 1000, 12, 12 * HOUR_S / 60)
LARGE: Final = Shape("24 h of 1,000 hosts and 50 farms", 1000, 24, 24 * HOUR_S / 600, farms=50)


class Measured(Struct):
    """CPU seconds of one run, and of the bare model with as many events."""

    virtual_s: float
    cpu_s: float
    bare_s: float


def figures(rounds: int) -> list[Figure]:
    """Return the figures of the peak that is shipped, a week, and a thousand hosts."""
    peak = load(found(Path("server_farm_peak")))
    told = _figures("the 12 h peak", peak, 20_000, min(rounds, ROUNDS_MAX))
    told += _figures(WEEK.name, scenario(WEEK), WEEK.aim, min(rounds, ROUNDS_MAX))
    return told + _figures(THOUSAND.name, scenario(THOUSAND), THOUSAND.aim, 1)


def scenario(shape: Shape) -> Loaded:
    farms = "".join(FARM.format(number=number + 1) for number in range(shape.farms))
    text = SCENARIO.format(hosts=shape.hosts // 2, duration_s=shape.hours * HOUR_S, farms=farms)
    told = decode(text)
    assert not mistakes(told)
    return Loaded(told, {})


def measure(loaded: Loaded, policy: str = "threshold") -> Measured:
    """Run once with the laws alone, then the bare model."""
    world = World(replace(loaded, check="laws"), policy, loaded.scenario.seed)
    with collector_held():
        begun_s = time.process_time()
        result = world.run()
        cpu_s = time.process_time() - begun_s
    events = next(world.stage.env._eid)
    return Measured(result.virtual_s, cpu_s, bare_s(events, result.virtual_s))


def bare_s(events: int, virtual_s: float) -> float:
    """Return the CPU seconds of a SimPy model with so many events and nothing in them."""
    env, random = simpy.Environment(), Random(1)
    each_ms = 2 * virtual_s * 1000 * ACTORS / events

    def actor() -> Any:
        while True:
            yield env.timeout(random.random() * each_ms)

    for _ in range(ACTORS):
        env.process(actor())
    begun_s = time.process_time()
    env.run(until=virtual_s * 1000)
    return time.process_time() - begun_s


def _figures(name: str, loaded: Loaded, aim: float, rounds: int) -> list[Figure]:
    runs = [measure(loaded) for _ in range(rounds)]
    speed = median(run.virtual_s / run.cpu_s for run in runs)
    ratio = median(run.cpu_s / run.bare_s for run in runs)
    return [
        Figure(FLOW, f"{name}, virtual s a CPU s", speed, "", aim=aim),
        Figure(FLOW, f"{name}, CPU time / bare SimPy", ratio, "x"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.simulator", description=__doc__)
    parser.add_argument("--large", action="store_true", help="50 farms, 1,000 hosts, 24 h")
    if parser.parse_args().large:
        told = _figures(LARGE.name, scenario(LARGE), LARGE.aim, 1)
        most_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        told.append(Figure(FLOW, "memory at most", most_mib, "MiB", aim=2048, at_most=True))
    else:
        told = figures(ROUNDS_MAX)
    print(table(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
