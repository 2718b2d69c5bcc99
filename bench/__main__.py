"""`make bench`: engine, book and baseline on the same seeded flows, as ratios.

Exit code 1 when a minimum is missed. The engines run without I/O: commands are decoded before and
events are made but not encoded.
"""

import argparse
import sys

import msgspec

from bench import (
    ahead,
    fleet,
    growth,
    manager,
    open_loop,
    report,
    selling,
    simulator,
    terminal,
    verify,
    wire,
)
from bench.compiled import Compiled
from bench.engine import FullEngine
from bench.flow import SHAPES, make
from bench.leases import charges_per_s, replay_ratio
from bench.measure import bytes_a_resting_order, latencies_us, rounds
from bench.report import Figure, Goal
from bench.subjects import MAKERS

GOALS = (
    Goal(full=(2.5, 2.5), bare=(4.5, 4.5), compiled=(4.0, 5.0)),
    Goal(full=(0.6, 1.1), bare=(None, 2.5), compiled=(0.8, 1.1)),
    Goal(full=(6.0, 10.0), bare=(None, 20.0), compiled=(8.0, 10.0)),
    Goal(full=(None, None), bare=(None, None)),
)
"""In the order of `SHAPES`."""
ROUNDS = 7
ALONE = "full engine alone"
SECTIONS = (
    *(shape.name for shape in SHAPES),
    *(
        ALONE,
        wire.FLOW,
        open_loop.FLOW,
        fleet.FLOW,
        manager.FLOW,
        simulator.FLOW,
        terminal.FLOW,
        growth.FLOW,
        verify.FLOW,
    ),
)


def extras(figures: list[Figure], count: int) -> list[Figure]:
    """Return what is measured of the full engine alone: depth, latency, memory."""
    wide, _, deep, _ = SHAPES
    us = {
        figure.flow: figure.value
        for figure in figures
        if figure.unit == "us" and figure.name.startswith(report.FULL)
    }
    for shape in (wide, deep):
        if shape.name not in us:  # left out by --only
            times = rounds(make(shape), {report.FULL: FullEngine}, count)
            us[shape.name] = times.typical_us(report.FULL)
    times_us = latencies_us(make(wide))
    half, late = times_us[len(times_us) // 2], times_us[len(times_us) * 99 // 100]
    memory = bytes_a_resting_order(make(deep))
    return [
        Figure(ALONE, "rate, deep flow / shallow", us[wide.name] / us[deep.name], "x", aim=0.5),
        Figure(ALONE, "latency p99 / p50", late / half, "x", aim=6, at_most=True),
        Figure(ALONE, "worst pause", times_us[-1] / 1000, "ms", aim=2, at_most=True),
        Figure(
            ALONE, "charges a second, 10,000 leases in a posting", charges_per_s(), "", aim=50_000
        ),
        Figure(ALONE, "rate, replay of a journal / live", replay_ratio(), "x", aim=1),
        Figure(ALONE, "memory a resting order", memory, "bytes", aim=800, at_most=True),
    ]


def flows(
    sections: list[str], count: int, compiled: Compiled
) -> tuple[dict[str, str], list[Figure]]:
    """Run the chosen flows through all engines; returns what they were, and the figures."""
    chosen = [pair for pair in zip(SHAPES, GOALS, strict=True) if pair[0].name in sections]
    facts: dict[str, str] = {}
    figures: list[Figure] = []
    if chosen:
        compiled.build()
    for shape, goal in chosen:
        flow = make(shape)
        facts[shape.name] = flow.facts
        figures += report.ratios(shape.name, rounds(flow, MAKERS, count), goal)
        figures += compiled.figures(flow, count, goal)
    return facts, figures


def options(arguments: list[str] | None) -> tuple[list[str], int, bool]:
    """Return the sections to measure, how many rounds, and whether to print JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="timed rounds a flow")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only the sections whose name contains TEXT"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    chosen = parser.parse_args(arguments)
    if chosen.rounds < 1:
        parser.error("--rounds: at least 1")
    sections = [name for name in SECTIONS if chosen.only in name]
    if not sections:
        parser.error(f"--only: there are the sections {', '.join(map(repr, SECTIONS))}")
    return sections, chosen.rounds, chosen.json


def main() -> int:
    """Measure, print, and return the exit code."""
    sections, count, as_json = options(None)
    compiled = Compiled()
    facts, figures = flows(sections, count, compiled)
    if ALONE in sections:
        figures += extras(figures, count)
    if wire.FLOW in sections:
        compiled.build()
        figures += wire.figures(count, tree=compiled.tree)
    if open_loop.FLOW in sections:
        figures += open_loop.figures(count)
    if fleet.FLOW in sections:
        figures += fleet.figures()
    if manager.FLOW in sections:
        figures += manager.figures() + ahead.figures() + selling.figures()
    if simulator.FLOW in sections:
        figures += simulator.figures(count)
    if terminal.FLOW in sections:
        figures += terminal.figures(count)
    if growth.FLOW in sections:
        figures += growth.figures()
    if verify.FLOW in sections:
        figures += verify.figures(count)
    failed = any(not figure.reaches(figure.minimum) for figure in figures)
    if as_json:
        told = {
            "flows": facts,
            "figures": figures,
            "notes": compiled.notes,
            "passed": not failed,
        }
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    else:
        for name, what in facts.items():
            print(f"{name}: {what}")
        print(f"CPU time, median of {count} interleaved rounds")
        for note in compiled.notes:
            print(note)
        print(f"\n{report.table(figures)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
