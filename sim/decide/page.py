"""From decisions to the page of `headroom sim decide --report`. Pure."""

from collections.abc import Sequence

from exchange.units import count_text
from sim.decide.decision import Decision
from sim.decide.text import as_good_text, break_even_text, settings_text
from sim.page.model import Cell, Page, Point, Source, Table, Value
from sim.results.metric_tables import PARTS, metric_tables, value
from sim.scenario.tables import Scenario


def decide_page(
    scenario: Scenario, decisions: Sequence[Decision], seeds: Sequence[int], sources: list[Source]
) -> Page:
    """Return the page; ``seeds`` are those that every point was run with."""
    points = sum(len(decision.points) for decision in decisions)
    hours = f"{scenario.duration_s / 3600:g} h each"
    many = f"{count_text(points, 'point')}, {count_text(len(seeds), 'seed')} from {seeds[0]}"
    return Page(
        title=scenario.title,
        subtitle=f"{many}, {hours}",
        sentence=" ".join(sentence for decision in decisions for sentence in sentences(decision)),
        points=[point for decision in decisions for point in _points(decision)],
        tables=[
            *(_prices(decision) for decision in decisions if decision.break_even is not None),
            *(table for decision in decisions for table in _metrics(decision)),
        ],
        sources=sources,
    )


def sentences(decision: Decision) -> list[str]:
    """Return what there is to say, sentence by sentence."""
    world = f"With {settings_text(decision.world)}: " if decision.world else ""
    told = [f"{world}{decision.sentence}.", as_good_text(decision), break_even_text(decision)]
    return [one for one in told if one]


def _points(decision: Decision) -> list[Point]:
    return [
        Point(
            label=_label(decision, index),
            cost=value(point.total_cost),
            violated_pct=value(point.violated_pct),
            pareto=index in decision.front,
            winner=index == decision.winner,
            figures={
                "more than the best, credits": value(gap),
                **{name: value(point.metrics[metric]) for name, metric in PARTS.items()},
            },
        )
        for index, (point, gap) in enumerate(zip(decision.points, decision.gaps, strict=True))
    ]


def _prices(decision: Decision) -> Table:
    found = decision.break_even
    assert found is not None, "it is asked for where there is one"
    rows: list[list[Cell]] = [
        [f"price on the {found.of}, credits a unit-hour", Value(found.price)],
        ["times what it is", Value(found.factor)],
        [f"what {found.label} and {found.against} cost there", Value(found.total_cost)],
    ]
    return Table("Break-even" + _with(decision), ["", ""], rows, "Found by running it there.")


def _metrics(decision: Decision) -> list[Table]:
    found = {point.label: point.metrics for point in decision.points}
    return metric_tables(found, "All metrics" + _with(decision))


def _label(decision: Decision, index: int) -> str:
    world = f", {settings_text(decision.world)}" if decision.world else ""
    return decision.points[index].label + world


def _with(decision: Decision) -> str:
    return f" with {settings_text(decision.world)}" if decision.world else ""
