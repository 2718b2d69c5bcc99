"""Charts over time: panels of one run, its faults as bands, its decisions as signs. Pure.

The drawing is stretched to the width of the page; what is text stands beside it, as HTML, so that
it can be read at every width.
"""

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Final
from xml.etree.ElementTree import Element

from sim.page.figures import figure, moment, ticks, time_ticks
from sim.page.html import el, number
from sim.page.model import Band, Chart, Heat, Line, Mark, Panel

WIDE: Final = 1000.0
HIGH: Final = 100.0
COLUMNS: Final = 480
"""More steps than these cannot be told apart; a line of more is drawn with its extremes."""
LEVELS: Final = 6
"""Of how much there is, in the heat map."""
MARKS_MAX: Final = 400
"""Decisions that a page lists; the decision log has the others."""
NEAR: Final = 0.8
"""Of the run: times behind it have no room beside the end's in a narrow window."""
TOGETHER: Final = 0.035
"""Of the width: what the number of a fault takes in a narrow window."""
OPEN_MAX: Final = 10
"""So many faults are listed without being asked for."""
SIGNS: Final = {"buy": "▲", "release": "▽", "other": "•"}
WORDS: Final = {"buy": "buys", "release": "gives back", "other": "held back"}


def chart(shown: Chart) -> Element:
    """Return the section of one run."""
    ids = [_panel(shown, panel) for panel in shown.panels]
    parts = [el("h3", shown.title)]
    if shown.note:
        parts.append(el("p", shown.note, class_="note"))
    parts += [*ids, *_lane(shown), _clock(shown), *_told(shown)]
    return el("section", *parts, class_="chart")


# --- a panel ---


def _panel(shown: Chart, panel: Panel) -> Element:
    scale = ticks(_top(panel))
    top = scale[-1]
    drawing = el(
        "svg",
        *(_band(band, shown.duration_s) for band in shown.bands),
        *(_rule(value, top) for value in scale[1:-1]),
        *(_heat(panel.heat, top) if panel.heat else ()),
        *(_line(line, shown.duration_s, top) for line in panel.lines),
        viewBox=f"0 0 {WIDE:g} {HIGH:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{shown.title}: {panel.title}",
    )
    labels = (
        el("span", figure(value), style=f"bottom:{100 * value / top:.2f}%") for value in scale
    )
    axis = el("div", *labels, class_="axis", aria_hidden="true")
    legend = [_legend(line.ink, line.label) for line in panel.lines]
    if panel.heat is not None:
        legend.append(_legend("heat", panel.heat.label))
    head = el("figcaption", el("b", panel.title), *legend)
    kind = "plot high" if panel.heat is not None else "plot"
    return el("figure", head, el("div", axis, drawing, class_=kind))


def _top(panel: Panel) -> float:
    values = [value for line in panel.lines for _, value in line.points if value is not None]
    if panel.heat is not None:
        values += [high for column in panel.heat.columns for _, high, _ in column]
    return max([panel.top, *values])


def _legend(ink: str, label: str) -> Element:
    if ink == "heat":
        sample = el("rect", class_="heat", y=2, width=24, height=8, fill_opacity="0.6")
    else:
        sample = el("path", class_=ink, d="M0 6H24")
    key = el("svg", sample, viewBox="0 0 24 12", class_="key", aria_hidden="true")
    return el("span", key, label, class_="legend")


def _rule(value: float, top: float) -> Element:
    y = HIGH - HIGH * value / top
    return el("path", class_="rule", d=f"M0 {number(y)}H{WIDE:g}")


def _band(band: Band, duration_s: float) -> Element:
    from_x = _x(band.at_s, duration_s)
    if band.until_s is None:
        return el("path", class_="fault", d=f"M{number(from_x)} 0V{HIGH:g}")
    width = max(1.0, _x(band.until_s, duration_s) - from_x)
    return el("rect", class_="fault", x=from_x, y=0, width=width, height=HIGH)


def _x(at_s: float, duration_s: float) -> float:
    return min(WIDE, max(0.0, WIDE * at_s / duration_s))


# --- a line ---


def _line(line: Line, duration_s: float, top: float) -> Element:
    points = [
        (_x(at_s, duration_s), None if value is None else HIGH - HIGH * value / top)
        for at_s, value in line.points
    ]
    return el("path", class_=line.ink, d="".join(_steps(_thin(points))))


def _steps(points: Sequence[tuple[float, float | None]]) -> Iterator[str]:
    """Yield the strokes of a step function; it is held to the end of the run."""
    before: float | None = None
    for x, y in points:
        if before is not None:
            yield f"H{number(x)}"
        if y is not None:
            yield f"V{number(y)}" if before is not None else f"M{number(x)} {number(y)}"
        before = y
    if before is not None:
        yield f"H{WIDE:g}"


def _thin(points: Sequence[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    """Of the points of a column keep its first, its extremes and its last, all as they follow."""
    if len(points) <= 2 * COLUMNS:
        return list(points)
    columns: dict[int, list[tuple[float, float | None]]] = {}
    for point in points:
        columns.setdefault(int(point[0] * COLUMNS / WIDE), []).append(point)
    return [point for column in columns.values() for point in _extremes(column)]


def _extremes(column: list[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    known = [(y, index) for index, (_, y) in enumerate(column) if y is not None]
    kept = {0, len(column) - 1}
    if known:
        kept |= {min(known)[1], max(known)[1]}
    return [column[index] for index in sorted(kept)]


# --- a heat map ---


def _heat(heat: Heat, top: float) -> Iterator[Element]:
    """Yield one path for each level of ink; neighbours of the same level are one stroke."""
    most = max((much for column in heat.columns for *_, much in column), default=0.0)
    width = WIDE / max(1, len(heat.columns))
    levels: dict[int, list[str]] = {}
    for (low, high, level), from_column, until in _runs(heat, most):
        y, height = HIGH - HIGH * high / top, HIGH * (high - low) / top
        x, wide = from_column * width, (until - from_column) * width
        box = f"M{number(x)} {y:.2f}h{number(wide)}v{height:.2f}h{number(-wide)}z"
        levels.setdefault(level, []).append(box)
    for level, boxes in sorted(levels.items()):
        opacity = f"{0.15 + 0.75 * level / LEVELS:.2f}"
        yield el("path", class_="heat", d="".join(boxes), fill_opacity=opacity)


def _runs(heat: Heat, most: float) -> Iterator[tuple[tuple[float, float, int], int, int]]:
    """Yield (low, high, level), and the columns from and until which it is so."""
    since: dict[tuple[float, float, int], int] = {}
    for index, column in enumerate([*heat.columns, []]):
        here = [(low, high, _level(much, most)) for low, high, much in column if much > 0]
        for box in [each for each in since if each not in here]:
            yield box, since.pop(box), index
        for box in here:
            since.setdefault(box, index)


def _level(much: float, most: float) -> int:
    """Return 1 to `LEVELS`; by the square root, so that little is seen beside much."""
    return max(1, round(LEVELS * sqrt(much / most)))


# --- below the panels ---


def _lane(shown: Chart) -> Iterator[Element]:
    """Yield the rows of faults and decisions, on the same axis."""
    if shown.bands:
        yield _row("faults", [_numbers(shown, group) for group in _together(shown)])
    if shown.marks:
        marks = shown.marks[:MARKS_MAX]
        yield _row("acts", [_sign(m.at_s, shown, SIGNS[m.kind], m.text) for m in marks])


def _together(shown: Chart) -> list[list[int]]:
    """Return the faults by place, those together whose numbers would stand on each other."""
    groups: list[list[int]] = []
    until_s = 0.0
    for fault in sorted(range(len(shown.bands)), key=lambda fault: shown.bands[fault].at_s):
        at_s, wide_s = shown.bands[fault].at_s, TOGETHER * shown.duration_s
        if groups and at_s < until_s:
            groups[-1].append(fault)
            until_s += wide_s
        else:
            groups.append([fault])
            until_s = at_s + wide_s
    return groups


def _numbers(shown: Chart, group: list[int]) -> Element:
    first, texts = shown.bands[group[0]], [shown.bands[fault].text for fault in group]
    return _sign(first.at_s, shown, ",".join(map(str, group)), "; ".join(texts))


def _row(name: str, signs: list[Element]) -> Element:
    return el("div", el("span", name), el("div", *signs), class_="lane", aria_hidden="true")


def _sign(at_s: float, shown: Chart, sign: str, text: str) -> Element:
    left = _x(at_s, shown.duration_s) * 100 / WIDE
    return el("i", sign, style=f"left:{left:.2f}%", title=f"{moment(at_s)} {text}")


def _clock(shown: Chart) -> Element:
    times = time_ticks(shown.duration_s)
    labels = [
        el(
            "i",
            moment(at_s),
            style=f"left:{100 * at_s / shown.duration_s:.2f}%",
            **({"class_": "near"} if at_s > NEAR * shown.duration_s else {}),
        )
        for at_s in times
        if at_s < 0.93 * shown.duration_s
    ]
    end = el("i", moment(shown.duration_s), style="left:100%", class_="end")
    return el("div", el("span", ""), el("div", *labels, end), class_="lane clock")


def _told(shown: Chart) -> Iterator[Element]:
    if shown.bands:
        listed = _details("Faults", [_band_text(band) for band in shown.bands], True)
        if len(shown.bands) <= OPEN_MAX:
            listed.set("open", "")
        yield listed
    if shown.marks:
        texts = [_mark_text(mark) for mark in shown.marks[:MARKS_MAX]]
        left_out = len(shown.marks) - len(texts)
        more = f", the first {MARKS_MAX} of them" if left_out else ""
        signs = ", ".join(f"{SIGNS[kind]} {word}" for kind, word in WORDS.items())
        yield _details(f"Decisions ({len(shown.marks)}{more}): {signs}", texts, False)


def _details(title: str, lines: list[str], numbered: bool) -> Element:
    items = [el("li", line) for line in lines]
    listed = el("ol", *items, start="0") if numbered else el("ul", *items)
    return el("details", el("summary", title), listed)


def _band_text(band: Band) -> str:
    until = "" if band.until_s is None else f" to {moment(band.until_s)}"
    return f"{moment(band.at_s)}{until}: {band.text}"


def _mark_text(mark: Mark) -> str:
    return f"{SIGNS[mark.kind]} {moment(mark.at_s)} {mark.text}"
