"""The list of instruments with the prices and state of each."""

from typing import Final, NamedTuple

from exchange.wire.frames import InstrumentUpdate
from tui.view.book import BookView
from tui.view.tape import Tape
from tui.view.text import Line, fit, places_of, price_text, short_symbol, span

SYMBOL_CELLS_MIN: Final = 22
SYMBOL_CELLS_LEAST: Final = 15
"""Class and zone of the usual symbols, and something of the rest."""
PRICE_COLUMNS: Final = 3
ARROW_CELLS: Final = 2
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
    )


def matching(instruments: list[InstrumentUpdate], text: str) -> list[InstrumentUpdate]:
    """Return the instruments whose symbol holds every word of ``text``, in any order."""
    words = text.lower().split()
    return [item for item in instruments if all(word in item.symbol.lower() for word in words)]


def heading(width: int, places: int) -> Line:
    """Return the row of column names; a narrow list has no last price, or no price at all."""
    price, symbol, columns = _cells(width, places)
    names = "".join(f"{name:>{price}}" for name in ("bid", "ask", "last")[:columns])
    return fit((span(f"{'symbol':<{symbol}}{names}", "dim"),), width)


def row_line(item: InstrumentRow, width: int, places: int, picked: bool, cursor: bool) -> Line:
    """Return one row; ``places`` is the column's, so that all prices align."""
    price, symbol, columns = _cells(width, places)
    ground = "cursor" if cursor else ""
    if item.state not in OPEN_STATES:
        name = span(f"{short_symbol(item.symbol, symbol):<{symbol}}", "dim")
        return fit((name, span(f" {item.state.replace('_', ' ')}", "dim")), width, ground)
    line: Line = (
        span(f"{short_symbol(item.symbol, symbol):<{symbol}}", "accent!" if picked else "text"),
    )
    quotes = (item.bid_ucr, item.ask_ucr)[:columns]
    line += tuple(span(_price(quote, item.places, places, price), "text") for quote in quotes)
    if columns == PRICE_COLUMNS:
        arrow = {1: "▲", 0: " ", -1: "▼"}[item.move]
        arrow_ink = {1: "bid", 0: "dim", -1: "ask"}[item.move]
        last = _price(item.last_ucr, item.places, places, price)
        line = (*line, span(last, "text!"), span(f" {arrow}", arrow_ink))
    return fit(line, width, ground)


def _cells(width: int, places: int) -> tuple[int, int, int]:
    """Return the cells of a price column and of the symbol's, and how many prices fit."""
    price = places + 3
    symbol = width - PRICE_COLUMNS * price - ARROW_CELLS
    if symbol >= SYMBOL_CELLS_MIN:
        return price, symbol, PRICE_COLUMNS
    symbol = width - 2 * price
    if symbol >= SYMBOL_CELLS_LEAST:
        return price, symbol, 2
    return price, width, 0  # which instrument it is comes before what it costs


def _price(price_ucr: int | None, own_places: int, places: int, cells: int) -> str:
    if price_ucr is None:
        return f"{'–':>{cells - (places - own_places)}}{'':<{places - own_places}}"
    # Fewer decimals than the column's are padded at the right: the points stay in line.
    return f"{price_text(price_ucr, own_places) + ' ' * (places - own_places):>{cells}}"
