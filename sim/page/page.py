"""The whole page: one HTML text that needs nothing but itself, and no JavaScript. Pure."""

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from sim.page.chart import chart
from sim.page.figures import cell_text
from sim.page.html import document, el
from sim.page.model import Cell, Check, Page, Point, Source, Table
from sim.page.scatter import scatter
from sim.page.style import STYLE

MEANS: Final = "Means over the seeds; ± is half the 95 % interval, where the seeds differ."
TIMES: Final = "Times are hours and minutes since the start. Panels of a title have the same scale."
NOTHING_FROM_ELSEWHERE: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def render(page: Page) -> str:
    """Return ``page`` as one self-contained HTML document.

    Fill a `Page` with what there is to show: ``sentence`` is the answer; ``points`` are drawn as a
    scatter of cost against violations, with the Pareto front, and listed in a table; then come
    ``checks``, ``tables``, one `Chart` a policy, and the texts to copy. What is empty is left out.
    """
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="Content-Security-Policy", content=NOTHING_FROM_ELSEWHERE),
        el("title", page.title),
        el("link", rel="icon", href="data:,"),
        el("style", STYLE),
    )
    return document(el("html", head, el("body", *_parts(page)), lang="en"))


def _parts(page: Page) -> Iterator[Element]:
    yield el("h1", page.title)
    if page.subtitle:
        yield el("p", page.subtitle, class_="subtitle")
    if page.sentence:
        yield el("p", page.sentence, class_="sentence")
    if page.points:
        yield el("h2", "Cost against violations")
        yield scatter(page.points, page.cost_label)
        yield _table(_of_points(page.points, page.cost_label), _winner(page.points))
    if page.checks:
        yield el("h2", "Expectations")
        yield el("ul", *(_check(each) for each in page.checks), class_="checks")
    for table in page.tables:
        yield el("h2", table.title)
        yield _table(table)
    if page.charts:
        yield el("h2", "Over time")
        yield el("p", TIMES, class_="note")
        yield from (chart(each) for each in page.charts)
    for source in page.sources:
        yield from _source(source)


def _check(check: Check) -> Element:
    word, kind = ("passed", "passed") if check.passed else ("FAILED", "failed")
    return el("li", el("b", word), check.text, class_=kind)


def _source(source: Source) -> Iterator[Element]:
    yield el("h2", source.title)
    yield el("pre", source.text)


# --- tables ---


def _table(table: Table, bold: int = -1) -> Element:
    """``bold`` is the row that stands out."""
    heads = [el("thead", el("tr", *(el("th", *_named(head), scope="col") for head in table.head)))]
    rows = [
        el("tr", *_cells(row), **({"class_": "winner"} if index == bold else {}))
        for index, row in enumerate(table.rows)
    ]
    listed = el(
        "div", el("table", *(heads if any(table.head) else []), el("tbody", *rows)), class_="scroll"
    )
    told = [el("p", table.note, class_="note")] if table.note else []
    return el("div", *([listed] if rows else []), *told)


def _cells(row: list[Cell]) -> Iterator[Element]:
    yield el("th", *_named(cell_text(row[0])), scope="row")
    for cell in row[1:]:
        yield el("td", cell_text(cell), **({"class_": "word"} if isinstance(cell, str) else {}))


def _named(text: str) -> Iterator[Element | str]:
    """Yield a name, and in smaller letters what stands on the line below it."""
    name, _, more = text.partition("\n")
    yield name
    if more:
        yield el("small", more)


def _of_points(points: list[Point], cost_label: str) -> Table:
    more = list(dict.fromkeys(name for point in points for name in point.figures))
    rows: list[list[Cell]] = [
        [
            f"{number} {point.label}" + " ★" * point.winner,
            point.cost,
            point.violated_pct,
            *(point.figures.get(name) for name in more),
            " ".join(["on the front"] * point.pareto + ["★ winner"] * point.winner),
        ]
        for number, point in enumerate(points, 1)
    ]
    head = ["choice", cost_label, "violated requests, %", *more, ""]
    return Table("", head, rows, MEANS)


def _winner(points: list[Point]) -> int:
    return next((index for index, point in enumerate(points) if point.winner), -1)
