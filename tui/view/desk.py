"""The trader's desk: what is selected, focused, scrolled, armed; every action a key can mean.

Pure. An action changes the desk and returns the requests to send; the screen carries them out and
tells the desk what became of them. That keeps every rule of the keyboard testable without a
terminal.
"""

from collections.abc import Callable
from typing import Final

from exchange.price_guard import FAT_FINGER_PCT
from exchange.units import MS_PER_MINUTE
from exchange.wire.frames import OrderUpdate
from exchange.wire.requests import LeaseRelease, OrderCancel, OrderMassCancel
from exchange.wire.types import Side
from tui.view import ladder, releasing
from tui.view.book import BookView
from tui.view.candles import INTERVALS
from tui.view.choices import Choice
from tui.view.connection import explanation
from tui.view.dealing import Dealing, Order
from tui.view.entry import price_fault
from tui.view.guard import Doubt, doubt
from tui.view.ladder import Grid
from tui.view.layout import SIDE_PANES, Pane
from tui.view.model import Model
from tui.view.order_acts import cancel_all_text
from tui.view.prompts import Field
from tui.view.ticket import Ticket, clash
from tui.view.words import Message, Refusal, refusal, terms

PANE_ORDER: Final[tuple[Pane, ...]] = ("ladder", *SIDE_PANES)
"""Pane 1 is the ladder; Tab goes round in this order."""
DEFAULT_ROWS: Final = 16
PAGE: Final = 10


class Desk:
    """``rows`` tells how many rows of data each pane shows; the screen keeps it up to date."""

    def __init__(
        self,
        model: Model,
        session: str,
        read_only: bool = False,
        fat_finger_pct: int = FAT_FINGER_PCT,
    ) -> None:
        self.model = model
        self.read_only = read_only
        self.fat_finger_pct = fat_finger_pct
        self.dealing = Dealing(session)
        self.symbol = ""
        self.focus: Pane = "ladder"
        self.side: Pane = "tape"
        self.rows: dict[Pane, int] = {}
        self.cursors: dict[Pane, int] = {}
        self.grids: dict[str, Grid] = {}
        self.interval_ms = MS_PER_MINUTE
        """What a candle of the chart stands for."""
        self._held_back: Message | None = None

    # --- looking ---

    def grid(self) -> Grid | None:
        """Return the ladder's grid as it stands now, centred anew when it may move."""
        grid = self.grids.get(self.symbol)
        if grid is not None and self.dealing.ticket.stage != "idle":
            return grid  # prices must not move under an order that is being put together
        placed = ladder.place(grid, self.book, self.tick_ucr, self._rows("ladder"))
        if placed is not None:
            self.grids[self.symbol] = placed
        return placed

    @property
    def book(self) -> BookView:
        return self.model.book(self.symbol)

    @property
    def tick_ucr(self) -> int:
        known = self.model.instruments.get(self.symbol)
        return known.tick_ucr if known else 1

    def best_to_meet(self) -> int | None:
        """Return the best price on the side the ticket would trade with."""
        buying = self.dealing.ticket.side == "buy"
        return self.book.best_ask_ucr if buying else self.book.best_bid_ucr

    def doubt(self) -> Doubt | None:
        """Return why the ticket looks like a slip of the finger, None when it does not."""
        ticket, symbol = self.dealing.ticket, self.dealing.symbol
        known, last = self.model.instruments.get(symbol), self.model.tape(symbol).last
        if ticket.stage not in ("staged", "armed") or known is None:
            return None
        last_ucr, places = last.price_ucr if last else None, self.model.places(symbol)
        book = self.model.book(symbol)
        return doubt(ticket, known, book, last_ucr, self.fat_finger_pct, places)

    def trouble(self, now_ms: int) -> str:
        """Return why orders are held back, "" when they are not."""
        return explanation(self.model.connection, now_ms)

    def listen_again(self, now_ms: int) -> bool:
        """Forget what the connection held back once it no longer does; tell whether it was shown.

        Whoever folds what the connection brought calls this.
        """
        if self._held_back is None or self.trouble(now_ms):
            return False
        shown = self.model.message is self._held_back
        if shown:
            self.model.message = None
        self._held_back = None
        return shown

    def cursor(self, pane: Pane, count: int) -> int:
        """Return the row the cursor of a list stands on, -1 when the list is empty."""
        return min(self.cursors.get(pane, 0), count - 1)

    def _rows(self, pane: Pane) -> int:
        return self.rows.get(pane, DEFAULT_ROWS)

    # --- moving ---

    def select(self, symbol: str) -> None:
        """Show another instrument; whatever was armed for the last one is dropped."""
        if symbol != self.symbol:
            self.symbol = symbol
            self.dealing.drop()
        self._focus_on("ladder")

    def move(self, by: int) -> None:
        """Move the cursor of the focused pane, up when ``by`` is positive."""
        if self.focus in ("ladder", "tape", "depth"):
            grid = self.grid()
            if grid is not None:
                self.grids[self.symbol] = ladder.moved(grid, by, self._rows("ladder"))
            return
        count = self._count(self.focus)
        at = self.cursor(self.focus, count) - by
        self.cursors[self.focus] = max(0, min(count - 1, at))

    def cursor_to(self, price_ucr: int) -> None:
        """Put the ladder's cursor at a price of its grid (a mouse click)."""
        grid = self.grid()
        if grid is not None:
            cursor = max(grid.step_ucr, price_ucr)  # the row at 0 only shows what is gathered
            self.grids[self.symbol] = grid._replace(cursor_ucr=cursor, held=True, was_ucr=0)

    def scroll(self, by: int) -> None:
        """Show other prices, higher ones when ``by`` is positive (the wheel)."""
        grid = self.grid()
        if grid is not None:
            self.grids[self.symbol] = ladder.scrolled(grid, by, self._rows("ladder"))

    def _count(self, pane: Pane) -> int:
        match pane:
            case "orders":
                return len(self.model.account.orders)
            case "leases":
                return len(self.model.account.leases)
            case "instruments":
                return len(self.model.listed())
            case _:
                return 0

    def zoom(self, direction: int) -> None:
        grid = self.grid()
        if grid is not None:
            rows = self._rows("ladder")
            self.grids[self.symbol] = ladder.zoomed(grid, self.tick_ucr, direction, rows)

    def next_interval(self) -> None:
        """Show the chart's next interval: a minute, five, an hour."""
        intervals = list(INTERVALS)
        self.interval_ms = intervals[(intervals.index(self.interval_ms) + 1) % len(intervals)]

    def centre(self) -> None:
        """Put the market in the middle at its natural step; the grid follows it again."""
        fresh = ladder.place(None, self.book, self.tick_ucr, self._rows("ladder"))
        if fresh is not None:
            self.grids[self.symbol] = fresh

    def next_pane(self, by: int, wide: bool) -> None:
        """Tab: wide screens move the focus, compact ones change the pane beside the ladder."""
        if wide:
            at = PANE_ORDER.index(self.focus)
            self._focus_on(PANE_ORDER[(at + by) % len(PANE_ORDER)])
        else:
            at = SIDE_PANES.index(self.side)
            self._focus_on(SIDE_PANES[(at + by) % len(SIDE_PANES)])

    def pane(self, number: int) -> None:
        """Focus pane 1..6; when compact it is shown beside the ladder too."""
        self._focus_on(PANE_ORDER[number - 1])

    def _focus_on(self, pane: Pane) -> None:
        self.focus = pane
        if pane in SIDE_PANES:
            self.side = pane

    # --- dealing ---

    def deal(self, side: Side) -> None:
        """Stage a buy or a sell at the cursor's price; in an empty book, ask for the price."""
        self.model.message = None
        if not self._may_deal() or not self.symbol:
            return
        grid = self.grid()
        if grid is not None:
            self.dealing.stage(side, self.symbol, grid.cursor_ucr)
            return
        last = self.model.tape(self.symbol).last
        self.dealing.stage(side, self.symbol, last.price_ucr if last else self.tick_ucr)
        self.type("price")

    def type(self, field: Field) -> None:
        """Begin to type a number; a price needs a limit order to belong to."""
        ticket = self.dealing.ticket
        self.model.message = None
        if field == "price" and ticket.stage == "idle":
            self.say("Begin with b or s; then p types the price.", "text")
        elif field == "price" and ticket.order_type == "market":
            self.say("A market order has no price; t makes it a limit order.", "warn")
        else:
            total = field == "quantity" and ticket.replaces is not None
            known = self.model.instruments.get(self.dealing.symbol or self.symbol)
            self.dealing.type("total" if total else field, known)

    def change_qty(self, by: int) -> None:
        self._edit(self.dealing.ticket.with_qty(self.dealing.ticket.qty + by))

    def choose(self, how: Callable[[Ticket], Choice]) -> None:
        """Change how the ticket's order is to trade; see `tui.view.choices`."""
        choice = how(self.dealing.ticket)
        if choice.ticket != self.dealing.ticket or choice.field is not None:
            self._edit(choice.ticket)
        if choice.field is not None:
            self.type(choice.field)
        elif choice.said:
            self.say(choice.said, choice.ink)

    def _edit(self, ticket: Ticket) -> None:
        self.model.message = None
        self.dealing.edit(ticket)

    def confirm(self, now_ms: int) -> list[Order]:
        """Enter: select, take, arm or send, whatever comes next."""
        idle = self.dealing.ticket.stage == "idle" and self.dealing.prompt() is None
        if idle and self.focus == "instruments":
            listed = self.model.listed()
            if listed:
                self.select(listed[self.cursor("instruments", len(listed))].symbol)
            return []
        if idle:
            return []
        self.model.message = None
        if self.dealing.typing is None and self._holds_back(now_ms):
            return []
        slip = self.doubt()
        exchange_ms = now_ms + self.model.clock_offset_ms
        order = self.dealing.confirm(slip.text if slip else "", exchange_ms)
        return [] if order is None else [order]

    def _holds_back(self, now_ms: int) -> bool:
        """Tell whether nothing may be armed or sent now, and say why."""
        trouble = why = self.trouble(now_ms)
        armed = self.dealing.armed
        ticket = self.dealing.ticket
        if not why and self.dealing.question is None:
            why = self._unfit(ticket)
        if why:
            self.say(f"Not {'sent' if armed else 'armed'}: {why}", "warn")
            self._held_back = self.model.message if trouble else None
            self.dealing.hold_fire()
        return bool(why)

    def _unfit(self, ticket: Ticket) -> str:
        """Return why the ticket as it stands can no longer be sent, "" when it can."""
        if ticket.stage not in ("staged", "armed"):
            return ""
        if ticket.replaces is not None:
            known = self.model.account.orders.get(ticket.replaces.order_id)
            if known is None:
                self.dealing.drop()
                return f"{ticket.replaces.order_id} is done"
            if known != ticket.replaces:
                self.dealing.edit(ticket.with_current(known))
                done = f"{known.filled_qty:,} of {known.order_qty:,} filled"
                return f"{known.order_id} has changed: {done}"
        if ticket.stage == "staged" and ticket.order_type == "limit":
            # The tick and the band may have moved since the price was chosen.
            fault = price_fault(ticket.price_ucr, self.model.instruments.get(self.dealing.symbol))
            return clash(ticket) or (fault.text if fault else "")
        return clash(ticket)

    def replace(self) -> None:
        """Begin to change our order here; a staged replace takes the cursor's price instead."""
        ticket, grid = self.dealing.ticket, self.grid()
        self.model.message = None
        if not self._may_deal():
            return
        orders = self.orders_here()
        if ticket.replaces is not None and not orders and grid is not None:
            self._edit(ticket.with_price(grid.cursor_ucr))
        elif len(orders) == 1:
            self.dealing.stage_replace(orders[0])
        elif orders:
            self._focus_on("orders")
            at = list(self.model.account.orders).index(orders[0].order_id)
            self.cursors["orders"] = at
            self.say(f"{len(orders)} orders of yours here: pick one, then press it again.", "text")
        else:
            self.say("No order of yours here.", "text")

    def cancel_here(self) -> list[Order]:
        """Cancel our orders at the ladder's cursor, or the one picked in the list of orders."""
        if not self._may_deal():
            return []
        orders = self.orders_here()
        if not orders:
            self.say("No order of yours here.", "text")
        return [OrderCancel(req_id=1, order_id=order.order_id) for order in orders]

    def orders_here(self) -> list[OrderUpdate]:
        """Return our orders at the ladder's cursor, or the one picked in the list of orders."""
        if self.focus == "orders":
            orders = list(self.model.account.orders.values())
            at = self.cursor("orders", len(orders))
            return orders[at : at + 1] if at >= 0 else []
        grid = self.grid()
        if grid is None:
            return []
        price, span = grid.cursor_ucr, grid.step_ucr - 1
        bids = self.model.account.orders_in(self.symbol, price, price + span)
        asks = self.model.account.orders_in(self.symbol, price - span, price)
        return [o for o in bids if o.side == "buy"] + [o for o in asks if o.side == "sell"]

    def cancel_all(self) -> None:
        """Ask whether to cancel every open order of the account."""
        orders = self.model.account.orders.values()
        if not self._may_deal():
            return
        if not orders:
            self.say("You have no open orders.", "text")
            return
        self.dealing.ask(cancel_all_text(orders), OrderMassCancel(req_id=1))

    def release(self) -> None:
        """Ask whether to give back the lease picked in the list of leases."""
        leases = list(self.model.account.leases.values())
        at = self.cursor("leases", len(leases))
        if not self._may_deal():
            return
        if self.focus != "leases" or at < 0 or leases[at].side != "buy":
            self.say("Pick a lease you rent in the list of leases first.", "text")
            return
        lease, account = leases[at], self.model.account
        text = releasing.question(
            lease, account.vms.values(), account.alerts.silent(lease.lease_id)
        )
        self.dealing.ask(text, LeaseRelease(req_id=1, lease_id=lease.lease_id))

    def _may_deal(self) -> bool:
        if self.read_only:
            self.say("Read-only: this terminal sends no orders.", "text")
        return not self.read_only

    # --- answers ---

    def say(self, text: str, ink: str, now_ms: int = 0) -> None:
        self.model.message = Message(text, ink, now_ms)

    def answered(self, order: Order, result: object) -> None:
        """The exchange did it; account frames tell the rest."""
        if not isinstance(order, OrderCancel | OrderMassCancel | LeaseRelease):
            self.dealing.answered()

    def refused(self, order: Order, why: Refusal) -> None:
        self.say(self._named(order) + refusal(why), "warn")
        if not isinstance(order, OrderCancel | OrderMassCancel | LeaseRelease):
            self.dealing.refused()

    def _named(self, order: Order) -> str:
        """Return which order a cancel was for, "" for what the ticket shows."""
        if not isinstance(order, OrderCancel):
            return ""
        known = self.model.account.orders.get(order.order_id or "")
        if known is None:
            return f"{order.order_id}: "
        return f"{terms(known, self.model.places(known.symbol))}, {known.order_id}: "

    def unanswered(self, order: Order) -> None:
        """The connection was lost with the request: nobody knows yet what became of it."""
        self.say(
            "No answer before the connection was lost: look at your orders once it is back.", "warn"
        )
        self.dealing.drop()
