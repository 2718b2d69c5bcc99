"""The windows of a market as a strip of hours: what each costs, and which are ours."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from exchange.wire.frames import InstrumentUpdate
from tui.view.bars import column
from tui.view.model import Model
from tui.view.text import Line, clock_text, fit, price_text, span

CELL_LEAST: Final = 4
"""Two digits, a mark and a blank."""
CELL_MOST: Final = 10
LEAST_PLACES: Final = 3
HOURS_MAX: Final = 48


class Hour(NamedTuple):
    """One window: its price (the best ask, else the last trade's), our units in it."""

    symbol: str
    start_ms: int
    price_ucr: int | None
    own: int


def hours(model: Model, symbol: str) -> list[Hour]:
    """Return the windows to come of the class, zone and pricing of ``symbol``, by hour."""
    windows = [
        Hour(item.symbol, item.start_ms or 0, _price(model, item.symbol), _own(model, item.symbol))
        for item in _coming(model, symbol)
    ]
    return sorted(windows, key=lambda hour: hour.start_ms)[:HOURS_MAX]


def any_hours(model: Model, symbol: str) -> bool:
    """Tell whether `hours` has one."""
    return any(True for _ in _coming(model, symbol))


def _coming(model: Model, symbol: str) -> Iterator[InstrumentUpdate]:
    market = symbol.rpartition(".")[0]
    return (
        item
        for item in model.instruments.values()
        if item.delivery != "spot"
        and item.state in ("open", "gate_closed", "delivering")
        and item.symbol.rpartition(".")[0] == market
    )


def _price(model: Model, symbol: str) -> int | None:
    book, tape = model.books.get(symbol), model.tapes.get(symbol)
    if book is not None and book.best_ask_ucr is not None:
        return book.best_ask_ucr
    return tape.last.price_ucr if tape is not None and tape.last is not None else None


def _own(model: Model, symbol: str) -> int:
    return sum(
        lease.units
        for lease in model.account.leases.values()
        if lease.symbol == symbol and lease.side == "buy"
    )


def exact_places(strip: list[Hour], places: int) -> int:
    """Return the fewest decimals, at most ``places``, that show every price whole."""
    prices = [h.price_ucr for h in strip if h.price_ucr is not None]
    fewer = (n for n in range(LEAST_PLACES, places) if not any(p % 10 ** (6 - n) for p in prices))
    return next(fewer, places)


def cell_of(strip: list[Hour], width: int, places: int) -> int:
    """Return the cells of an hour: room for its price where that fits, for its number else."""
    places = exact_places(strip, places)
    prices = [len(price_text(h.price_ucr, places)) for h in strip if h.price_ucr is not None]
    roomy = max(CELL_LEAST, max(prices, default=0) + 1)
    if roomy * len(strip) > width:
        return CELL_LEAST
    return max(roomy, min(CELL_MOST, width // max(1, len(strip))))


def lines(strip: list[Hour], width: int, height: int, places: int) -> list[Line]:
    """Return the hours, their prices if there is room, and bars between lowest and highest."""
    cells, places = cell_of(strip, width, places), exact_places(strip, places)
    shown = strip[: width // cells]
    names = tuple(
        span(
            f"{clock_text(h.start_ms)[:2]}{'●' if h.own else ' '}".ljust(cells),
            "own!" if h.own else "dim",
        )
        for h in shown
    )
    prices = [h.price_ucr for h in shown if h.price_ucr is not None]
    drawn = [fit(names, width)]
    if cells > CELL_LEAST:
        drawn.append(fit(tuple(span(_cell(h, places).ljust(cells)) for h in shown), width))
    if prices:
        drawn += _bars(shown, min(prices), max(prices), cells, width, height - len(drawn))
    return drawn


def _cell(hour: Hour, places: int) -> str:
    return "–" if hour.price_ucr is None else price_text(hour.price_ucr, places)


def _bars(shown: list[Hour], low: int, high: int, cells: int, width: int, rows: int) -> list[Line]:
    # The lowest bar keeps a quarter of the height: no hour looks free.
    floor = low - max(1, (high - low) // 3)
    bars = [column((h.price_ucr or floor) - floor, high - floor, rows) for h in shown]
    return [
        fit(
            tuple(
                span(f"{bar[row] * (cells - 1)} ", "own" if h.own else "label")
                for h, bar in zip(shown, bars, strict=True)
            ),
            width,
        )
        for row in range(max(0, rows))
    ]


def note(strip: list[Hour], places: int) -> str:
    """Return the range of prices and how many hours are ours."""
    prices = [h.price_ucr for h in strip if h.price_ucr is not None]
    places = exact_places(strip, places)
    ours = sum(1 for h in strip if h.own)
    parts = [f"● {ours} yours"] if ours else []
    if prices:
        parts.append(f"{price_text(min(prices), places)} to {price_text(max(prices), places)}")
    return ", ".join([*parts, "UTC"])


def at_cell(strip: list[Hour], x: int, width: int, places: int) -> str:
    """Return the symbol of the window at column ``x``, "" beside the strip."""
    at = x // cell_of(strip, width, places)
    return strip[at].symbol if at < len(strip) else ""
