"""Keeps the book true: every group's asks are what its hosts can sell now, at the price of now.

Pure, beside the buying core: `apply` takes the same messages, and requests have numbers of the same
`Outgoing`. A change is looked at `SETTLE_MS` later, so that frames of one event are seen together;
what must be withdrawn is withdrawn first, and what grows waits for it. Asks of a host that is not
known yet are left alone. Source: manager.md, "Sell".
"""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final

from exchange.units import MS_PER_SECOND
from exchange.wire.frames import (
    Ack,
    BookSnapshot,
    BookUpdate,
    ErrorReply,
    HostUpdate,
    InstrumentUpdate,
    LeaseUpdate,
    OrderUpdate,
)
from manager.core.messages import Connected, ManagerMessage, Out, Unlisten
from manager.core.outgoing import Outgoing
from manager.selling.asks import Asks
from manager.selling.books import Books
from manager.selling.desk import Desk
from manager.selling.due import Due
from manager.selling.group import Group
from manager.selling.hours import next_minute_ms
from manager.selling.idle import why_idle
from manager.selling.limits import Limits
from manager.selling.owner import Owner
from manager.selling.preview import Preview, preview
from manager.selling.price import Hourly
from manager.selling.refusals import Refusals
from manager.selling.stock import Stock

SETTLE_MS: Final = 250
AWAY_MS: Final = 2 * MS_PER_SECOND
"""A host's row comes up to a second after its asks were withdrawn."""


class Selling:
    """See the module's text. Nothing is asked before `Connected`."""

    def __init__(
        self, outgoing: Outgoing, groups: tuple[Group, ...], clocks: dict[str, tzinfo]
    ) -> None:
        self.groups = {group.name: group for group in groups}
        self.stock = Stock(groups)
        self.asks = Asks()
        self.hibernating = False
        self.sells = bool(groups)
        """It has or had groups; asks are left alone by a Manager that never had any."""
        self._outgoing = outgoing
        self._books = Books(clocks)
        self._due = due = Due()
        self._refusals = Refusals()
        self._limits = limits = Limits(self.stock, self.asks)
        self._owner = Owner(outgoing, due)
        self._desk = Desk(outgoing, due, self.stock, self.asks, self._books, self._refusals, limits)
        self._account_seq = 0
        self._timed = [group for group in groups if _changes_with_time(group)]
        self._tick_ms: int | None = None
        self._signs: dict[tuple[str, str], tuple[Any, ...]] = {}

    # --- in ---

    def apply(self, message: ManagerMessage, now_ms: int) -> list[Out]:
        """Return what to do about ``message``. The shared `Outgoing` has its time already."""
        self._settle(now_ms)
        self._handle(message, now_ms)
        return self._outgoing.take()

    def wake(self, now_ms: int) -> list[Out]:
        self._settle(now_ms)
        return self._outgoing.take()

    def next_deadline_ms(self) -> int | None:
        if not self._outgoing.online:
            return None
        times = (self._due.next_ms(), self._tick_ms)
        return min((at_ms for at_ms in times if at_ms is not None), default=None)

    def hibernate(self, on: bool, now_ms: int) -> list[Out]:
        """Withdraw every ask and recall what groups have sold, until it is switched off."""
        self.hibernating = on
        self._mark_all(now_ms)
        return self.wake(now_ms)

    def reconfigure(self, groups: tuple[Group, ...], hibernating: bool, now_ms: int) -> list[Out]:
        """Go by other groups; the book shows it at once. Leases of those that are gone run on."""
        self.sells = self.sells or bool(groups)
        self.groups = {group.name: group for group in groups}
        self.stock.regroup(groups)
        self.hibernating = hibernating
        self._timed = [group for group in groups if _changes_with_time(group)]
        self._tick_ms = next_minute_ms(now_ms) if self._timed and self._outgoing.online else None
        self._signs.clear()
        self._desk.forget(self.groups)
        self._limits.restart()
        self._mark_all(now_ms)
        return self.wake(now_ms)

    def preview(self, group: Group, now_ms: int) -> tuple[list[Out], Preview]:
        """Return what ``group`` would ask for; books its price goes by are followed from now on."""
        at_ms = self._outgoing.exchange_ms - self._outgoing.now_ms + now_ms
        found = preview(self.stock, self._books, group, at_ms)
        for symbol in found.unread:
            self._desk.listen(symbol)
        return self._outgoing.take(), found

    def idle(self, group: Group) -> str:
        """Say why ``group`` has no asks, "" when it has."""
        if any(ask.leaves for ask in self.asks.of_group(group.name)):
            return ""
        if self.hibernating:
            return "hibernating"
        if not self._outgoing.online:
            return "no connection to the exchange"
        return why_idle(self.stock, self._books, group, self._outgoing.exchange_ms)

    def _handle(self, message: ManagerMessage, now_ms: int) -> None:
        soon_ms = now_ms + SETTLE_MS
        match message:
            case HostUpdate():
                if self.stock.update(message):
                    self._refusals.forget(message.host)
                    self._mark(message.host, soon_ms)
            case InstrumentUpdate():
                self._instrument(message, soon_ms)
            case BookSnapshot() | BookUpdate():
                self._books.depth.book(message)
                self._due.mark((0, message.symbol), soon_ms)
            case OrderUpdate() | LeaseUpdate():
                self._frame(message, now_ms)
            case Ack():
                self._answered(message.req_id, message.result or {}, None, now_ms)
            case ErrorReply():
                self._answered(message.req_id, {}, message, now_ms)
            case Connected():
                self._connected(message, now_ms)
            case _:
                pass  # what concerns rules and their units, or nobody

    def _frame(self, frame: OrderUpdate | LeaseUpdate, now_ms: int) -> None:
        if frame.account_seq <= self._account_seq:
            return  # contained in the state that `Connected` brought
        self._account_seq = frame.account_seq
        if isinstance(frame, LeaseUpdate):
            host = self.stock.lease(frame)
            if host is not None:
                self._mark(host, now_ms + SETTLE_MS)
            return
        self._books.depth.order(frame)
        ask = self.asks.fold(frame)
        if ask is None:
            return
        if frame.status in ("canceled", "expired") and frame.reason != "user":
            wait_ms = 30 * AWAY_MS if frame.reason == "self_trade" else AWAY_MS
            self._refusals.later(ask.host, ask.symbol, now_ms, wait_ms)
        self._mark(ask.host, now_ms + SETTLE_MS)

    def _instrument(self, row: InstrumentUpdate, soon_ms: int) -> None:
        if not self._books.update(row):
            return
        if row.state == "settled" and self._desk.listened.pop(row.symbol, False):
            self._outgoing.emit(Unlisten(row.symbol))
        for host, hosting in self.stock.hosts.items():
            group, at = hosting.group, hosting.row
            if group is None or at is None or at.zone != row.zone:
                continue
            if row.class_ in group.offer.shapes:
                self._mark(host, soon_ms)

    def _connected(self, state: Connected, now_ms: int) -> None:
        self._account_seq = state.account_seq
        self.stock.rebuild(state.leases)
        self.asks.rebuild(state.orders)
        self._books.depth.rebuild(state.orders)
        self._limits.restart()
        self._desk.restart()
        self._owner.restart()
        self._tick_ms = next_minute_ms(now_ms) if self._timed else None
        self._mark_all(now_ms + SETTLE_MS)

    def _answered(
        self, req_id: int, result: Mapping[str, Any], error: ErrorReply | None, now_ms: int
    ) -> None:
        host = self._owner.answered(req_id, error, now_ms)
        host = host or self._desk.answered(req_id, error, now_ms)
        if host is not None:
            self._mark(host, now_ms + SETTLE_MS)

    # --- when something is due ---

    def _settle(self, now_ms: int) -> None:
        if not self._outgoing.online:
            return
        while (due_ms := self.next_deadline_ms()) is not None and due_ms <= now_ms:
            if self._tick_ms is not None and self._tick_ms <= due_ms:
                self._tick_ms = next_minute_ms(due_ms)
                self._minute(due_ms)
            subject = self._due.take(due_ms)
            if subject is not None:
                self._look_at(subject, due_ms)

    def _look_at(self, subject: tuple[int, str], now_ms: int) -> None:
        kind, name = subject
        if kind == 0:
            self._price(name, now_ms)
        elif kind == 1:
            group = self.groups.get(name)
            for host in self._limits.changed(group) if group is not None else ():
                self._due.mark((2, host), now_ms)
        elif self.sells:
            self._host(name, now_ms)

    def _host(self, host: str, now_ms: int) -> None:
        hosting = self.stock.at(host)
        group, row = hosting.group, hosting.row
        if row is not None and group is not None and group.offer.kind != "none":
            at_ms = self._outgoing.exchange_ms - self._outgoing.now_ms + now_ms
            is_open = not self.hibernating and self._books.spot_open(group, row.zone, at_ms)
            self._owner.limit(group, row, now_ms)
            if self.hibernating or (group.offer.notice_only and not is_open):
                self._owner.recall(hosting, now_ms)
        extra = None if group is None else self._limits.of(group, host)
        closed = self.hibernating or (row is not None and self._owner.waits(group, row, now_ms))
        self._desk.serve(host, self.groups, extra, closed, now_ms)
        self._limits.touch(host)

    def _price(self, symbol: str, now_ms: int) -> None:
        """The book has changed: look at the hosts whose asks it concerns, when it may be."""
        for group in self.groups.values():
            if self._desk.follows(group, symbol):
                held_ms = self._books.held_until_ms(group, symbol)
                if now_ms < held_ms:
                    self._due.mark((0, symbol), held_ms)
                if self._desk.price_moved(group, symbol, now_ms):
                    for host in self.stock.of_group(group.name):
                        self._due.mark((2, host), now_ms)

    def _minute(self, now_ms: int) -> None:
        """Look at the hosts of groups whose hours or prices are not what they were."""
        at_ms = self._outgoing.exchange_ms - self._outgoing.now_ms + now_ms
        for group in self._timed:
            for host in self.stock.of_group(group.name):
                row = self.stock.at(host).row
                assert row is not None, "a host has a group by its row"
                sign = (
                    self._books.spot_open(group, row.zone, at_ms),
                    self._books.hour_price(group, row.zone, at_ms),
                )
                if self._signs.get((group.name, host)) != sign:
                    self._signs[group.name, host] = sign
                    self._due.mark((2, host), now_ms)

    def _mark(self, host: str, at_ms: int) -> None:
        self._limits.touch(host)
        group = self.stock.at(host).group
        if group is not None and group.offer.max_units is not None:
            self._due.mark((1, group.name), at_ms)
        self._due.mark((2, host), at_ms)

    def _mark_all(self, at_ms: int) -> None:
        for host in dict.fromkeys([*self.stock.hosts, *self.asks.hosts()]):
            self._mark(host, at_ms)


def _changes_with_time(group: Group) -> bool:
    return not group.offer.calendar.always or isinstance(group.offer.price, Hourly)
