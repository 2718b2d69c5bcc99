"""A statement for people: the columns that say most, as many as the terminal has room for. Pure."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any, Final

from exchange.cli.result_text import GAP, head, shown, table
from exchange.units import credits_text

FIRST: Final = {
    "postings": ("ts_ms", "change_ucr", "why", "available_ucr", "held_ucr"),
    "trades": ("ts_ms", "symbol", "side", "qty", "price_ucr", "liquidity"),
    "charges": ("to_ms", "amount_ucr", "lease_id", "symbol", "units", "price_ucr"),
    "earnings": ("to_ms", "amount_ucr", "fee_ucr", "lease_id", "symbol", "units"),
    "usage": ("ts_ms", "vm_id", "name", "cpu_ms_total", "mem_mib"),
    "invoices": ("month", "amount_ucr", "fee_ucr", "lease_id", "symbol", "charges", "as"),
}
"""By kind: what is shown first; the other columns follow while there is room."""
SUMMED: Final = ("charges", "earnings", "invoices")


def statement_lines(
    kind: str, columns: Sequence[str], rows: Sequence[dict[str, Any]], width: int
) -> Iterator[str]:
    """Yield the lines of a statement; no row is longer than ``width``, and no figure is cut."""
    if not rows:
        return
    cells = {name: [_cell(name, row.get(name)) for row in rows] for name in columns}
    names = _fitting(kind, cells, width)
    yield from table([head(name) for name in names], list(zip(*map(cells.get, names), strict=True)))
    yield ""
    if kind in SUMMED:
        yield f"in all: {credits_text(sum(row['amount_ucr'] for row in rows))} credits"
    yield "Amounts are in credits, times UTC."
    if more := [head(name).lower() for name in columns if name not in names]:
        yield from wrap(f"With --format csv also: {', '.join(more)}.", width)


def _fitting(kind: str, cells: dict[str, list[str]], width: int) -> list[str]:
    found: list[str] = []
    left = width + len(GAP)
    for name in dict.fromkeys([*FIRST[kind], *cells]):
        if name in cells:
            wide = max(len(head(name)), *map(len, cells[name])) + len(GAP)
            if wide <= left:
                found.append(name)
                left -= wide
    return found


def _cell(name: str, value: Any) -> str:
    return (
        credits_text(value) if name.endswith("_ucr") and value is not None else shown(name, value)
    )
