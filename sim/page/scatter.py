"""Cost against violations: each choice a numbered sign, the Pareto front a line. Pure.

The numbers are those of the table of points; the best choice carries a star as well.
"""

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Final
from xml.etree.ElementTree import Element

from sim.page.chart import HIGH, WIDE
from sim.page.figures import figure, ticks
from sim.page.html import el, number
from sim.page.model import Point, Value

SHARES: Final = (0.0, 0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Of requests, in percent, that the upright axis may name."""
NAME_HIGH: Final = 5.0
"""Of `HIGH`: two names on the upright axis are this far apart at least."""
NAMED_MAX: Final = 8
"""So many points have their names beside them; of more only the front's."""


def scatter(points: Sequence[Point], cost_label: str) -> Element:
    right = ticks(max(_high(point.cost) for point in points), 6)
    top = _shares(max(_high(point.violated_pct) for point in points))
    drawing = el(
        "svg",
        *(_rule(value, top[-1]) for value in top[1:]),
        *_front(points, right[-1], top[-1]),
        *(_interval(point, right[-1], top[-1]) for point in points),
        viewBox=f"0 0 {WIDE:g} {HIGH:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label="cost against violations",
    )
    up = (
        el("span", figure(at), style=f"bottom:{HIGH - _y(at, top[-1]):.2f}%") for at in _apart(top)
    )
    along = [el("i", figure(at), style=f"left:{100 * at / right[-1]:.2f}%") for at in right]
    along[-1].set("class", "end")
    signs = _signs(points, right[-1], top[-1])
    caption = el(
        "figcaption",
        el("b", f"violated requests, % (square-root scale), against {cost_label}"),
        el("span", el("i", class_="dot front"), "on the Pareto front", class_="legend"),
        el("span", el("i", class_="dot"), "something else is better in both", class_="legend"),
        el("span", "bars: 95 % intervals", class_="legend"),
    )
    field = el("div", drawing, *signs, class_="field")
    return el(
        "figure",
        caption,
        el("div", el("div", *up, class_="axis", aria_hidden="true"), field, class_="plot tall"),
        el("div", el("span", ""), el("div", *along), class_="lane clock"),
        class_="scatter",
    )


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


def _place(point: Point, right: float, top: float) -> tuple[float, float]:
    x = WIDE * point.cost.mean / right
    return max(0.0, x), _y(point.violated_pct.mean, top)


def _front(points: Sequence[Point], right: float, top: float) -> Iterator[Element]:
    """Yield the line through the front: from each point of it no cheaper one is as good."""
    places = sorted(_place(point, right, top) for point in points if point.pareto)
    if places:
        steps = "".join(f"H{number(x)}V{number(y)}" for x, y in places[1:])
        start = f"M{number(places[0][0])} 0V{number(places[0][1])}"
        yield el("path", class_="need", d=f"{start}{steps}H{WIDE:g}")


def _interval(point: Point, right: float, top: float) -> Element:
    x, y = _place(point, right, top)
    wide = WIDE * (point.cost.ci95 or 0.0) / right
    share, half = point.violated_pct.mean, point.violated_pct.ci95 or 0.0
    across = f"M{number(max(0.0, x - wide))} {number(y)}H{number(x + wide)}"
    upright = f"M{number(x)} {number(_y(share - half, top))}V{number(_y(share + half, top))}"
    return el("path", class_="interval", d=across + upright)


def _signs(points: Sequence[Point], right: float, top: float) -> Iterator[Element]:
    for index, point in enumerate(points, 1):
        x, y = _place(point, right, top)
        where = f"left:{100 * x / WIDE:.2f}%;top:{100 * y / HIGH:.2f}%"
        title = f"{point.label}: {figure(point.cost.mean)}, {figure(point.violated_pct.mean)} %"
        dot = "dot front" if point.pareto else "dot"
        inside = [el("i", str(index), class_=dot)]
        if len(points) <= NAMED_MAX or point.winner:
            name = f"{point.label} ★" if point.winner else point.label
            inside.append(el("b", name))
        side = "point left" if x > 0.7 * WIDE else "point"
        yield el("span", *inside, class_=side, style=where, title=title)
