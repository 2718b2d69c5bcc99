"""Load, threshold and the steps of each unit on one time axis. Pure.

Load is blocks from the bottom, the threshold a dotted line through them; below it a row for each
unit, whose lines become heavier until it is in service. It reads without colours.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import groupby
from typing import Final, NamedTuple

from exchange.units import MS_PER_HOUR, MS_PER_MINUTE, count_text
from tui.view.farm_past import Point, Step, UnitPast
from tui.view.text import Line, Span, clip, clock_text, fit, span, title_line
from tui.view.threshold import Threshold

LABEL: Final = 9
BLOCKS: Final = " ▁▂▃▄▅▆▇█"
DOTTED: Final = "┈"
THROUGH: Final = "╌"
"""The threshold where the load is above it."""
FIRED: Final = "▼"
MARKS: Final[dict[Step, tuple[str, str]]] = {
    "bought": ("·", "label"),
    "starting": ("╌", "label"),
    "ready": ("─", "text"),
    "in service": ("━", "bid"),
    "draining": ("┅", "warn"),
    "ending": ("╍", "ask"),
    "gone": ("×", "dim"),
}
"""How a step is drawn."""
SAID: Final[dict[Step, str]] = {"in service": "in the balancer"}
SPANS: Final = (
    5 * MS_PER_MINUTE,
    30 * MS_PER_MINUTE,
    3 * MS_PER_HOUR,
    24 * MS_PER_HOUR,
    MS_PER_MINUTE,
)
LEAST_COLUMNS: Final = 20
LEAST_CHART: Final = 3
TIME_COLUMNS: Final = 16


class Axis(NamedTuple):
    """``columns`` of ``column_ms`` each, from ``from_ms`` on."""

    from_ms: int
    column_ms: int
    columns: int

    def column(self, at_ms: int) -> int:
        return (at_ms - self.from_ms) // self.column_ms

    def at_ms(self, column: int) -> int:
        return self.from_ms + column * self.column_ms


class Shown(NamedTuple):
    """What is drawn: ``fired`` are the times at which rules acted."""

    points: Sequence[Point]
    units: Sequence[UnitPast]
    fired: Sequence[int]
    threshold: Threshold | None


def axis_of(now_ms: int, span_ms: int, width: int) -> Axis:
    """Return the axis that ends with ``now_ms``, in whole columns, so that it does not tremble."""
    columns = max(1, width - LABEL)
    column_ms = max(1, span_ms // columns)
    end_ms = (now_ms // column_ms + 1) * column_ms
    return Axis(end_ms - columns * column_ms, column_ms, columns)


def lines(
    shown: Shown, now_ms: int, span_ms: int, size: tuple[int, int], focused: bool = False
) -> list[Line]:
    """Return ``size`` (width, height) cells."""
    width, height = size
    axis = axis_of(now_ms, span_ms, width)
    head = title_line("LOAD AND UNITS", _note(shown.threshold, span_ms), width, focused)
    rest = height - 4
    if axis.columns < LEAST_COLUMNS or rest < LEAST_CHART:
        return [head, *[fit((), width)] * (height - 1)]
    units = [past for past in shown.units if _visible(past, axis)]
    rows = _unit_rows(units, axis, width, min(len(units), max(1, rest // 2), rest - LEAST_CHART))
    chart = _chart(shown, axis, now_ms, width, rest - len(rows))
    marks = _fired(shown.fired, axis, width)
    return [head, *chart, marks, *rows, _times(axis, width), _legend(width)]


def _note(threshold: Threshold | None, span_ms: int) -> Line:
    limit = (span(f"{DOTTED} ", "warn"), span(f"{threshold.text}  ", "label")) if threshold else ()
    return (*limit, span(f"last {_span_name(span_ms)}", "label"))


def _span_name(span_ms: int) -> str:
    if span_ms < MS_PER_HOUR:
        return f"{span_ms // MS_PER_MINUTE} min"
    return f"{span_ms // MS_PER_HOUR} h"


def _visible(past: UnitPast, axis: Axis) -> bool:
    return not past.gone or past.steps[-1][0] >= axis.from_ms


# --- load and threshold ---


class Figure(NamedTuple):
    """A column: the highest load and the threshold then; None: not known."""

    load: float | None
    threshold: float | None


def figures(
    points: Sequence[Point], axis: Axis, now_ms: int, threshold: Threshold | None
) -> list[Figure]:
    """Return each column's figures; what is known holds until the next point, not beyond now."""
    times = [point.at_ms for point in points]
    found = []
    for column in range(axis.columns):
        start_ms = axis.at_ms(column)
        first = bisect_right(times, start_ms) - 1
        after = bisect_right(times, start_ms + axis.column_ms - 1)
        slot = points[max(0, first) : after] if start_ms <= now_ms else ()
        loads = [point.load_rps for point in slot if point.load_rps is not None]
        limits = [threshold.rps(point) for point in slot] if threshold else []
        known = [limit for limit in limits if limit is not None]
        found.append(Figure(max(loads, default=None), known[-1] if known else None))
    return found


def _chart(shown: Shown, axis: Axis, now_ms: int, width: int, rows: int) -> list[Line]:
    columns = figures(shown.points, axis, now_ms, shown.threshold)
    known = [value for figure in columns for value in figure if value is not None]
    if not known:
        said = fit((span(" no load figure in this time", "dim"),), width)
        return [said] + [fit((), width)] * (rows - 1)
    top = max(*known, 1e-9)
    labels = {0: f"{top:.4g}/s", rows - 1: "0"}
    return [
        fit(
            (
                span(labels.get(row, "").rjust(LABEL - 1) + " ", "dim"),
                *_runs([_cell(figure, row, rows, top) for figure in columns]),
            ),
            width,
        )
        for row in range(rows)
    ]


def _cell(figure: Figure, row: int, rows: int, top: float) -> tuple[str, str]:
    """Return what stands in ``row`` (0 on top) of a column, with its ink."""
    base = 8 * (rows - 1 - row)
    filled = round(8 * rows * (figure.load or 0) / top) - base
    block = BLOCKS[max(0, min(8, filled))]
    if figure.threshold is not None and base <= _eighth(figure.threshold, rows, top) < base + 8:
        return (DOTTED, "warn") if filled <= 0 else (THROUGH, "warn!")
    return block, "dim"  # a whole area: in a text's ink it would outshine everything


def _eighth(value: float, rows: int, top: float) -> int:
    return min(8 * rows - 1, round(8 * rows * value / top))


def _runs(cells: Sequence[tuple[str, str]]) -> tuple[Span, ...]:
    return tuple(
        span("".join(text for text, _ in run), ink)
        for ink, run in groupby(cells, key=lambda cell: cell[1])
    )


# --- what rules and units did ---


def _fired(fired: Sequence[int], axis: Axis, width: int) -> Line:
    marked = {axis.column(at_ms) for at_ms in fired}
    cells = "".join(FIRED if column in marked else " " for column in range(axis.columns))
    return fit((span("fired".rjust(LABEL - 1) + " ", "dim"), span(cells, "accent!")), width)


def _unit_rows(units: Sequence[UnitPast], axis: Axis, width: int, rows: int) -> list[Line]:
    """Return a row for each unit, the newest ones where there is no room for all."""
    rows = max(0, rows)
    if len(units) <= rows:
        return [_unit_row(past, axis, width) for past in units]
    kept = units[len(units) - rows + 1 :] if rows else ()
    more = fit((span(f" and {count_text(len(units) - len(kept), 'unit')} more", "dim"),), width)
    return [*(_unit_row(past, axis, width) for past in kept), *([more] if rows else ())]


def _unit_row(past: UnitPast, axis: Axis, width: int) -> Line:
    label = clip(past.unit, LABEL - 1).rjust(LABEL - 1) + " "
    return fit((span(label, "label"), *_runs(track(past, axis))), width)


def track(past: UnitPast, axis: Axis) -> list[tuple[str, str]]:
    """Return a unit's cells: its step in each column, the last one begun when several are."""
    end_ms = axis.at_ms(axis.columns)
    cells = [(" ", "dim")] * axis.columns
    ends = [at_ms for at_ms, _ in past.steps[1:]] + [end_ms]
    for (at_ms, step), until_ms in zip(past.steps, ends, strict=True):
        first, last = axis.column(at_ms), axis.column(min(until_ms, end_ms) - 1)
        last = first if step == "gone" else max(first, last)
        for column in range(max(0, first), min(axis.columns - 1, last) + 1):
            cells[column] = MARKS[step]
    return cells


# --- below ---


def _times(axis: Axis, width: int) -> Line:
    text = ""
    for column in range(0, axis.columns, TIME_COLUMNS):
        said = clock_text(axis.at_ms(column))
        if column + len(said) <= axis.columns:
            text = f"{text:<{column}}{said}"
    return fit((span(" " * LABEL), span(text, "dim")), width)


def _legend(width: int) -> Line:
    spans: list[Span] = [span(" ")]
    for step, (mark, ink) in MARKS.items():
        spans += [span(f"{mark} ", ink), span(f"{SAID.get(step, step)} ", "dim")]
    return fit(tuple(spans), width)
