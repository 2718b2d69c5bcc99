"""What each pane shows: from the model and the desk to exactly fitting rows of text."""

import textwrap
from collections.abc import Callable
from typing import Final, NamedTuple

from exchange.units import count_text
from tui.view import (
    alerts,
    chart,
    depth,
    head,
    hours,
    instruments,
    ladder,
    ladder_lines,
    portfolio,
    tape,
    ticket_lines,
)
from tui.view.candles import INTERVALS
from tui.view.desk import Desk
from tui.view.layout import KEYS_ROWS, SMALLEST, Pane
from tui.view.text import Line, Span, fit, price_text, span, title_line
from tui.view.ticket_lines import TicketScene

HEADING_ROWS: Final = 2
"""Title and column names above the data of a pane."""
QTY_FLOOR: Final = 8
"""A bar's full width stands for at least this much, or one unit would fill the screen."""


class Scene(NamedTuple):
    """The moment that is drawn."""

    desk: Desk
    who: str
    now_ms: int
    exchange_ms: int
    """The exchange's clock now, for accruals."""


def lines(pane: Pane, scene: Scene, width: int, height: int) -> list[Line]:
    """Return ``pane`` as exactly ``height`` rows of exactly ``width`` cells."""
    drawn = PANES[pane](scene, width, height)
    return [fit(line, width) for line in drawn[:height]] + [fit((), width)] * (height - len(drawn))


def _title(scene: Scene, pane: Pane, title: str, note: str, width: int) -> Line:
    number = {"ladder": 1, "tape": 2, "depth": 3, "orders": 4, "leases": 5, "instruments": 6}[pane]
    tail: tuple[Span, ...] = (span(note, "dim"),) if note else ()
    return title_line(f"{number} {title}", tail, width, scene.desk.focus == pane)


def _head(scene: Scene, width: int, height: int) -> list[Line]:
    desk, model = scene.desk, scene.desk.model
    places = model.places(desk.symbol)
    tape_view, link = model.tape(desk.symbol), model.connection
    return [
        head.head_line(
            desk.symbol, desk.book, tape_view, places, scene.who, link, width, scene.now_ms
        )
    ]


def _ladder(scene: Scene, width: int, height: int) -> list[Line]:
    desk, model = scene.desk, scene.desk.model
    places, rows = model.places(desk.symbol), height - HEADING_ROWS
    desk.rows["ladder"] = rows
    grid = desk.grid()
    note = ladder_lines.step_note(grid, places)
    title = title_line(ladder_lines.title_text(note, width), note, width, desk.focus == "ladder")
    if grid is None:
        return [
            title,
            ladder_lines.heading(width, ladder_lines.columns(width, places)),
            (span(" no orders yet", "dim"),),
        ]
    own = model.account.own_levels(desk.symbol)
    last = model.tape(desk.symbol).last
    mark = (last.price_ucr, last.taker_side) if last else None
    rungs = ladder.rungs(grid, desk.book, own, mark, rows)
    largest = max(QTY_FLOOR, *(max(rung.bid_qty, rung.ask_qty) for rung in rungs))
    focused = desk.focus == "ladder"
    columns = ladder_lines.columns(width, places, grid)
    return [
        title,
        ladder_lines.heading(width, columns),
        *(ladder_lines.rung_line(r, columns, places, largest, focused) for r in rungs),
    ]


def _tape(scene: Scene, width: int, height: int) -> list[Line]:
    desk, model = scene.desk, scene.desk.model
    places, seen = model.places(desk.symbol), model.tape(desk.symbol)
    rows = height - HEADING_ROWS
    shown = list(zip(seen.trades, seen.moves, strict=True))[:rows]
    largest = max([QTY_FLOOR, *(trade.qty for trade in seen.trades)])
    own = model.account.own_trades
    return [
        _title(scene, "tape", "TAPE", "UTC", width),
        tape.heading(width, places),
        *(
            tape.trade_line(tape.seen(trade, move, trade.trade_id in own), width, places, largest)
            for trade, move in shown
        ),
    ]


def _depth(scene: Scene, width: int, height: int) -> list[Line]:
    desk = scene.desk
    places = desk.model.places(desk.symbol)
    title = _title(scene, "depth", "DEPTH", "units to each price", width)
    return [title, *depth.lines(desk.book, width, height - 1, places)]


def _instruments(scene: Scene, width: int, height: int) -> list[Line]:
    desk, model = scene.desk, scene.desk.model
    listed, places = model.listed(), model.most_places()
    at = desk.cursor("instruments", len(listed)) if desk.focus == "instruments" else -1
    first = first_shown(at, len(listed), height - HEADING_ROWS)
    shown = listed[first : first + height - HEADING_ROWS]
    rows = [
        instruments.row(item, model.books.get(item.symbol), model.tapes.get(item.symbol))
        for item in shown
    ]
    share = instruments.share(rows, width, places)
    body = [
        instruments.row_line(row, width, share, row.symbol == desk.symbol, first + index == at)
        for index, row in enumerate(rows)
    ]
    title = _title(scene, "instruments", "INSTRUMENTS", f"{len(listed)}", width)
    return [title, instruments.heading(width, share), *body]


def _chart(scene: Scene, width: int, height: int) -> list[Line]:
    desk, candles, now_ms = scene.desk, scene.desk.model.candles, scene.exchange_ms
    places, interval_ms = desk.model.places(desk.symbol), desk.interval_ms
    vwap = candles.vwap(desk.symbol, now_ms)
    note = INTERVALS[interval_ms] + (f" · VWAP {price_text(vwap, places)}" if vwap else "")
    first = chart.from_ms(now_ms, interval_ms, width)
    shown = candles.since(desk.symbol, interval_ms, first)
    title = title_line("CHART", (span(note, "dim"),), width)
    return [title, *chart.lines(shown, interval_ms, now_ms, vwap, (width, height - 1), places)]


def _windows(scene: Scene, width: int, height: int) -> list[Line]:
    desk, model = scene.desk, scene.desk.model
    strip, places = hours.hours(model, desk.symbol), model.places(desk.symbol)
    market = desk.symbol.rpartition(".")[0]
    note = hours.note(strip, places)
    title = title_line(f"WINDOWS {market}", (span(note, "dim"),), width)
    return [title, *hours.lines(strip, width, height - 1, places)]


def _orders(scene: Scene, width: int, height: int) -> list[Line]:
    desk, model = scene.desk, scene.desk.model
    orders, places = list(model.account.orders.values()), model.most_places()
    at = desk.cursor("orders", len(orders)) if desk.focus == "orders" else -1
    first = first_shown(at, len(orders), height - HEADING_ROWS)
    shown = orders[first : first + height - HEADING_ROWS]
    title = _title(scene, "orders", "ORDERS", f"{len(orders)} open", width)
    table = portfolio.orders_table(shown, width, places, at - first)
    return [title, *table, *([] if orders else [_nothing("no open orders")])]


def _leases(scene: Scene, width: int, height: int) -> list[Line]:
    desk, model = scene.desk, scene.desk.model
    leases, places = list(model.account.leases.values()), model.most_places()
    at = desk.cursor("leases", len(leases)) if desk.focus == "leases" else -1
    first = first_shown(at, len(leases), height - HEADING_ROWS)
    shown = leases[first : first + height - HEADING_ROWS]
    heading, *rows = portfolio.leases_table(shown, width, places, scene.exchange_ms, at - first)
    body: list[Line] = []
    for lease, line in zip(shown, rows, strict=True):
        vms = model.account.vms.values()
        on_it = [portfolio.vm_line(vm, width) for vm in vms if vm.lease_id == lease.lease_id]
        body += [line, *on_it]
    note = f"{count_text(len(leases), 'lease')}, {count_text(len(model.account.vms), 'VM')}"
    title = _title(scene, "leases", "LEASES", note, width)
    return [title, heading, *(body or [_nothing("no leases")])]


def _nothing(text: str) -> Line:
    return (span(text, "dim"),)


def _money(scene: Scene, width: int, height: int) -> list[Line]:
    account = scene.desk.model.account
    if height == 1:
        return [portfolio.summary_line(account, width)]
    title = title_line("MONEY", (span("credits", "dim"),), width)
    return [title, *portfolio.summary_lines(account, width, scene.exchange_ms)]


def _ticket(scene: Scene, width: int, height: int) -> list[Line]:
    desk, model = scene.desk, scene.desk.model
    dealing = desk.dealing
    symbol = dealing.symbol if dealing.ticket.stage != "idle" else desk.symbol
    grid, slip = desk.grids.get(desk.symbol), desk.doubt()
    ticket_scene = TicketScene(
        ticket=dealing.ticket,
        instrument=model.instruments.get(symbol),
        places=model.places(symbol),
        cursor_ucr=grid.cursor_ucr if grid else None,
        best_ucr=desk.best_to_meet(),
        prompt=dealing.prompt(),
        message=model.message,
        trouble=desk.trouble(scene.now_ms),
        now_ms=scene.exchange_ms,
        read_only=desk.read_only,
        doubt=slip.short if slip else "",
        alert=alerts.summary(model.account.alerts.open(scene.exchange_ms), scene.exchange_ms),
    )
    return ticket_lines.lines(ticket_scene, width, height)


def _small(scene: Scene, width: int, height: int) -> list[Line]:
    needs = f"{SMALLEST[0]} x {SMALLEST[1] + KEYS_ROWS}"
    text = f"Headroom needs {needs} cells; this terminal has {width} x {height + KEYS_ROWS}."
    return [(span(row, "warn"),) for row in textwrap.wrap(text, max(1, width))]


def first_shown(at: int, count: int, rows: int) -> int:
    """Return the first row to show so that the cursor's is in sight."""
    return max(0, min(at - rows + 1, count - rows)) if at >= rows else 0


PANES: Final[dict[Pane, Callable[[Scene, int, int], list[Line]]]] = {
    "head": _head,
    "ladder": _ladder,
    "tape": _tape,
    "depth": _depth,
    "instruments": _instruments,
    "orders": _orders,
    "leases": _leases,
    "money": _money,
    "ticket": _ticket,
    "chart": _chart,
    "windows": _windows,
    "small": _small,
}
