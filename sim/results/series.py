"""Runs as rows: the series for a spreadsheet or a notebook, and the decision log as JSON lines."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from exchange.units import MS_PER_SECOND, UCR_PER_CREDIT
from sim.results.recording import Recording, value_at
from sim.results.report import RunResult
from sim.scenario.tables import Farm, Scenario

KEYS = ("t_s", "policy", "seed")
COLUMNS = (
    *("load_rps", "violated_rps", "need_units", "ready_units"),
    *("rented_units", "price", "best_ask", "cost"),
)
"""``price`` (last trade) and ``best_ask`` are credits a unit-hour, ``cost`` credits so far."""


def series(scenario: Scenario, results: Sequence[RunResult], every_s: int) -> Iterator[str]:
    """Yield the lines of a CSV file: its head, then each run at every ``every_s`` seconds.

    Where there are several farms each has rows of its own, and their column ``farm`` its name.
    """
    several = len(scenario.farms) > 1
    yield _line((*KEYS, *(("farm",) if several else ()), *COLUMNS))
    for run in results:
        for farm in scenario.farms:
            if farm.account in run.recordings:
                for at_s, *cells in _rows(farm, run.recordings[farm.account], every_s):
                    named = (farm.account,) if several else ()
                    yield _line((at_s, run.policy, run.seed, *named, *cells))


def _rows(farm: Farm, recording: Recording, every_s: int) -> Iterator[tuple[object, ...]]:
    step_ms = recording.step_ms
    times_ms = list(range(0, len(recording.loads) * step_ms, every_s * MS_PER_SECOND))
    ready = value_at(recording.ready, times_ms, 0)
    rented = value_at(recording.rented, times_ms, 0)
    trades: list[tuple[int, int | None]] = [*recording.trades]
    prices = value_at(trades, times_ms, None)
    costs = recording.costs_ucr(times_ms)
    for index, at_ms in enumerate(times_ms):
        sample = at_ms // step_ms
        load = recording.loads[sample]
        violated = max(0.0, load - ready[index] * farm.unit_rps * farm.slo_util)
        yield (
            *(at_ms // MS_PER_SECOND, f"{load:.6g}", f"{violated:.6g}"),
            *(recording.need[sample], ready[index], rented[index]),
            *(_credits(prices[index]), _credits(recording.asks[sample])),
            f"{costs[index] / UCR_PER_CREDIT:.6f}",
        )


def _credits(ucr: int | None) -> str:
    return "" if ucr is None else f"{ucr / UCR_PER_CREDIT:.6f}"


def _line(cells: Sequence[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def decision_lines(scenario: Scenario, results: Sequence[RunResult]) -> Iterator[str]:
    """Yield a JSON object a line: each decision of each run, and each reason against one."""
    several = len(scenario.farms) > 1
    for run in results:
        for account, recording in run.recordings.items():
            keys = {"policy": run.policy, "seed": run.seed}
            yield from _told(keys | ({"farm": account} if several else {}), recording)


def _told(keys: dict[str, Any], recording: Recording) -> Iterator[str]:
    for one in recording.decisions:
        told = {
            **keys,
            "t_s": one.at_ms / MS_PER_SECOND,
            "rule": one.rule,
            "event": one.event,
            "text": one.text,
            "load_rps": one.load_rps,
            "util_pct": one.util_pct,
            "ready_units": one.ready,
            "coming_units": one.pending,
        }
        yield json.dumps(told, ensure_ascii=False) + "\n"
