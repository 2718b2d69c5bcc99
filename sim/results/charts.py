"""From recordings to the charts of a page: the panels of a run on one axis of time."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from exchange.units import MS_PER_SECOND, UCR_PER_CREDIT
from sim.actors.decisions import Decision
from sim.page.model import Band, Chart, Heat, Line, Mark, Panel
from sim.results.recording import Recording
from sim.results.report import RunResult
from sim.results.timeline import fault_times
from sim.scenario.farms import views
from sim.scenario.policy import market_of
from sim.scenario.tables import Scenario

PRICE_ROWS: Final = 32
"""Of the heat map."""
PRICE: Final = "price, credits a unit-hour"
COST_POINTS: Final = 480
HELD_BACK: Final = frozenset(
    {"idle", "limited", "blocked", "paused", "stopped", "backing_off", "rule_stopped", "load_stale"}
    | {"budget_used", "order_refused", "bid_rests", "falls_back", "price_below_tick"}
)
"""Why a rule did not do what it would."""


def charts(scenario: Scenario, results: Sequence[RunResult]) -> list[Chart]:
    """Return a chart for each of ``results`` that was recorded, and for each of its farms.

    Panels of one farm have the same scales: policies are compared, farms are not.
    """
    found = [
        _chart(view, run, run.recordings[view.farm.account], len(scenario.farms) > 1)
        for run in results
        for view in views(_played(scenario, run.policy))
        if view.farm.account in run.recordings
    ]
    return same_scales(found)


def _played(scenario: Scenario, policy: str) -> Scenario:
    table = scenario.policy.get(policy)
    return scenario if table is None else market_of(scenario, table)


def same_scales(found: Sequence[Chart]) -> list[Chart]:
    """Return the charts with the same scale for all panels of a farm that have one title."""
    tops: dict[tuple[str, str], float] = {}
    for chart in found:
        for panel in chart.panels:
            if panel.title == PRICE:
                continue  # a cloud's price says nothing of this market
            values = [value or 0.0 for line in panel.lines for _, value in line.points]
            place = chart.farm, panel.title
            tops[place] = max([tops.get(place, 0.0), *values])
    return [
        replace(
            chart,
            panels=[
                replace(panel, top=tops.get((chart.farm, panel.title), 0.0))
                for panel in chart.panels
            ],
        )
        for chart in found
    ]


def _chart(scenario: Scenario, run: RunResult, recording: Recording, several: bool) -> Chart:
    table = scenario.policy.get(run.policy)
    cloud = table is not None and table.tariff is not None
    price = _price(recording, cloud)
    panels = [_load(scenario, recording), _units(recording)]
    panels += [price] if price.lines or price.heat else []
    panels.append(_cost(recording, scenario.duration_s))
    farm = scenario.farm.account
    return Chart(
        title=f"{run.policy}, seed {run.seed}" + (f": {farm}" if several else ""),
        farm=farm,
        duration_s=scenario.duration_s,
        panels=panels,
        bands=[Band(*times) for times in map(fault_times, scenario.fault)],
        marks=list(marks(recording.decisions)),
    )


def _s(at_ms: int) -> float:
    return max(0, at_ms) / MS_PER_SECOND


def _sampled(recording: Recording, values: Sequence[float]) -> list[tuple[float, float | None]]:
    return [(number * _s(recording.step_ms), value) for number, value in enumerate(values)]


def _load(scenario: Scenario, recording: Recording) -> Panel:
    serves = scenario.farm.unit_rps * scenario.farm.slo_util
    within: list[tuple[float, float | None]]
    within = [(_s(at_ms), units * serves) for at_ms, units in recording.ready]
    lines = [
        Line("load", "load", _sampled(recording, recording.loads)),
        Line("served as promised, at most", "ready", within),
    ]
    return Panel("load, requests/s", lines)


def _units(recording: Recording) -> Panel:
    ready: list[tuple[float, float | None]] = [(_s(at), units) for at, units in recording.ready]
    need = Line("needed", "need", _sampled(recording, recording.need))
    return Panel("units", [Line("ready", "ready", ready), need])


def _price(recording: Recording, cloud: bool) -> Panel:
    trades: list[tuple[float, float | None]]
    trades = [(_s(at_ms), ucr / UCR_PER_CREDIT) for at_ms, ucr in recording.trades]
    lines = [Line("last trade", "price", trades)] if trades else []
    if cloud:
        return Panel(PRICE, lines)
    asks = [None if ucr is None else ucr / UCR_PER_CREDIT for ucr in recording.asks]
    points = [(number * _s(recording.step_ms), ask) for number, ask in enumerate(asks)]
    if any(asks):
        lines.append(Line("best ask", "ask", points))
    known = [price for line in lines for _, price in line.points if price is not None]
    return Panel(PRICE, lines, _heat(recording, 1.25 * max(known, default=0.0)))


def _heat(recording: Recording, top: float) -> Heat | None:
    """Return what was for sale, in equal steps of price up to ``top``; the last has all above."""
    if top <= 0:
        return None
    step = top / PRICE_ROWS
    columns = []
    for column in recording.depth:
        rows: dict[int, float] = {}
        for price_ucr, units in column:
            row = min(PRICE_ROWS - 1, int(price_ucr / UCR_PER_CREDIT / step))
            rows[row] = rows.get(row, 0.0) + units
        columns.append([(row * step, (row + 1) * step, units) for row, units in rows.items()])
    above = any(high > top - step / 2 for column in columns for _, high, _ in column)
    more = f"; top row: {top - step:.3g} and above" if above else ""
    return Heat(f"units for sale (stronger is more{more})", columns)


def _cost(recording: Recording, duration_s: int) -> Panel:
    duration_ms = duration_s * MS_PER_SECOND
    times_ms = [duration_ms * number // COST_POINTS for number in range(COST_POINTS + 1)]
    costs = recording.costs_ucr(times_ms)
    points: list[tuple[float, float | None]]
    points = [(_s(at), ucr / UCR_PER_CREDIT) for at, ucr in zip(times_ms, costs, strict=True)]
    return Panel("cost so far, credits", [Line("cost", "cost", points)])


def marks(decisions: Sequence[Decision]) -> Iterator[Mark]:
    """Yield what rules did, and what kept them from it, each time that it is said anew."""
    for one in decisions:
        if one.at_ms < 0 or (one.event != "fired" and one.event not in HELD_BACK):
            continue
        who = f"{one.rule}: " if one.rule else ""
        load = "no load known" if one.load_rps is None else f"load {one.load_rps:,.0f}/s"
        coming = f", {one.pending} to come" if one.pending else ""
        text = f"{who}{one.text} ({load}, {one.ready} ready{coming})"
        if one.event == "fired":
            kind = "buy" if one.text.rpartition(": ")[2].startswith("buy") else "release"
            yield Mark(_s(one.at_ms), "buy" if kind == "buy" else "release", text)
        else:
            yield Mark(_s(one.at_ms), "other", f"{text}: {one.event.replace('_', ' ')}")
