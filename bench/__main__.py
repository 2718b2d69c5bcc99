"""`make bench`: engine, book and baseline on the same seeded flows, as ratios.

Exit code 1 when a minimum is missed. The engines run without I/O: commands are decoded before and
events are made but not encoded.
"""

import argparse
import sys

import msgspec

from bench import report, wire
from bench.book import BareBook
from bench.engine import FullEngine
from bench.flow import SHAPES, Shape, make
from bench.leases import charges_per_s, replay_ratio
from bench.lightmatching import LightMatching
from bench.measure import Maker, bytes_a_resting_order, latencies_us, rounds
from bench.report import Figure, Goal

MAKERS: dict[str, Maker] = {
    report.BASELINE: LightMatching,
    report.BARE: BareBook,
    report.FULL: FullEngine,
}
GOALS = (
    Goal(full=(1.8, 2.5), bare=(4.5, 4.5)),
    Goal(full=(None, 1.8), bare=(None, 2.5)),
    Goal(full=(None, 15.0), bare=(None, 20.0)),
    Goal(full=(None, None), bare=(None, None)),
)
"""In the order of `SHAPES`."""
ROUNDS = 7


def measured(shape: Shape, goal: Goal, count: int) -> tuple[str, list[Figure]]:
    """Run one flow through all engines; returns what it was and its figures."""
    flow = make(shape)
    return flow.facts, report.ratios(shape.name, rounds(flow, MAKERS, count), goal)


def extras(figures: list[Figure]) -> list[Figure]:
    """Return what is measured of the full engine alone: depth, latency, memory."""
    wide, _, deep, _ = SHAPES
    us = {
        figure.flow: figure.value
        for figure in figures
        if figure.unit == "us" and figure.name.startswith(report.FULL)
    }
    times = latencies_us(make(wide))
    half, late = times[len(times) // 2], times[len(times) * 99 // 100]
    memory = bytes_a_resting_order(make(deep))
    name = "full engine alone"
    return [
        Figure(name, "rate, deep flow / shallow", us[wide.name] / us[deep.name], "x", aim=0.5),
        Figure(name, "latency p99 / p50", late / half, "x", aim=6, at_most=True),
        Figure(name, "worst pause", times[-1] / 1000, "ms", aim=2, at_most=True),
        Figure(
            name, "charges a second, 10,000 leases in a posting", charges_per_s(), "", aim=50_000
        ),
        Figure(name, "rate, replay of a journal / live", replay_ratio(), "x", aim=1),
        Figure(name, "memory a resting order", memory, "bytes", aim=800, at_most=True),
    ]


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="timed rounds a flow")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds: at least 1")
    figures: list[Figure] = []
    flows: dict[str, str] = {}
    for shape, goal in zip(SHAPES, GOALS, strict=True):
        flows[shape.name], found = measured(shape, goal, arguments.rounds)
        figures += found
    figures += extras(figures)
    figures += wire.figures(arguments.rounds)
    failed = any(not figure.reaches(figure.minimum) for figure in figures)
    if arguments.json:
        told = {"flows": flows, "figures": figures, "passed": not failed}
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    else:
        for name, facts in flows.items():
            print(f"{name}: {facts}")
        print(f"CPU time, median of {arguments.rounds} interleaved rounds\n")
        print(report.table(figures))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
