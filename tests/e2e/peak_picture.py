"""`make docs-pictures`: draw the recorded peak of `tests.e2e.test_peak`, as SVG and as text.

Above: requests per second, by who served them. Below: what happened, numbered as in the chart.
"""

import json
from collections.abc import Callable
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "pictures"
RECORD: Final = FOLDER / "peak.json"
WIDTH, CHART, LEFT, TOP, LINE = 960, 260, 56, 40, 20
OWN, GUEST, INK, GRID = "#3b6ea8", "#e08a2e", "#222222", "#cccccc"
STEPS: Final = 5
"""Lines of the grid."""
BARS: Final = "▁▂▃▄▅▆▇█"

Rates: TypeAlias = list[tuple[float, float, float]]
Axis: TypeAlias = Callable[[float], float]


def rates(seconds: list[list[float]]) -> Rates:
    """Return (seconds, requests/s of the own server, of the guest) from running sums."""
    return [
        (now[0], (now[1] - last[1]) / gone, (now[2] - last[2]) / gone)
        for last, now in pairwise(seconds)
        if (gone := now[0] - last[0]) > 0
    ]


def svg(record: dict[str, Any]) -> str:
    found, events = rates(record["seconds"]), record["events"]
    end_s = float(max(found[-1][0], events[-1][0]))
    most = float(max(own + guest for _, own, guest in found)) * 1.05
    wide = WIDTH - LEFT - 16

    def x(at_s: float) -> float:
        return round(LEFT + wide * at_s / end_s, 1)

    def y(per_s: float) -> float:
        return round(TOP + CHART * (1 - per_s / most), 1)

    own = [(x(at_s), y(a)) for at_s, a, _ in found]
    both = [(x(at_s), y(a + b)) for at_s, a, b in found]
    floor = [(own[-1][0], y(0)), (own[0][0], y(0))]
    parts = [*_grid(most, end_s, x, y), _area(own + floor, OWN), _area(both + own[::-1], GUEST)]
    parts += _marks(events, x)
    height = TOP + CHART + 60 + LINE * len(events)
    title = f"{record['requests']:,} requests, {record['failed']} failed"
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="13" fill="{INK}">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(LEFT, 22, f"Requests per second: {title}"),
        _text(WIDTH - 250, 22, "■ own server", OWN),
        _text(WIDTH - 140, 22, "■ rented VM", GUEST),
    ]
    return "\n".join([*head, *parts, "</svg>", ""])


def text(record: dict[str, Any]) -> str:
    """Return the chart and the events in plain characters, a column for each second."""
    found = rates(record["seconds"])
    most = max(own + guest for _, own, guest in found)

    def bars(values: list[float]) -> str:
        return "".join(BARS[min(7, int(8 * value / most))] if value else " " for value in values)

    lines = [
        f"one column a second, a full one is {most:.0f} requests/s",
        f"own server  {bars([own for _, own, _ in found])}",
        f"rented VM   {bars([guest for _, _, guest in found])}",
        "",
        *(f"{at_s:6.1f} s  {what}" for at_s, what in record["events"]),
    ]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _grid(most: float, end_s: float, x: Axis, y: Axis) -> list[str]:
    parts = []
    for step in range(STEPS + 1):
        per_s, at_s = most / 1.05 * step / STEPS, end_s * step / STEPS
        line = f'<line x1="{LEFT}" x2="{WIDTH - 16}" y1="{y(per_s)}" y2="{y(per_s)}"'
        parts.append(f'{line} stroke="{GRID}"/>')
        parts.append(_text(8, y(per_s) + 4, f"{per_s:.0f}"))
        parts.append(_text(x(at_s) - 10, y(0) + 18, f"{at_s:.0f} s"))
    return parts


def _marks(events: list[list[Any]], x: Axis) -> list[str]:
    parts, last_x, row = [], -99.0, 0
    for number, (at_s, what) in enumerate(events, 1):
        at_x = x(at_s)
        row = row + 1 if at_x - last_x < 18 else 0
        last_x = at_x
        line = f'<line x1="{at_x}" x2="{at_x}" y1="{TOP}" y2="{TOP + CHART}"'
        parts.append(f'{line} stroke="{INK}" stroke-dasharray="2 3"/>')
        parts.append(_text(at_x + 2, TOP + 12 + 14 * row, str(number)))
        told = f"{number:>2}.  {at_s:.1f} s  {what}"
        parts.append(_text(LEFT, TOP + CHART + 50 + LINE * (number - 1), told))
    return parts


def _area(points: list[tuple[float, float]], color: str) -> str:
    shape = " ".join(f"{at_x},{at_y}" for at_x, at_y in points)
    return f'<polygon points="{shape}" fill="{color}" fill-opacity="0.75"/>'


def _text(x: float, y: float, said: str, color: str = INK) -> str:
    return f'<text x="{round(x, 1)}" y="{round(y, 1)}" fill="{color}">{escape(said)}</text>'


def draw(record: Path = RECORD) -> None:
    told = json.loads(record.read_text())
    (FOLDER / "peak.svg").write_text(svg(told))
    (FOLDER / "peak.txt").write_text(text(told))


if __name__ == "__main__":
    draw()
