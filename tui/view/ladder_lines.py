"""How the ladder looks: own quantity, bid bar, price, ask bar, own quantity."""

from functools import lru_cache
from typing import Final, NamedTuple

from tui.view.bars import bar_eighths, bar_left, bar_right
from tui.view.ladder import Grid, Rung
from tui.view.text import Line, Span, fit, price_text, qty_text, span, width_of

TITLE: Final = "1 LADDER"
PRICED_IN: Final = "credits/unit-hour"
RULE_LEAST: Final = 3
"""A blank, a piece of the rule and a blank between title and note."""
OWN_CELLS: Final = 6
SIDE_LEAST: Final = 7
"""The longest quantity and a blank."""
PRICE_PAD: Final = 4
PRICE_ROOMY: Final = 6
"""Cells around a price: the mark and blanks."""
LINES_MAX: Final = 1024
"""Rows kept; from one frame to the next most rungs are what they were."""
MARKS: Final = {"buy": "▲", "sell": "▼", "": " "}


class Columns(NamedTuple):
    """Cells of each part of a row; they add up to the pane's width."""

    own: int
    side: int
    price: int
    spare: int


def columns(width: int, places: int, grid: Grid | None = None) -> Columns:
    """Share ``width`` cells out so that the grid's prices fit; an odd cell is left at the end."""
    digits = len(price_text(grid.top_ucr, places)) if grid else places + 2
    room = width - 2 * (OWN_CELLS + SIDE_LEAST)
    price = digits + max(PRICE_PAD, min(PRICE_ROOMY, room - digits))
    side = max(1, (width - price - 2 * OWN_CELLS) // 2)
    return Columns(OWN_CELLS, side, price, max(0, width - price - 2 * OWN_CELLS - 2 * side))


def heading(width: int, c: Columns) -> Line:
    """Return the row of column names, aligned as the numbers below it."""
    text = (
        f"{'mine':>{c.own - 1}} {'bid':>{c.side - 1}} {'price':^{c.price}}"
        f" {'ask':<{c.side - 1}}{'mine':>{c.own - 1}} "
    )
    return fit((span(text, "dim"),), width)


def title_text(note: Line, width: int) -> str:
    """Return the ladder's name, with what its prices are where there is room beside ``note``."""
    whole = f"{TITLE} {PRICED_IN}"
    return whole if len(whole) + width_of(note) + RULE_LEAST <= width else TITLE


def step_note(grid: Grid | None, places: int) -> Line:
    """Return the step of the rows, and what it was if nobody asked for the change."""
    if grid is None:
        return ()
    step = f"step {price_text(grid.step_ucr, places)}"
    if not grid.was_ucr:
        return (span(step, "dim"),)
    return (span(f"{step}, was {price_text(grid.was_ucr, places)}", "warn"),)


@lru_cache(maxsize=LINES_MAX)
def rung_line(rung: Rung, c: Columns, places: int, largest: int, focused: bool) -> Line:
    """Return one row. ``largest`` is the quantity whose bar fills its whole column."""
    back = "cursor" if rung.cursor else ""
    bid = f"{qty_text(rung.bid_qty) if rung.bid_qty else '':>{c.side - 1}} "
    ask = f" {qty_text(rung.ask_qty) if rung.ask_qty else '':<{c.side - 1}}"
    bid_bar = bar_eighths(rung.bid_qty, largest, c.side)
    ask_bar = bar_eighths(rung.ask_qty, largest, c.side)
    bold = "!" if rung.best else ""
    return (
        _own(rung.own.bid, c.own, back),
        *bar_left(bid, bid_bar, "text" + bold, "bid_bar", back or "back"),
        *_price(rung, c.price, places, back, focused),
        *bar_right(ask, ask_bar, "text" + bold, "ask_bar", back or "back"),
        _own(rung.own.ask, c.own, back),
        *([span(" " * c.spare, "text", back)] if c.spare else []),
    )


def _own(qty: int, cells: int, back: str) -> Span:
    return span(f"{qty_text(qty, cells - 1) if qty else '':>{cells - 1}} ", "own!", back)


def _price(rung: Rung, cells: int, places: int, back: str, focused: bool) -> Line:
    # Nobody trades at 0: that row gathers what is bid below the first step.
    text = price_text(rung.below_ucr or rung.price_ucr, places)
    mark = MARKS[rung.last] + ("<" if rung.below_ucr else " ")
    mark_ink = {"buy": "bid", "sell": "ask", "": "dim"}[rung.last]
    pad = cells - len(text) - 4
    left, right = " " * (pad // 2), " " * (pad - pad // 2)
    ink = {"bid": "bid!", "ask": "ask!"}.get(rung.best, _quiet_ink(rung))
    ground = "pick" if rung.cursor and focused else back
    if ground == "pick":
        ink, mark_ink = "pick_ink!", "pick_ink"
    return (
        span(left, "text", back),
        span(mark, mark_ink, ground),
        span(f"{text}  ", ink, ground),
        span(right, "text", back),
    )


def _quiet_ink(rung: Rung) -> str:
    return "text" if rung.bid_qty or rung.ask_qty else "dim"
