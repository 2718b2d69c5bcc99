"""What a page shows, as plain Structs: whoever has results fills them, `render` draws them. Pure.

Times are seconds since the scenario's start. Texts are plain; they are escaped when they are drawn.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

Ink: TypeAlias = Literal["load", "need", "ready", "price", "ask", "cost"]
"""What a line means; each has a colour and a stroke of its own, so colour is not the only sign."""


class Value(Struct, frozen=True):
    """A mean; ``ci95`` is half the width of its 95 % interval, None when one seed was run."""

    mean: float
    ci95: float | None = None


Cell: TypeAlias = str | Value | None
"""None is an empty cell."""


class Point(Struct, frozen=True):
    """A choice that was simulated: a policy, perhaps with changed settings.

    ``pareto``: nothing else is both cheaper and less violated. ``figures``: more columns of the
    table of points, by their heading.
    """

    label: str
    cost: Value
    violated_pct: Value
    pareto: bool = False
    winner: bool = False
    figures: dict[str, Value] = {}


class Line(Struct, frozen=True):
    """A step function: each value holds until the next; None is a gap. In order of time."""

    label: str
    ink: Ink
    points: list[tuple[float, float | None]]


class Heat(Struct, frozen=True):
    """``columns`` cut the time into equal parts; each has (low, high, how much) between two values
    of the axis."""

    label: str
    columns: list[list[tuple[float, float, float]]]


class Panel(Struct, frozen=True):
    """One axis of values over the time of its chart; it begins at 0 and reaches ``top`` at least.

    Panels of several charts that shall be compared get the same ``top``.
    """

    title: str
    lines: list[Line]
    heat: Heat | None = None
    top: float = 0.0


class Band(Struct, frozen=True):
    """Something that lasted, such as a fault; without ``until_s`` it has no length."""

    at_s: float
    until_s: float | None
    text: str


class Mark(Struct, frozen=True):
    """Something that was decided; ``other``: what kept somebody from acting."""

    at_s: float
    kind: Literal["buy", "release", "other"]
    text: str


class Chart(Struct, frozen=True):
    """The panels of one run, or of one ``farm`` in it, one below the other on one axis of time."""

    title: str
    duration_s: float
    panels: list[Panel]
    bands: list[Band] = []
    marks: list[Mark] = []
    note: str = ""
    farm: str = ""


class Table(Struct, frozen=True):
    """The first column names the row; the others are figures, or words.

    What stands below a line break in a name explains it, and is smaller.
    """

    title: str
    head: list[str]
    rows: list[list[Cell]]
    note: str = ""


class Check(Struct, frozen=True):
    """An expectation and whether it held."""

    passed: bool
    text: str


class Source(Struct, frozen=True):
    """A text to copy: the scenario, the command that reproduces the page, digests."""

    title: str
    text: str


class Page(Struct, frozen=True):
    """All of it; what is empty is left out of the page.

    ``sentence`` is the answer, in words. ``cost_label`` names the axis of `Point.cost`.
    """

    title: str
    subtitle: str = ""
    sentence: str = ""
    points: list[Point] = []
    cost_label: str = "total cost, credits"
    checks: list[Check] = []
    tables: list[Table] = []
    charts: list[Chart] = []
    sources: list[Source] = []
