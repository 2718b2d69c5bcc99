"""Open orders, fills, the balance, days and months of the account as rows of lists. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from exchange.units import MAX_QTY
from exchange.wire.frames import OrderUpdate
from exchange.wire.terms import hold_unit_ucr
from tui.view.bars import EIGHTHS, RIGHTWARD, bar_eighths
from tui.view.history import History, Sums
from tui.view.model import Model
from tui.view.months import day_text, days_in, moment_text, month_text
from tui.view.table import WHOLE, Cell, Column, Row
from tui.view.text import exact_price_text, money_text, qty_text, span_text
from tui.view.words import ENDS

SIDE_INK: Final = {"buy": "bid", "sell": "ask"}
BAR_CELLS: Final = 14
QTY_CELLS: Final = len(f"{MAX_QTY:,}")

ORDER_COLUMNS: Final = (
    Column("order", 2, least=WHOLE),
    Column("side", 0, least=4),
    Column("symbol", 0, least=21),
    Column("price", 0, number=True),
    Column("open", 0, number=True),
    Column("done", 1, number=True),
    Column("holds", 3, number=True),
    Column("from best", 4, number=True),
    Column("changed", 5, number=True),
    Column("own id", 6, least=8),
)
FILL_COLUMNS: Final = (
    Column("time", 0, least=11),
    Column("side", 0, least=4),
    Column("symbol", 0, least=21),
    Column("units", 0, number=True),
    Column("price", 0, number=True),
    Column("an hour", 2, number=True),
    Column("as", 3, least=5),
    Column("trade", 4, least=WHOLE),
)
POSTING_COLUMNS: Final = (
    Column("time", 0, least=11),
    Column("why", 1, least=8),
    Column("change", 0, number=True),
    Column("free", 0, number=True),
    Column("held", 2, number=True),
    Column("number", 3, number=True),
)
MONTH_COLUMNS: Final = (
    Column("month", 0, least=7),
    Column("paid", 0, number=True),
    Column("earned", 0, number=True),
    Column("in all", 0, number=True),
    Column("lines", 1, number=True),
    Column("", 2, least=9),
)
DAY_COLUMNS: Final = (
    Column("day", 0, least=10),
    Column("paid", 0, number=True),
    Column("", 1, number=True),
    Column("earned", 0, number=True),
    Column("", 1, number=True),
    Column("in all", 2, number=True),
    Column("", 3, least=9),
)


def order_rows(model: Model, now_ms: int) -> list[Row]:
    """Return the open orders, oldest first."""
    return [_order(order, model, now_ms) for order in model.account.orders.values()]


def _order(order: OrderUpdate, model: Model, now_ms: int) -> Row:
    places, price = model.places(order.symbol), order.price_ucr
    delivery = order.symbol.rpartition(".")[2]
    holds = order.leaves_qty * hold_unit_ucr(order.side, delivery, price or 0)
    cells = (
        Cell(order.order_id, "dim", _number(order.order_id)),
        Cell(order.side, SIDE_INK[order.side]),
        Cell(order.symbol),
        Cell(exact_price_text(price, places) if price else "market", order=price or 0),
        Cell(qty_text(order.leaves_qty, QTY_CELLS), "own!", order.leaves_qty),
        Cell(_some(order.filled_qty), "dim", order.filled_qty),
        Cell(money_text(holds), order=holds),
        _away(order, model, places),
        Cell(span_text(now_ms - order.ts_ms), "dim", order.ts_ms),
        Cell(order.client_order_id, "dim"),
    )
    return Row(order.order_id, cells, order)


def _away(order: OrderUpdate, model: Model, places: int) -> Cell:
    """Return how far the price is behind its side's best, ``best`` when nobody is before it."""
    book = model.books.get(order.symbol)
    best = None if book is None else book.best_bid_ucr if order.side == "buy" else book.best_ask_ucr
    if best is None or order.price_ucr is None:
        return Cell("–", "dim")
    behind = best - order.price_ucr if order.side == "buy" else order.price_ucr - best
    return Cell(exact_price_text(behind, places) if behind > 0 else "best", "dim", max(0, behind))


def fill_rows(history: History, model: Model) -> list[Row]:
    """Return the fills of the month, newest first."""
    return [_fill(row, model.places(row["symbol"])) for row in _newest(history, "trades")]


def _fill(row: Mapping[str, Any], places: int) -> Row:
    hour = row["qty"] * row["price_ucr"]
    cells = (
        Cell(moment_text(row["ts_ms"]), "dim", row["ts_ms"]),
        Cell(row["side"], SIDE_INK.get(row["side"], "text")),
        Cell(row["symbol"]),
        Cell(qty_text(row["qty"], QTY_CELLS), "own!", row["qty"]),
        Cell(exact_price_text(row["price_ucr"], places), order=row["price_ucr"]),
        Cell(money_text(hour), order=hour),
        Cell(row["liquidity"], "dim"),
        Cell(row["trade_id"], "dim", row["seq"]),
    )
    return Row(row["trade_id"], cells, row)


def posting_rows(history: History) -> list[Row]:
    """Return what changed the balance in the month, newest first."""
    return [_posting(row) for row in _newest(history, "postings")]


def _posting(row: Mapping[str, Any]) -> Row:
    change = row["change_ucr"]
    told = f"+{money_text(change)}" if change > 0 else money_text(change)
    cells = (
        Cell(moment_text(row["ts_ms"]), "dim", row["ts_ms"]),
        Cell(ENDS.get(row["why"], row["why"].replace("_", " "))),
        Cell(told if change else "–", "text!" if change else "dim", change),
        Cell(money_text(row["available_ucr"]), order=row["available_ucr"]),
        Cell(money_text(row["held_ucr"]), "dim", row["held_ucr"]),
        Cell(str(row["account_seq"]), "dim", row["account_seq"]),
    )
    return Row(str(row["account_seq"]), cells, row)


def _newest(history: History, into: str) -> list[Mapping[str, Any]]:
    name = "account_seq" if into == "postings" else "seq"
    rows = history.rows.get("trades" if into == "trades" else "postings", {})
    return sorted(rows.values(), key=lambda row: (row["ts_ms"], row[name]), reverse=True)


def month_rows(history: History) -> list[Row]:
    """Return the last months, the newest first: what was paid and earned."""
    shown = history.month_ms
    rows = []
    for month in sorted(history.months, reverse=True):
        sums, text = history.months[month], month_text(month)
        data = {"month": text, **sums._asdict()}
        mark = "shown" if month == shown else ""
        rows.append(Row(text, (Cell(text), *_money(sums), _short(sums, mark)), data))
    return rows


def _money(sums: Sums) -> tuple[Cell, ...]:
    return (
        Cell(_amount(sums.paid_ucr), "bid", sums.paid_ucr),
        Cell(_amount(sums.earned_ucr), "ask", sums.earned_ucr),
        _in_all(sums),
        Cell(f"{sums.lines:,}", "dim", sums.lines),
    )


def day_rows(history: History) -> list[Row]:
    """Return the days of the month with a bar for what was paid and one for what was earned."""
    days = [day for day in days_in(history.month_ms) if day in history.days]
    known = {day: history.days[day] for day in reversed(days)}
    most = max((max(one.paid_ucr, one.earned_ucr) for one in known.values()), default=0)
    return [_day(day, sums, most) for day, sums in known.items()]


def _day(day: int, sums: Sums, most: int) -> Row:
    cells = (
        Cell(day_text(day), "dim", day),
        Cell(_amount(sums.paid_ucr), "bid", sums.paid_ucr),
        Cell(bar_text(sums.paid_ucr, most), "bid", sums.paid_ucr),
        Cell(_amount(sums.earned_ucr), "ask", sums.earned_ucr),
        Cell(bar_text(sums.earned_ucr, most), "ask", sums.earned_ucr),
        _in_all(sums),
        _short(sums, ""),
    )
    return Row(day_text(day), cells, {"day": day_text(day), **sums._asdict()})


def bar_text(value: int, most: int, cells: int = BAR_CELLS) -> str:
    """Return a bar of ``cells`` cells, as long beside ``most`` as ``value`` is."""
    full, part = divmod(bar_eighths(value, most, cells), EIGHTHS)
    return ("█" * full + (RIGHTWARD[part] if part else "")).ljust(cells)


def _in_all(sums: Sums) -> Cell:
    gain = sums.earned_ucr - sums.paid_ucr
    told = f"+{money_text(gain)}" if gain > 0 else money_text(gain)
    return Cell(told if gain else "–", "text!" if gain else "dim", gain)


def _short(sums: Sums, mark: str) -> Cell:
    return Cell(mark, "accent") if sums.whole else Cell("not whole", "warn")


def _amount(amount_ucr: int) -> str:
    return money_text(amount_ucr) if amount_ucr else "–"


def _some(qty: int) -> str:
    return qty_text(qty, QTY_CELLS) if qty else "–"


def _number(ident: str) -> int:
    """Return the number of an id such as ``o-17``, so that o-9 sorts before it."""
    tail = ident.rpartition("-")[2]
    return int(tail) if tail.isascii() and tail.isdecimal() else 0
