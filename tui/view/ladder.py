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
"""Share of the rows that the natural step may fill with the levels it brings in sight."""
LEVELS_PCT: Final = 30
"""Levels of each side that the natural step brings in sight, as a share of the rows."""
STEPS: Final = (1, 2, 5)
MAX_DECADE: Final = 8


class Grid(NamedTuple):
    """Which prices are on screen: ``top_ucr`` down in steps of ``step_ucr``; where the cursor is.

    ``held``: a person put the cursor where it is, so the grid no longer moves by itself.
    ``chosen``: a person chose the step, so it no longer follows the book. ``was_ucr``: the step
    before the grid changed it by itself, 0 if it never did; the title says so until a key is
    pressed. ``margin``: a best price nearer to the edge than this many rows moves the grid.
    """

    step_ucr: int
    top_ucr: int
    cursor_ucr: int
    held: bool = False
    chosen: bool = False
    was_ucr: int = 0
    margin: int = 0


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
    below_ucr: int = 0
    """The price below which the bids of the row at 0 are; 0 of every other row."""


def nice_steps(tick_ucr: int) -> list[int]:
    """Return the grid steps a person may choose: 1, 2, 5, 10 ... ticks."""
    return [tick_ucr * step * 10**decade for decade in range(MAX_DECADE) for step in STEPS]


def natural_step(book: BookView, tick_ucr: int, rows: int) -> int:
    """Return the smallest step at which the best levels of both sides fit into ``rows``."""
    return _step_for(book, max(2, rows * LEVELS_PCT // 100), tick_ucr, rows)


def _step_for(book: BookView, levels: int, tick_ucr: int, rows: int) -> int:
    room = max(2, rows * FILL_PCT // 100)
    steps = nice_steps(tick_ucr)
    return next((step for step in steps if _taken(book, levels, step) <= room), steps[-1])


def _span(book: BookView, levels: int, step_ucr: int) -> tuple[int, int]:
    """Return the lowest and highest row, as prices, of the best ``levels`` of each side."""
    bids, asks = sorted(book.bids, reverse=True)[:levels], sorted(book.asks)[:levels]
    near = [bid // step_ucr for bid in bids] + [-(-ask // step_ucr) for ask in asks]
    return min(near, default=0) * step_ucr, max(near, default=0) * step_ucr


def _taken(book: BookView, levels: int, step_ucr: int) -> int:
    """Return how many rows the best ``levels`` of each side take at ``step_ucr``."""
    low_ucr, high_ucr = _span(book, levels, step_ucr)
    return (high_ucr - low_ucr) // step_ucr + 1


def place(grid: Grid | None, book: BookView, tick_ucr: int, rows: int) -> Grid | None:
    """Return the grid to draw now: kept while the market is well in sight, else centred again.

    A held grid is kept while any of the market is in sight. The step stays, unless it can no
    longer show both best prices; a step that a person chose always stays. None while there is
    nothing to centre on and no grid yet.
    """
    if grid is None:
        return centred(book, natural_step(book, tick_ucr, rows), rows)
    if _in_sight(grid, book, rows):
        return _cursor_in_sight(grid, rows)
    step = grid.step_ucr
    if not grid.chosen and _taken(book, 1, step) > rows:
        step = natural_step(book, tick_ucr, rows)
    fresh = centred(book, step, rows)
    if fresh is None:
        return grid
    was_ucr = grid.was_ucr if step == grid.step_ucr else grid.step_ucr
    return fresh._replace(chosen=grid.chosen, was_ucr=was_ucr)


def centred(book: BookView, step_ucr: int, rows: int) -> Grid | None:
    """Return a grid with the best levels in its middle, the cursor on the best bid.

    As many levels of each side as fit into the rows; at least the best of each if at all possible.
    """
    bid, ask = book.best_bid_ucr, book.best_ask_ucr
    if bid is None and ask is None:
        return None
    most = max(2, rows * LEVELS_PCT // 100)
    fitting = (levels for levels in range(most, 1, -1) if _taken(book, levels, step_ucr) <= rows)
    low, high = _span(book, next(fitting, 1), step_ucr)
    spare = rows - ((high - low) // step_ucr + 1)
    # Row 0 is only for bids that are gathered there: nobody trades at nothing.
    least_top = (rows if low else rows - 1) * step_ucr
    top = max(high + (spare + 1) // 2 * step_ucr, least_top)
    cursor = (bid if bid is not None else low) // step_ucr * step_ucr
    grid = _cursor_in_sight(Grid(step_ucr, top, max(step_ucr, cursor)), rows)
    return grid._replace(margin=_margin(grid, book, rows))


def _margin(grid: Grid, book: BookView, rows: int) -> int:
    """Return how near to the edge a best price may come: half of what it has, up to a quarter."""
    bottom = grid.top_ucr - (rows - 1) * grid.step_ucr
    spare = [
        min(grid.top_ucr - best, best - bottom) // grid.step_ucr // 2
        for best in (book.best_bid_ucr, book.best_ask_ucr)
        if best is not None
    ]
    return max(0, min(rows // COMFORT, *spare))


def moved(grid: Grid, by_rows: int, rows: int) -> Grid:
    """Return the grid with the cursor ``by_rows`` up (+) or down (-); scrolls at the edges."""
    cursor = max(grid.step_ucr, grid.cursor_ucr + by_rows * grid.step_ucr)
    top = grid.top_ucr
    if cursor > top:
        top = cursor
    lowest = top - (rows - 1) * grid.step_ucr
    if cursor < lowest:
        top -= lowest - cursor
    return grid._replace(top_ucr=top, cursor_ucr=cursor, held=True, was_ucr=0)


def scrolled(grid: Grid, by_rows: int, rows: int) -> Grid:
    """Return the grid ``by_rows`` further up (+) or down (-); the cursor stays while in sight."""
    top = max(rows * grid.step_ucr, grid.top_ucr + by_rows * grid.step_ucr)
    return _cursor_in_sight(grid._replace(top_ucr=top, held=True, was_ucr=0), rows)


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
            below_ucr=0 if price else step,
        )
        for price in range(grid.top_ucr, grid.top_ucr - rows * step, -step)
    ]


def _gather(levels: dict[int, int], step: int, push: int) -> dict[int, int]:
    rows: dict[int, int] = {}
    for price, qty in levels.items():
        row = (price + push) // step * step
        rows[row] = rows.get(row, 0) + qty
    return rows


def _in_sight(grid: Grid, book: BookView, rows: int) -> bool:
    """Tell whether the best prices are inside the margin; held: whether one of them is in."""
    margin = 0 if grid.held else grid.margin
    low = grid.top_ucr - (rows - 1 - margin) * grid.step_ucr
    high = grid.top_ucr - margin * grid.step_ucr
    best = [p for p in (book.best_bid_ucr, book.best_ask_ucr) if p is not None]
    inside = [low <= price <= high for price in best]
    return not best or (any(inside) if grid.held else all(inside))


def _cursor_in_sight(grid: Grid, rows: int) -> Grid:
    lowest = grid.top_ucr - (rows - 1) * grid.step_ucr
    cursor = max(lowest, min(grid.top_ucr, grid.cursor_ucr))
    return grid if cursor == grid.cursor_ucr else grid._replace(cursor_ucr=cursor)
