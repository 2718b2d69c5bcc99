"""The list of instruments with the prices and state of each."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from exchange.wire.frames import InstrumentUpdate
from tui.view.bars import sparkline
from tui.view.book import BookView
from tui.view.tape import Tape
from tui.view.text import Line, fit, places_of, price_text, short_symbol, span

SYMBOL_CELLS_MIN: Final = 22
SYMBOL_CELLS_LEAST: Final = 15
"""Class and zone of the usual symbols, and something of the rest."""
PRICE_COLUMNS: Final = 3
ARROW_CELLS: Final = 2
SPARK_CELLS: Final = 7
"""A blank and the curve."""
SPARK_TRADES: Final = 24
OPEN_STATES: Final = ("open",)


class InstrumentRow(NamedTuple):
    """One instrument; prices None when there is none."""

    symbol: str
    state: str
    places: int
    bid_ucr: int | None
    ask_ucr: int | None
    last_ucr: int | None
    move: int
    spark: str = ""
    """The last trades' prices as a small curve, oldest first."""


def sort_key(instrument: InstrumentUpdate) -> tuple[bool, str, str]:
    """Spot first, then windows by their hour; within these as the exchange lists them."""
    spot = instrument.delivery == "spot"
    return (not spot, "" if spot else instrument.delivery, instrument.zone)


def row(instrument: InstrumentUpdate, book: BookView | None, tape: Tape | None) -> InstrumentRow:
    """Return the row of one instrument from what is known about it."""
    last = tape.last if tape else None
    return InstrumentRow(
        symbol=instrument.symbol,
        state=instrument.state,
        places=places_of(instrument.tick_ucr),
        bid_ucr=book.best_bid_ucr if book else None,
        ask_ucr=book.best_ask_ucr if book else None,
        last_ucr=last.price_ucr if last else None,
        move=tape.moves[0] if tape and tape.moves else 0,
        spark=sparkline(tape.newest_prices(SPARK_TRADES), SPARK_CELLS - 1) if tape else "",
    )


def matching(instruments: list[InstrumentUpdate], text: str) -> list[InstrumentUpdate]:
    """Return the instruments whose symbol holds every word of ``text``, in any order."""
    words = text.lower().split()
    return [item for item in instruments if all(word in item.symbol.lower() for word in words)]


class Share(NamedTuple):
    """Cells of a symbol, of each price, of the sparkline; how many prices fit; their decimals."""

    symbol: int
    price: int
    prices: int
    spark: int
    places: int


def share(rows: Sequence[InstrumentRow], width: int, places: int) -> Share:
    """Share ``width`` cells out: the symbol first, then two prices, the last one, the sparkline."""
    shown = [p for row in rows for p in (row.bid_ucr, row.ask_ucr, row.last_ucr) if p is not None]
    price = len(price_text(max(shown, default=0), places)) + 1
    symbol = width - PRICE_COLUMNS * price - ARROW_CELLS
    if symbol - SPARK_CELLS >= SYMBOL_CELLS_MIN:
        return Share(symbol - SPARK_CELLS, price, PRICE_COLUMNS, SPARK_CELLS, places)
    if symbol >= SYMBOL_CELLS_MIN:
        return Share(symbol, price, PRICE_COLUMNS, 0, places)
    symbol = width - 2 * price
    if symbol >= SYMBOL_CELLS_LEAST:
        return Share(symbol, price, 2, 0, places)
    return Share(width, price, 0, 0, places)  # which one it is comes before what it costs


def heading(width: int, cells: Share) -> Line:
    """Return the row of column names; a narrow list has no last price, or no price at all."""
    names = "".join(f"{name:>{cells.price}}" for name in ("bid", "ask", "last")[: cells.prices])
    return fit((span(f"{'symbol':<{cells.symbol}}{names}", "dim"),), width)


def row_line(item: InstrumentRow, width: int, cells: Share, picked: bool, cursor: bool) -> Line:
    """Return one row; all prices of the column align."""
    ground = "cursor" if cursor else ""
    name = f"{short_symbol(item.symbol, cells.symbol):<{cells.symbol}}"
    if item.state not in OPEN_STATES:
        state = span(f" {item.state.replace('_', ' ')}", "dim")
        return fit((span(name, "dim"), state), width, ground)
    line: Line = (span(name, "accent!" if picked else "text"),)
    quotes = (item.bid_ucr, item.ask_ucr)[: cells.prices]
    line += tuple(span(_price(quote, item.places, cells), "text") for quote in quotes)
    if cells.prices == PRICE_COLUMNS:
        arrow = {1: "▲", 0: " ", -1: "▼"}[item.move]
        arrow_ink = {1: "bid", 0: "dim", -1: "ask"}[item.move]
        last = _price(item.last_ucr, item.places, cells)
        line = (*line, span(last, "text!"), span(f" {arrow}", arrow_ink))
    if cells.spark:
        line = (*line, span(f" {item.spark}", "label"))
    return fit(line, width, ground)


def _price(price_ucr: int | None, own_places: int, cells: Share) -> str:
    # Fewer decimals than the column's are padded at the right: the points stay in line.
    text = "–" if price_ucr is None else price_text(price_ucr, own_places)
    return f"{text + ' ' * (cells.places - own_places):>{cells.price}}"
