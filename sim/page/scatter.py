"""Cost against violations: each choice a numbered sign, the Pareto front a line. Pure.

The numbers are those of the table of points; the best choice carries a star as well.
"""

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Final
from xml.etree.ElementTree import Element

from sim.page.chart import HIGH, WIDE
from sim.page.figures import figure
from sim.page.html import el, number
from sim.page.labels import Label, Spot, labels
from sim.page.model import Point, Value
from sim.page.scale import Scale, scale

SHARES: Final = (0.0, 0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Of requests, in percent, that the upright axis may name."""
NAME_HIGH: Final = 5.0
"""Of `HIGH`: two names on the upright axis are this far apart at least."""
NAMED_MAX: Final = 8
"""So many points have their names beside them; of more only the front's."""


def scatter(points: Sequence[Point], cost_label: str) -> Element:
    across = scale([one.cost.mean for one in points], max(_high(one.cost) for one in points))
    top = _shares(max(_high(point.violated_pct) for point in points))
    told = _labels(points, across, top[-1])
    drawing = el(
        "svg",
        *(_rule(value, top[-1]) for value in top[1:]),
        *_front(points, across, top[-1]),
        *(_interval(point, across, top[-1]) for point in points),
        *_leaders(points, told, across, top[-1]),
        viewBox=f"0 0 {WIDE:g} {HIGH:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label="cost against violations",
    )
    up = (
        el("span", figure(at), style=f"bottom:{HIGH - _y(at, top[-1]):.2f}%") for at in _apart(top)
    )
    field = el("div", drawing, *_signs(points, told, across), class_="field")
    return el(
        "figure",
        _caption(),
        el("div", el("div", *up, class_="axis", aria_hidden="true"), field, class_="plot tall"),
        el("div", el("span", ""), el("div", *_along(across)), class_="lane clock"),
        el("p", cost_label + across.words, class_="along"),
        class_="scatter",
    )


def _caption() -> Element:
    return el(
        "figcaption",
        el("b", "violated requests, % (square-root scale)"),
        el("span", el("i", class_="dot front"), "on the Pareto front", class_="legend"),
        el("span", el("i", class_="dot"), "something else is better in both", class_="legend"),
        el("span", "bars: 95 % intervals", class_="legend"),
        el("span", "dotted: from a number set aside to its point", class_="legend"),
    )


def _along(across: Scale) -> list[Element]:
    named = [
        el("i", figure(at), style=f"left:{100 * across.place(at):.2f}%") for at in across.named
    ]
    named[-1].set("class", "end")
    return named


def _high(value: Value) -> float:
    return value.mean + (value.ci95 or 0.0)


def _rule(value: float, top: float) -> Element:
    return el("path", class_="rule", d=f"M0 {number(_y(value, top))}H{WIDE:g}")


def _shares(most: float) -> list[float]:
    """Return the axis up to the first share that reaches ``most``."""
    found = [share for share in SHARES if share < most]
    return [*found, next((share for share in SHARES[1:] if share >= most), most)]


def _apart(shares: list[float]) -> list[float]:
    """Return those whose names do not stand on each other."""
    found = shares[-1:]
    for share in reversed(shares[:-1]):
        if _y(share, shares[-1]) - _y(found[-1], shares[-1]) >= NAME_HIGH:
            found.append(share)
    return found


def _y(share: float, top: float) -> float:
    """Return how far down ``share`` stands. The root spreads the small ones, which matter."""
    return HIGH - HIGH * sqrt(min(top, max(0.0, share)) / top)


def _place(point: Point, across: Scale, top: float) -> tuple[float, float]:
    return WIDE * across.place(point.cost.mean), _y(point.violated_pct.mean, top)


def _front(points: Sequence[Point], across: Scale, top: float) -> Iterator[Element]:
    """Yield the line through the front: from each point of it no cheaper one is as good."""
    places = sorted(_place(point, across, top) for point in points if point.pareto)
    if places:
        steps = "".join(f"H{number(x)}V{number(y)}" for x, y in places[1:])
        start = f"M{number(places[0][0])} 0V{number(places[0][1])}"
        yield el("path", class_="need", d=f"{start}{steps}H{WIDE:g}")


def _interval(point: Point, across: Scale, top: float) -> Element:
    x, y = _place(point, across, top)
    half_cost, half = point.cost.ci95 or 0.0, point.violated_pct.ci95 or 0.0
    share = point.violated_pct.mean
    left, right = (
        number(WIDE * across.place(point.cost.mean + by)) for by in (-half_cost, half_cost)
    )
    along = f"M{left} {number(y)}H{right}"
    upright = f"M{number(x)} {number(_y(share - half, top))}V{number(_y(share + half, top))}"
    return el("path", class_="interval", d=along + upright)


# --- numbers and names ---


def _labels(points: Sequence[Point], across: Scale, top: float) -> list[Label]:
    few = len(points) <= NAMED_MAX
    spots = []
    for point in points:
        x, y = _place(point, across, top)
        name = f"{point.label} ★" if point.winner else point.label
        rank = 0 if point.winner else 1 if point.pareto else 2
        named = few or point.winner
        spots.append(Spot(100 * x / WIDE, 100 * y / HIGH, name if named else "", rank))
    return labels(spots)


def _leaders(
    points: Sequence[Point], told: Sequence[Label], across: Scale, top: float
) -> Iterator[Element]:
    """Yield a line from each point to its number, where that stands elsewhere."""
    for point, label in zip(points, told, strict=True):
        x, y = _place(point, across, top)
        if abs(label.y - 100 * y / HIGH) > 0.01:
            to_y = HIGH * label.y / 100
            yield el("path", class_="leader", d=f"M{number(x)} {number(y)}V{number(to_y)}")


def _signs(points: Sequence[Point], told: Sequence[Label], across: Scale) -> Iterator[Element]:
    for index, (point, label) in enumerate(zip(points, told, strict=True), 1):
        where = f"left:{100 * across.place(point.cost.mean):.2f}%;top:{label.y:.2f}%"
        title = f"{point.label}: {figure(point.cost.mean)}, {figure(point.violated_pct.mean)} %"
        dot = "dot front" if point.pareto else "dot"
        inside = [el("i", f"{index}★" if point.winner else str(index), class_=dot)]
        if label.name:
            inside.append(el("b", label.name))
        side = "point left" if label.left else "point"
        yield el("span", *inside, class_=side, style=where, title=title)
