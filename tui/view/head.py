"""The first row: the instrument, its prices, our account, whether the data is live."""

from tui.view.book import BookView
from tui.view.connection import Connection, badge
from tui.view.tape import Tape
from tui.view.text import Line, clock_text, fit, join_ends, price_text, span, width_of

ROOMY: int = 100


def head_line(
    symbol: str,
    book: BookView,
    tape: Tape,
    places: int,
    who: str,
    connection: Connection,
    width: int,
    now_ms: int,
) -> Line:
    """Return the head row; parts that do not fit are left out, the connection never."""
    ground = "head"
    parts: list[Line] = [
        (span(f" {symbol or 'headroom'}", "text!"),),
        _last(tape, places),
        _quote(book, places),
        _spread(book, places),
    ]
    end = badge(connection, now_ms)
    if width >= ROOMY:
        end = (span(f"{who}   ", "dim"), span(f"{clock_text(now_ms)}   ", "dim"), *end)
    line: Line = ()
    for part in parts:
        if width_of((*line, *part, *end)) < width:
            line = (*line, *part)
    return fit(join_ends(line, end, width), width, ground)


def _last(tape: Tape, places: int) -> Line:
    if tape.last is None:
        return ()
    move = tape.moves[0]
    ink = {1: "bid", 0: "dim", -1: "ask"}[move]
    arrow = {1: "▲", 0: "·", -1: "▼"}[move]
    return (span(f"  {price_text(tape.last.price_ucr, places)}", "text!"), span(f" {arrow}", ink))


def _quote(book: BookView, places: int) -> Line:
    bid, ask = book.best_bid_ucr, book.best_ask_ucr
    return (
        span(f"   {price_text(bid, places) if bid else '–'}", "bid"),
        span(" × ", "dim"),
        span(price_text(ask, places) if ask else "–", "ask"),
    )


def _spread(book: BookView, places: int) -> Line:
    bid, ask = book.best_bid_ucr, book.best_ask_ucr
    if not bid or not ask:
        return ()
    permille = (ask - bid) * 2000 // (ask + bid)
    text = f"{price_text(ask - bid, places)} ({permille // 10}.{permille % 10} %)"
    return (span("   spread ", "dim"), span(text, "text"))
