"""A dry run as a picture: block characters for a terminal, or SVG. Pure."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final
from xml.sax.saxutils import escape

from msgspec import Struct

COLUMNS: Final = 80
LABEL: Final = 8
ROWS: Final = 8
BLOCKS: Final = " ▁▂▃▄▅▆▇█"
WIDTH: Final = 960
PANEL: Final = 200
GAP: Final = 50


class Panel(Struct, frozen=True):
    """One series of (seconds, value), each value until the next, in order of time."""

    title: str
    series: Sequence[tuple[float, float]]


def text_chart(
    panels: Sequence[Panel], end_s: float, clock: Callable[[float], str], columns: int = COLUMNS
) -> str:
    """Return the panels one below the other, ``columns`` wide, and the time below them."""
    lines: list[str] = []
    start_s = panels[0].series[0][0]
    for panel in panels:
        values = _highest(panel.series, start_s, end_s, columns - LABEL)
        lines += [panel.title, *_rows(values)]
    end = clock(end_s)
    lines.append(" " * LABEL + clock(start_s).ljust(columns - LABEL - len(end)) + end)
    return "\n".join(line.rstrip() for line in lines)


def svg_chart(panels: Sequence[Panel], end_s: float, clock: Callable[[float], str]) -> str:
    """Return the panels as an SVG document."""
    height = len(panels) * (PANEL + GAP) + GAP
    start_s = panels[0].series[0][0]
    parts = [_panel(panel, start_s, end_s, row) for row, panel in enumerate(panels)]
    foot = height - GAP / 2
    parts.append(f'<text x="{GAP}" y="{foot:g}">{escape(clock(start_s))}</text>')
    parts.append(
        f'<text x="{WIDTH - GAP}" y="{foot:g}" text-anchor="end">{escape(clock(end_s))}</text>'
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="14">'
    )
    ground = f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    return "\n".join([head, ground, *parts, "</svg>\n"])


def _highest(
    series: Sequence[tuple[float, float]], start_s: float, end_s: float, columns: int
) -> list[float]:
    """Return the highest value of each of ``columns`` equal stretches of time."""
    times = [at_s for at_s, _ in series]
    width_s = max(end_s - start_s, 1e-9) / columns
    found = []
    for column in range(columns):
        first = max(0, bisect_right(times, start_s + column * width_s) - 1)
        after = bisect_right(times, start_s + (column + 1) * width_s - 1e-9)
        found.append(max(value for _, value in series[first : max(after, first + 1)]))
    return found


def _rows(values: Sequence[float]) -> list[str]:
    top = _top(values)
    eighths = [round(8 * ROWS * value / top) for value in values]
    rows = []
    for row in reversed(range(ROWS)):
        label = f"{top:.4g}" if row == ROWS - 1 else "0" if row == 0 else ""
        bars = "".join(BLOCKS[min(8, max(0, value - 8 * row))] for value in eighths)
        rows.append(f"{label:>{LABEL - 1}} {bars}")
    return rows


def _top(values: Sequence[float]) -> float:
    """Return what the highest line stands for; 1 where all values are 0."""
    return max(values) or 1.0


def _panel(panel: Panel, start_s: float, end_s: float, row: int) -> str:
    """Return the panel's title, frame and line; not more points than there are pixels."""
    columns = WIDTH - 2 * GAP
    values = _highest(panel.series, start_s, end_s, columns)
    top, bottom = _top(values), row * (PANEL + GAP) + GAP + PANEL
    points = " ".join(
        f"{GAP + column},{bottom - PANEL * value / top:.1f}" for column, value in enumerate(values)
    )
    frame = f'<path d="M{GAP} {bottom - PANEL}V{bottom}H{WIDTH - GAP}" fill="none" stroke="#888"/>'
    line = f'<polyline points="{points}" fill="none" stroke="#0b62a4" stroke-width="1.5"/>'
    title = f'<text x="{GAP}" y="{bottom - PANEL - 8}">{escape(panel.title)}</text>'
    most = f'<text x="{GAP - 4}" y="{bottom - PANEL + 12}" text-anchor="end">{top:.4g}</text>'
    return "\n".join([title, frame, line, most])
