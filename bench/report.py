"""What `make bench` promises and how it is told: figures, minimums, aims, a table."""

from typing import Literal

from msgspec import Struct

from bench.measure import Times

BASELINE = "lightmatchingengine"
BARE = "bare book"
FULL = "full engine"


class Figure(Struct):
    """One measured figure. ``minimum``: missing it fails the run; ``aim``: what we want."""

    flow: str
    name: str
    value: float
    unit: str
    minimum: float | None = None
    aim: float | None = None
    at_most: bool = False
    """True when less is better: ``minimum`` and ``aim`` are then upper bounds."""

    def reaches(self, bound: float | None) -> bool:
        if bound is None:
            return True
        return self.value <= bound if self.at_most else self.value >= bound

    def verdict(self) -> Literal["ok", "below aim", "FAILED", ""]:
        if self.minimum is None and self.aim is None:
            return ""
        if not self.reaches(self.minimum):
            return "FAILED"
        return "ok" if self.reaches(self.aim) else "below aim"


class Goal(Struct, frozen=True):
    """Ratios to the baseline that a flow is held to: (minimum, aim)."""

    full: tuple[float | None, float | None]
    bare: tuple[float | None, float | None]
    compiled: tuple[float | None, float | None] = (None, None)
    """Of the full engine, compiled."""


def ratios(flow: str, times: Times, goal: Goal) -> list[Figure]:
    """Return the figures of one flow: each engine's time, and the ratios."""
    found = [
        Figure(flow, f"{name}, CPU time a command", times.typical_us(name), "us")
        for name in (BASELINE, BARE, FULL)
    ]
    for name, (minimum, aim) in ((BARE, goal.bare), (FULL, goal.full)):
        value = times.ratio(name, BASELINE)
        found.append(Figure(flow, f"{name} / {BASELINE}", value, "x", minimum, aim))
    found.append(Figure(flow, f"{FULL} / {BARE}", times.ratio(FULL, BARE), "x", aim=0.4))
    return found


def table(figures: list[Figure]) -> str:
    """Return the figures as aligned text, one heading a flow."""
    lines = [f"  {'':46}{'measured':>12}{'minimum':>10}{'aim':>8}"]
    flow = ""
    for figure in figures:
        if figure.flow != flow:
            flow = figure.flow
            lines.append(flow)
        bounds = f"{_bound(figure, figure.minimum):>10}{_bound(figure, figure.aim):>8}"
        value = f"{figure.value:,.2f} {figure.unit}"
        lines.append(f"  {figure.name:46}{value:>12}{bounds}  {figure.verdict()}".rstrip())
    return "\n".join(lines)


def _bound(figure: Figure, bound: float | None) -> str:
    if bound is None:
        return ""
    return f"{'<=' if figure.at_most else '>='} {bound:g}"
