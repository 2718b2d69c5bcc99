"""The price ladder: a fixed grid of prices with the book, our own orders and a cursor on it.

The grid stands still while prices move over it; that is what makes a ladder readable and safe to
trade from. Levels between two rows are gathered on the worse side: a bid shows at the row below,
an ask at the row above, so that an order at a row's price really reaches what the row shows.
"""

from typing import Final, NamedTuple

from exchange.wire.types import Side
from tui.view.book import BookView

COMFORT: Final = 4
"""A best price nearer to the edge than rows / COMFORT moves a grid that is not held."""
FILL_PCT: Final = 85
LEVELS_PCT: Final = 30
"""Levels of each side that the natural step brings in sight, as a share of the rows."""
STEPS: Final = (1, 2, 5)
MAX_DECADE: Final = 8


class Grid(NamedTuple):
    """Which prices are on screen: ``top_ucr`` down in steps of ``step_ucr``; where the cursor is.

    ``held``: a person put the cursor where it is, so the grid no longer moves by itself.
    ``chosen``: a person chose the step, so it no longer follows the book.
    """

    step_ucr: int
    top_ucr: int
    cursor_ucr: int
    held: bool = False
    chosen: bool = False


class OwnQty(NamedTuple):
    """Our own open quantity at a price, per side."""

    bid: int
    ask: int


class Rung(NamedTuple):
    """One row: what rests at this price and what is ours."""

    price_ucr: int
    bid_qty: int
    ask_qty: int
    own: OwnQty
    best: str
    """"bid", "ask" or ""."""
    last: str
    """Side of the last trade when it was at this price, else ""."""
    cursor: bool


def nice_steps(tick_ucr: int) -> list[int]:
    """Return the grid steps a person may choose: 1, 2, 5, 10 ... ticks."""
    return [tick_ucr * step * 10**decade for decade in range(MAX_DECADE) for step in STEPS]


def natural_step(book: BookView, tick_ucr: int, rows: int) -> int:
    """Return the smallest step at which the best levels of both sides fit into ``rows``."""
    levels = max(2, rows * LEVELS_PCT // 100)
    near = sorted(book.bids, reverse=True)[:levels] + sorted(book.asks)[:levels]
    room = max(2, rows * FILL_PCT // 100)
    spread = max(near) - min(near) if near else 0
    steps = nice_steps(tick_ucr)
    return next((step for step in steps if spread // step + 1 <= room), steps[-1])


def place(grid: Grid | None, book: BookView, tick_ucr: int, rows: int) -> Grid | None:
    """Return the grid to draw now: kept while the market is well in sight, else centred again.

    A held grid is kept while any of the market is in sight. None while there is nothing to centre
    on and no grid yet.
    """
    if grid is not None:
        margin = 0 if grid.held else rows // COMFORT
        if _in_sight(grid, book, rows, margin):
            return _cursor_in_sight(grid, rows)
    if grid is not None and grid.chosen:
        fresh = centred(book, grid.step_ucr, rows)
        return fresh._replace(chosen=True) if fresh else grid
    return centred(book, natural_step(book, tick_ucr, rows), rows) or grid


def centred(book: BookView, step_ucr: int, rows: int) -> Grid | None:
    """Return a grid with the middle of the market in its middle, the cursor on the best bid."""
    bid, ask = book.best_bid_ucr, book.best_ask_ucr
    anchors = [price for price in (bid, ask) if price is not None]
    if not anchors:
        return None
    middle = sum(anchors) // len(anchors) // step_ucr * step_ucr
    top = max(middle + rows // 2 * step_ucr, rows * step_ucr)
    cursor = bid // step_ucr * step_ucr if bid is not None else middle
    return _cursor_in_sight(Grid(step_ucr, top, max(step_ucr, cursor)), rows)


def moved(grid: Grid, by_rows: int, rows: int) -> Grid:
    """Return the grid with the cursor ``by_rows`` up (+) or down (-); scrolls at the edges."""
    cursor = max(grid.step_ucr, grid.cursor_ucr + by_rows * grid.step_ucr)
    top = grid.top_ucr
    if cursor > top:
        top = cursor
    lowest = top - (rows - 1) * grid.step_ucr
    if cursor < lowest:
        top -= lowest - cursor
    return grid._replace(top_ucr=top, cursor_ucr=cursor, held=True)


def zoomed(grid: Grid, tick_ucr: int, direction: int, rows: int) -> Grid:
    """Return the grid with the next coarser (+1) or finer (-1) step, about the cursor."""
    steps = nice_steps(tick_ucr)
    at = steps.index(grid.step_ucr) if grid.step_ucr in steps else 0
    step = steps[max(0, min(len(steps) - 1, at + direction))]
    row = min(rows - 1, (grid.top_ucr - grid.cursor_ucr) // grid.step_ucr)
    cursor = max(step, grid.cursor_ucr // step * step)
    return Grid(step, max(rows * step, cursor + row * step), cursor, grid.held, chosen=True)


def rungs(
    grid: Grid,
    book: BookView,
    own: dict[tuple[int, Side], int],
    last: tuple[int, Side] | None,
    rows: int,
) -> list[Rung]:
    """Return ``rows`` rows, highest price first. ``own`` maps (price, side) to open quantity."""
    step = grid.step_ucr
    bids, asks = _gather(book.bids, step, 0), _gather(book.asks, step, step - 1)
    own_bids = _gather({p: q for (p, side), q in own.items() if side == "buy"}, step, 0)
    own_asks = _gather({p: q for (p, side), q in own.items() if side == "sell"}, step, step - 1)
    best_bid, best_ask = max(bids, default=-1), min(asks, default=-1)
    last_row = last[0] // step * step if last else -1
    return [
        Rung(
            price_ucr=price,
            bid_qty=bids.get(price, 0),
            ask_qty=asks.get(price, 0),
            own=OwnQty(own_bids.get(price, 0), own_asks.get(price, 0)),
            best="bid" if price == best_bid else "ask" if price == best_ask else "",
            last=last[1] if last and price == last_row else "",
            cursor=price == grid.cursor_ucr,
        )
        for price in range(grid.top_ucr, grid.top_ucr - rows * step, -step)
    ]


def _gather(levels: dict[int, int], step: int, push: int) -> dict[int, int]:
    rows: dict[int, int] = {}
    for price, qty in levels.items():
        row = (price + push) // step * step
        rows[row] = rows.get(row, 0) + qty
    return rows


def _in_sight(grid: Grid, book: BookView, rows: int, margin: int) -> bool:
    """Tell whether the best prices are ``margin`` rows inside; held: whether one of them is in."""
    low = grid.top_ucr - (rows - 1 - margin) * grid.step_ucr
    high = grid.top_ucr - margin * grid.step_ucr
    best = [p for p in (book.best_bid_ucr, book.best_ask_ucr) if p is not None]
    inside = [low <= price <= high for price in best]
    return not best or (any(inside) if grid.held else all(inside))


def _cursor_in_sight(grid: Grid, rows: int) -> Grid:
    lowest = grid.top_ucr - (rows - 1) * grid.step_ucr
    cursor = max(lowest, min(grid.top_ucr, grid.cursor_ucr))
    return grid if cursor == grid.cursor_ucr else grid._replace(cursor_ucr=cursor)
