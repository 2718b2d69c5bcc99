"""Time and sales: every trade of an instrument, newest first."""

from collections import deque
from typing import Final

from exchange.wire.frames import Trade, TradesSnapshot
from tui.view.bars import bar_eighths, bar_right
from tui.view.text import Line, clock_text, fit, price_text, qty_text, span

TAPE_MAX: Final = 200
"""Trades kept per instrument; more than the tallest terminal shows."""


HEAD_CELLS: Final = 18
"""Time, blanks, arrow and side of a row, without the price's decimals."""
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
    return fit((span(f"{'time':<8} {'price':>{places + 4}}     {'qty':>5}", "dim"),), width)


def trade_line(trade: Trade, move: int, mine: bool, width: int, places: int, largest: int) -> Line:
    """Return one trade: time, price with its direction, quantity over a bar."""
    ink = "bid" if trade.taker_side == "buy" else "ask"
    arrow = {1: "▲", 0: "·", -1: "▼"}[move]
    head: Line = (
        span(clock_text(trade.ts_ms), "dim"),
        span(f" {price_text(trade.price_ucr, places):>{places + 4}}", ink),
        span(f" {arrow} ", ink if move else "dim"),
        span(f"{LETTERS[trade.taker_side]} ", ink),
    )
    qty = f"{qty_text(trade.qty):>5} {'● mine' if mine else ''}"
    room = max(0, width - HEAD_CELLS - places)
    eighths = bar_eighths(trade.qty, largest, room // 2)
    body = bar_right(f"{qty:<{room}}"[:room], eighths, "own!" if mine else "text", ink + "_bar", "")
    return fit((*head, *body), width)
