"""F3, Orders: open orders, fills, the balance, statements by month, what a day costs and brings."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from exchange.units import count_text
from exchange.wire.frames import OrderUpdate
from exchange.wire.requests import AccountStatement, OrderCancel, StatementKind
from exchange.wire.types import Side
from tui.actions import Action
from tui.export import NotWrittenError, path_of, write
from tui.screens.base import Deed
from tui.screens.form import fill
from tui.screens.lists import ListScreen
from tui.shared import Answer, Shared
from tui.view.exporting import Export, export_fields, export_of
from tui.view.form import Checked, Form, Values
from tui.view.history import History
from tui.view.layout import Pane
from tui.view.months import later, month_of, month_text
from tui.view.order_acts import cancel_some, replace_form, replaced, unchanged
from tui.view.order_rows import (
    DAY_COLUMNS,
    FILL_COLUMNS,
    MONTH_COLUMNS,
    ORDER_COLUMNS,
    POSTING_COLUMNS,
    day_rows,
    fill_rows,
    month_rows,
    order_rows,
    posting_rows,
)
from tui.view.table import ListView, Row
from tui.view.text import money_text

PACE_S: Final = 0.1
"""Between two pages of the past: the account's Manager asks questions too."""
RETRY_S: Final = 2.0
TWO_COLUMNS, THREE_ROWS = 118, 30
"""The terminal from which on all lists are shown, two beside each other, three above each other."""
COLUMNS: Final = {
    "orders": ORDER_COLUMNS,
    "fills": FILL_COLUMNS,
    "balance": POSTING_COLUMNS,
    "months": MONTH_COLUMNS,
    "days": DAY_COLUMNS,
}
KINDS: Final[dict[str, StatementKind]] = {
    "orders": "trades",
    "fills": "trades",
    "balance": "postings",
    "months": "invoices",
    "days": "charges",
}
"""What is written to a file when this list has the keys."""

ACTIONS: Final = (
    Action(
        "orders_replace",
        "Replace the order",
        "Type a new price and total for the order picked, after a question.",
        "Trade",
        ("e",),
        "Replace",
    ),
    Action(
        "orders_cancel",
        "Cancel the order",
        "Cancel the order picked, at once.",
        "Trade",
        ("c",),
        "Cancel",
    ),
    Action(
        "orders_cancel_symbol",
        "Cancel the instrument's orders",
        "Cancel all orders of the picked one's instrument, after a question.",
        "Trade",
        ("i",),
    ),
    Action("orders_cancel_buys", "Cancel all buys", "Cancel all buys.", "Trade", ("b",)),
    Action("orders_cancel_sells", "Cancel all sells", "Cancel all sells.", "Trade", ("s",)),
    Action(
        "orders_earlier", "Month before", "Show the month before.", "Look", ("left_square_bracket",)
    ),
    Action("orders_later", "Next month", "Show the next month.", "Look", ("right_square_bracket",)),
    Action(
        "orders_export",
        "Write a CSV file",
        "Write trades, postings, charges, earnings, usage or invoices to a file you name.",
        "Look",
        ("w",),
        "CSV",
    ),
)


class OrdersScreen(ListScreen):
    """The open orders come by themselves; the past is read page by page while it is looked at."""

    CSS_PATH = "orders.tcss"
    LISTS = ("orders", "fills", "balance", "months", "days")
    ACTIONS = ACTIONS
    NEEDS = "key"

    def __init__(self, shared: Shared, name: str) -> None:
        self.history = History()
        self._reading = False
        super().__init__(shared, name)

    def list_view(self, name: str) -> ListView:
        empty = "no open orders" if name == "orders" else "nothing in this month"
        return ListView(name.upper(), COLUMNS[name], empty)

    def rows(self, name: str) -> Sequence[Row]:
        match name:
            case "orders":
                return order_rows(self.shared.model, self.shared.exchange_ms)
            case "fills":
                return fill_rows(self.history, self.shared.model)
            case "balance":
                return posting_rows(self.history)
            case "months":
                return month_rows(self.history)
            case _:
                return day_rows(self.history)

    def opened(self, row: Row) -> None:
        """An order is replaced, unless nothing may be; a month is shown."""
        if self.focus_on == "orders" and not self.shared.read_only:
            self._replace()
        elif self.focus_on == "months":
            month = next(each for each in self.history.months if month_text(each) == row.key)
            self._show_month(month)

    # --- drawing ---

    def all_at_once(self) -> bool:
        width, height = self.room()
        return width >= TWO_COLUMNS and height >= THREE_ROWS

    def draw(self) -> None:
        self.set_class(self.all_at_once(), "wide")
        self._name_lists()
        super().draw()

    def _name_lists(self) -> None:
        """Put month, money and what is not known into the titles."""
        account, history = self.shared.model.account, self.history
        month = month_text(history.month_ms) if history.month_ms else ""
        state = f" · not read yet: {history.trouble}" if history.trouble else ""
        state = state or (" · reading" if history.reading else "")
        free, held = money_text(account.available_ucr), money_text(account.held_ucr)
        titles = {
            "orders": "OPEN ORDERS",
            "fills": f"FILLS {month}{state}",
            "balance": f"BALANCE free {free} held {held} · {month}{state}",
            "months": f"MONTHS{state}",
            "days": f"PAID AND EARNED A DAY {month}{state}",
        }
        for name, title in titles.items():
            self.views[name].title = title + self._whereto(name)

    def _whereto(self, name: str) -> str:
        """Where one list is shown at a time, say which one Tab goes to."""
        if self.all_at_once():
            return ""
        following = self.LISTS[(self.LISTS.index(name) + 1) % len(self.LISTS)]
        return f" · Tab: {following}"

    # --- the past ---

    def changed(self, panes: Iterable[Pane]) -> None:
        panes = tuple(panes)
        if "orders" in panes:
            self.history.changed()
        super().changed(panes)

    def pulse(self) -> None:
        super().pulse()
        if self.on_top and not self._reading and self.shared.session.who:
            self._reading = True
            self.run_worker(self._read())

    async def _read(self) -> None:
        """Read what is not known of the past, as long as the screen is looked at."""
        try:
            while self.on_top and (job := self.history.next(self.shared.exchange_ms)) is not None:
                answer = await self.shared.read(job.request)
                if answer.ok:
                    self.history.took(job, answer.result)
                else:
                    self.history.failed(job, answer.why)
                self._stale = True
                await asyncio.sleep(PACE_S if answer.ok else RETRY_S)
        finally:
            self._reading = False

    def _show_month(self, month_ms: int) -> None:
        now_month = month_of(self.shared.exchange_ms)
        self.history.show(min(max(0, month_ms), now_month))

    # --- acts ---

    def deeds(self) -> dict[str, Deed]:
        month = self.history.month_ms
        return {
            "orders_replace": self._replace,
            "orders_cancel": self._cancel,
            "orders_cancel_symbol": self._cancel_symbol,
            "orders_cancel_buys": lambda: self._cancel_some(None, "buy"),
            "orders_cancel_sells": lambda: self._cancel_some(None, "sell"),
            "orders_earlier": lambda: self._show_month(later(month, -1) if month else 0),
            "orders_later": lambda: self._show_month(later(month, 1) if month else 0),
            "orders_export": self._export,
        }

    def _picked(self) -> OrderUpdate | None:
        """Return the order that the cursor is on; only where the cursor is seen."""
        row = self.row if self.focus_on == "orders" else None
        if row is None:
            self.notify("Pick one of the open orders first.", timeout=4)
            return None
        return self.shared.model.account.orders.get(row.key)

    def _held_back(self) -> bool:
        """Tell whether nothing can be sent now, and say why."""
        trouble = self.shared.desk.trouble(self.shared.now_ms())
        if trouble:
            self.shared.tell("refusal", trouble, "warn")
        return bool(trouble)

    def _replace(self) -> None:
        order = self._picked()
        if order is None or self._held_back():
            return
        form = replace_form(order, self.shared.model)
        fill(self, form, lambda values: self._ask_replace(order, values))

    def _ask_replace(self, order: OrderUpdate, values: Values) -> None:
        limit_pct = self.shared.desk.fat_finger_pct
        asked = replaced(order, self.shared.model, values, limit_pct)
        if asked is None:
            return

        async def send() -> None:
            if not unchanged(order, self.shared.model):
                self._say_changed(order)
            elif not self._held_back():
                await self.shared.trade(asked.request, ident=order.order_id)

        self.ask(asked.question, send, asked.more)

    def _say_changed(self, order: OrderUpdate) -> None:
        there = order.order_id in self.shared.model.account.orders
        what = "changed meanwhile: look at it again" if there else "has ended meanwhile"
        text = f"{order.order_id} {what}. Nothing was sent."
        self.shared.tell("refusal", text, "warn", order.order_id)

    async def _cancel(self) -> None:
        order = self._picked()
        if order is not None and not self._held_back():
            request = OrderCancel(req_id=1, order_id=order.order_id)
            await self.shared.trade(request, ident=order.order_id)

    def _cancel_symbol(self) -> None:
        order = self._picked()
        if order is not None:
            self._cancel_some(order.symbol, None)

    def _cancel_some(self, symbol: str | None, side: Side | None) -> None:
        asked = cancel_some(self.shared.model.account.orders.values(), symbol, side)
        if asked is None:
            self.notify(f"You have no open {side or 'order'} here.", timeout=4)
            return

        async def send() -> None:
            if not self._held_back():
                await self.shared.trade(asked.request)

        self.ask(asked.question, send, asked.more)

    # --- a statement in a file ---

    def _export(self) -> None:
        now_month = month_of(self.shared.exchange_ms)
        month = self.history.month_ms or now_month
        fields = export_fields(KINDS[self.focus_on], month, now_month)
        fill(self, Form("Write a statement as CSV", fields, _checked), self._begin_export)

    def _begin_export(self, values: Values) -> None:
        export = export_of(values)
        if isinstance(export, Export):
            self.run_deed(lambda: self._write(export))

    async def _write(self, export: Export) -> None:
        async def read(request: AccountStatement) -> Answer:
            return await self.shared.read(request)

        try:
            count = await write(export, read)
        except NotWrittenError as error:
            self.shared.tell("refusal", f"Not written: {error}", "warn")
            return
        rows = count_text(count, "row")
        self.shared.tell("done", f"Wrote {rows} of {export.kind} to {path_of(export.path)}")


def _checked(values: Values) -> Checked:
    export = export_of(values)
    if isinstance(export, Checked):
        return export
    path = path_of(export.path)
    if path.exists():
        return Checked(False, f"{path} exists already")
    return Checked(True, f"Writes {path}")
