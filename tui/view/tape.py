"""Time and sales: every trade of an instrument, newest first."""

from collections import deque
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

from exchange.wire.frames import Trade, TradesSnapshot
from exchange.wire.types import Side
from tui.view.bars import bar_eighths, bar_right
from tui.view.text import Line, clock_text, exact_price_text, fit, qty_text, span, width_of

TAPE_MAX: Final = 200
"""Trades kept per instrument; more than the tallest terminal shows."""
LINES_MAX: Final = 256
"""Trades kept as drawn: with a new one all others only move down."""

CLOCK_CELLS: Final = 9
QTY_CELLS: Final = 6
ARROWS: Final = {1: "▲", 0: "·", -1: "▼"}
LETTERS: Final = {"buy": "B", "sell": "S"}
"""Who took: the colour alone must not say it."""


class Tape:
    """Trades of one instrument, newest first, and what is derived from them."""

    def __init__(self) -> None:
        self.trades: deque[Trade] = deque(maxlen=TAPE_MAX)
        self.moves: deque[int] = deque(maxlen=TAPE_MAX)
        """Beside each trade: 1, 0 or -1, how its price moved against the trade before."""

    @property
    def last(self) -> Trade | None:
        return self.trades[0] if self.trades else None

    def newest_prices(self, count: int) -> tuple[int, ...]:
        """Return the prices of the last ``count`` trades, oldest first."""
        return tuple(trade.price_ucr for trade in islice(self.trades, count))[::-1]

    def reset(self, snapshot: TradesSnapshot) -> None:
        """Take the snapshot as the past; it comes oldest first or newest first, seq tells."""
        self.trades.clear()
        self.moves.clear()
        for trade in sorted(snapshot.trades, key=lambda trade: (trade.seq, _number(trade))):
            self.add(trade)

    def add(self, trade: Trade) -> None:
        before = self.last.price_ucr if self.last else trade.price_ucr
        self.trades.appendleft(trade)
        self.moves.appendleft((trade.price_ucr > before) - (trade.price_ucr < before))


def _number(trade: Trade) -> int:
    # Trades of one command share its seq; their ids are numbered in matching order.
    digits = trade.trade_id.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def heading(width: int, places: int) -> Line:
    """Return the row of column names."""
    clock = f"{'time':<{CLOCK_CELLS}}" if _has_clock(width, places + 2) else ""
    gap = " " * (5 if _has_arrow(width, places) else 3)
    text = f"{clock}{'price':>{places + 4}}{gap}{'qty':>{QTY_CELLS - 1}}"
    return fit((span(text, "dim"),), width)


class Seen(NamedTuple):
    """What is shown of a trade."""

    side: Side
    price_ucr: int
    qty: int
    ts_ms: int
    move: int
    mine: bool


def seen(trade: Trade, move: int, mine: bool) -> Seen:
    """Return what is shown of ``trade``."""
    return Seen(trade.taker_side, trade.price_ucr, trade.qty, trade.ts_ms, move, mine)


@lru_cache(maxsize=LINES_MAX)
def trade_line(trade: Seen, width: int, places: int, largest: int) -> Line:
    """Return one trade: time, price with its direction, who took, quantity over a bar."""
    ink = "bid" if trade.side == "buy" else "ask"
    arrow = f" {ARROWS[trade.move]} " if _has_arrow(width, places) else " "
    price = f"{exact_price_text(trade.price_ucr, places):>{places + 4}}"
    head: Line = (
        span(f"{price}", ink),
        span(arrow, ink if trade.move else "dim"),
        span(f"{LETTERS[trade.side]} ", ink),
    )
    if _has_clock(width, len(price) - 2):
        head = (span(f"{clock_text(trade.ts_ms):<{CLOCK_CELLS}}", "dim"), *head)
    room = max(0, width - width_of(head))
    qty = f"{qty_text(trade.qty):>{QTY_CELLS - 1}} "
    qty += "● mine" if trade.mine and room >= len(qty) + 6 else "●" if trade.mine else ""
    eighths = bar_eighths(trade.qty, largest, room // 2)
    qty_ink = "own!" if trade.mine else "text"
    body = bar_right(f"{qty:<{room}}"[:room], eighths, qty_ink, ink + "_bar", "")
    return fit((*head, *body), width)


def _has_clock(width: int, digits: int) -> bool:
    return width >= CLOCK_CELLS + digits + 2 + 5 + QTY_CELLS + 1


def _has_arrow(width: int, places: int) -> bool:
    """A quantity is never cut: where it gets too narrow, the price's direction goes first."""
    return width >= places + 4 + 3 + 2 + QTY_CELLS + 1
