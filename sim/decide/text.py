"""A decision for people and scripts: a table that fits 80 columns, and JSON. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from exchange.units import count_text
from sim.decide.decision import Decision, money
from sim.results.stats import Estimate

WIDTH: Final = 80
BEST, FRONT = ">", "*"
LEGEND: Final = f"{BEST} costs least, {FRONT} on the front: none both cheaper and less violated"


def table(decisions: Sequence[Decision]) -> list[str]:
    """Return the lines a person reads, world by world."""
    lines: list[str] = []
    for decision in decisions:
        if decision.world:
            lines += ["with " + settings_text(decision.world)]
        lines += [*_points(decision), *_parts(decision), LEGEND, ""]
        for sentence in (
            f"{decision.sentence}.",
            as_good_text(decision),
            break_even_text(decision),
        ):
            lines += _wrapped(sentence) if sentence else []
        lines += [""]
    return lines[:-1]


def as_good_text(decision: Decision) -> str:
    """Return the sentence about settings that chance may have put behind, or nothing."""
    labels = [decision.points[index].label for index in decision.as_good]
    return f"As good, as far as these seeds tell: {', '.join(labels)}." if labels else ""


def break_even_text(decision: Decision) -> str:
    """Return the sentence about the break-even price, nothing when it was not looked for."""
    found = decision.break_even
    if found is None:
        return "There is no break-even price." if decision.looked else ""
    whose = "on the exchange" if found.of == "exchange" else "of the cloud"
    times = f"{found.factor:.3g} times what it is"
    same = f"{found.label} costs as much as {found.against}"
    return f"Break-even: at a price {whose} of {found.price:.6g} a unit-hour, {times}, {same}."


def json_decide(decisions: Sequence[Decision]) -> dict[str, Any]:
    """Return what ``--json`` has under "decide".

    With several worlds, ``winner`` is the policy that wins in all of them, and a break-even price
    stands with its world.
    """
    worlds = [_json_world(decision) for decision in decisions]
    winners = {world["winner"] for world in worlds}
    alone = len(worlds) == 1
    return {
        "points": [point for world in worlds for point in world["points"]],
        "pareto": [point for world in worlds for point in world["pareto"]],
        "winner": winners.pop() if len(winners) == 1 else None,
        "break_even_price": worlds[0]["break_even_price"] if alone else None,
        "break_even": worlds[0]["break_even"] if alone else None,
        "sure": all(decision.sure for decision in decisions),
        "sentence": " ".join(f"{decision.sentence}." for decision in decisions),
        "worlds": [
            {**world, "points": len(world["points"]), "pareto": len(world["pareto"])}
            for world in worlds
        ],
    }


def _json_world(decision: Decision) -> dict[str, Any]:
    points = [_json_point(decision, index) for index in range(len(decision.points))]
    winner, found = decision.winner, decision.break_even
    return {
        "vary": decision.world,
        "points": points,
        "pareto": [points[index] for index in decision.front],
        "winner": None if winner is None else decision.points[winner].policy,
        "best": points[decision.best]["label"],
        "as_good": [points[index]["label"] for index in decision.as_good],
        "sure": decision.sure,
        "break_even_price": None if found is None else found.price,
        "break_even": found,
        "sentence": decision.sentence,
    }


def _json_point(decision: Decision, index: int) -> dict[str, Any]:
    point = decision.points[index]
    return {
        "policy": point.policy,
        "vary": {**decision.world, **point.vary},
        "label": point.label,
        "kind": point.kind,
        **point.metrics,
        "more_than_best": decision.gaps[index],
        "on_front": index in decision.front,
    }


def _points(decision: Decision) -> list[str]:
    rows = [["total cost", "more than the best", "violated %"]]
    for point, gap in zip(decision.points, decision.gaps, strict=True):
        sums = [_cell(value, decision.digits) for value in (point.total_cost, gap)]
        rows.append([*sums, _cell(point.violated_pct, 3)])
    rows[1 + decision.best][1] = ""
    return _laid_out(decision, rows)


def _parts(decision: Decision) -> list[str]:
    names = ("cost", "spares_cost", "violation_cost")
    if not any(point.metrics[name].mean for point in decision.points for name in names[1:]):
        return []
    rows = [["bill", "spares", "violated requests"]]
    rows += [
        [money(point.metrics[name].mean, decision.digits) for name in names]
        for point in decision.points
    ]
    return ["", "of which", *_laid_out(decision, rows)]


def _laid_out(decision: Decision, rows: list[list[str]]) -> list[str]:
    """A label that is too long has a line of its own: no figure is cut."""
    widths = [max(len(row[column]) for row in rows) + 2 for column in range(len(rows[0]))]
    room = WIDTH - sum(widths)
    lines: list[str] = []
    for index, row in enumerate(rows):
        label = "" if index == 0 else f"{_mark(decision, index - 1)} {_name(decision, index - 1)}"
        cells = "".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        if len(label) > room:
            lines += [label] if len(label) <= WIDTH else _wrapped(label)
            label = ""
        lines.append(label.ljust(min(room, _label_width(decision, room))) + cells)
    return lines


def _label_width(decision: Decision, room: int) -> int:
    fit = [len(_name(decision, index)) + 3 for index in range(len(decision.points))]
    return max((width for width in fit if width <= room), default=4)


def _name(decision: Decision, index: int) -> str:
    return decision.points[index].label


def _mark(decision: Decision, index: int) -> str:
    best = BEST if index == decision.best else " "
    return best + (FRONT if index in decision.front else " ")


def _cell(value: Estimate, digits: int) -> str:
    mean = money(value.mean, digits)
    return f"{mean} ± {money(value.ci95, digits)}" if len(value.per_seed) > 1 else mean


def settings_text(world: dict[str, Any]) -> str:
    return ", ".join(f"{path} = {value}" for path, value in world.items())


def _wrapped(text: str) -> list[str]:
    words, lines = text.split(), [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > WIDTH:
            lines.append("  ")
        lines[-1] += word if not lines[-1].strip() else f" {word}"
    return lines


def heading(title: str, seeds: int, first: int, points: int) -> str:
    """Return the line above the table."""
    return f"{title}: {count_text(points, 'point')}, {count_text(seeds, 'seed')} from {first}"
