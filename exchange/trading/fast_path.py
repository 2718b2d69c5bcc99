"""A faster path for placing and canceling plain orders, which are nine of ten.

A plain order is a limit order, good till canceled, without extras, whose account and instrument set
no limits: its money and slots are set aside, then it trades as any other or is queued. This module
holds no rules: each condition below only detects that ``risk.py`` or ``orders.py`` must check
something, and then those handle the command as if this module did not exist. Otherwise it does the
same steps as they do, in one function: in CPython the calls between them cost as much as the work
(see ``bench/``). `tests/exchange/trading/test_fast_path.py` plays the same commands both ways and
compares the bytes.
"""

from typing import Any, Final

from msgspec.structs import astuple

from exchange.model import emit
from exchange.model.account import Order
from exchange.model.commands import Command, shown_fills
from exchange.model.state import State
from exchange.trading import execution, orders
from exchange.wire.requests import OrderCancel, OrderPlace
from exchange.wire.results import Done, OrderResult, Refused

_DONE: Final = Done
_RESULT: Final = OrderResult
"""Compiled code finds these at once, imported names by a dict."""
_SIDE: Final = 2
_KIND: Final = 3
_IN_FORCE: Final = 6
_EXPIRE_MS: Final = 7
_POST_ONLY: Final = 8
_MIN_QTY: Final = 9
_HOSTS: Final = 11
_DEADLINE_MS: Final = 12
"""Where an `OrderPlace` has them: all fields at once cost compiled code as much as three."""


def place(state: State, command: Command, request: OrderPlace) -> Done | Refused:
    """Place an order: a plain one at once, any other through `orders.place`."""
    asked: tuple[Any, ...] = astuple(request)
    name: str = asked[0]
    qty: int = asked[4]
    price_ucr: int | None = asked[5]
    account, instrument = state.ledger.accounts[command.account], state.instruments.get(asked[1])
    if (
        instrument is None
        or price_ucr is None
        or (asked[_KIND] != "limit" or asked[_IN_FORCE] != "gtc" or asked[_POST_ONLY])
        or (asked[_EXPIRE_MS] is not None or asked[_MIN_QTY] is not None)
        or (asked[_HOSTS] is not None or asked[_DEADLINE_MS] is not None)
        or (name in account.orders or state.ended_orders.may_know(account, name))
        or (account.limited or account.killed or state.killed)
        or (not instrument.tradable or instrument.band_pct or price_ucr % instrument.tick_ucr)
    ):
        return orders.place(state, command, request)
    book, host = instrument.book, None
    if asked[_SIDE] == "buy":
        best, unit_ucr = book.asks.keys, price_ucr
        crosses = bool(best) and best[-1] >= -price_ucr
    else:
        best = book.bids.keys
        crosses = bool(best) and best[-1] >= price_ucr
        unit_ucr = (best[-1] if crosses else price_ucr) // instrument.bond_divisor
        hosts = account.hosts.get(instrument.zone.zone)
        if hosts is None or len(hosts) > 1:
            return orders.place(state, command, request)
        host = hosts[0]
    need, bucket, held_ucr = instrument.need, instrument.start_ms, unit_ucr * qty
    if held_ucr > account.available_ucr or (
        host is not None and not host.take_if_free(instrument.class_name, need, bucket, qty)
    ):
        return orders.place(state, command, request)
    # From here on nothing can be refused: make the order live.
    state.counters.order = number = state.counters.order + 1
    sign, backing = (1, None) if host is None else (-1, [(host, qty)])
    order_id, session = f"o-{number}", command.session
    order = Order(number, order_id, account, request, sign, price_ucr, session, unit_ucr, backing)
    account.orders[name] = account.open_orders[number] = order
    if crosses:
        state.ledger.hold(account, held_ucr, "order")
        execution.trade_and_rest(state, instrument, order, "new")
        return Done(orders.result_of(order))
    book.rest(order)
    account.available_ucr -= held_ucr
    account.held_ucr += held_ucr
    emit.order_and_balance(state, account, order, name, instrument.symbol, "new")
    return _DONE() if state.quiet else _DONE(_RESULT(order_id, name, "new", 0, qty, False, []))


def cancel(state: State, command: Command, request: OrderCancel) -> Done | Refused:
    """Cancel an order: one named by its client's id at once, any other through `orders.cancel`."""
    account = state.ledger.accounts[command.account]
    name = request.client_order_id
    order = None if name is None or request.order_id is not None else account.orders.get(name)
    if name is None or order is None or order.level is None or not order.hold_unit_ucr:
        return orders.cancel(state, command, request)
    placed, qty, backing = order.request, order.leaves_qty, order.backing
    if placed.expire_ms is not None:
        return orders.cancel(state, command, request)
    instrument = state.instruments[placed.symbol]
    instrument.book.remove(order)
    if backing is not None:
        for host, units in backing:
            host.take(instrument.need, instrument.start_ms, -units)
        backing.clear()
    order.done_ms = state.now_ms
    order.leaves_qty, order.status, order.reason = 0, "canceled", "user"
    del account.open_orders[order.number]
    state.done_orders[order.number] = order
    freed_ucr = order.hold_unit_ucr * qty
    account.available_ucr += freed_ucr
    account.held_ucr -= freed_ucr
    assert account.held_ucr >= 0, "a hold is never more than what was set aside"
    emit.order_and_balance(state, account, order, name, instrument.symbol, "canceled", "user")
    if state.quiet:
        return _DONE()
    order_id, filled_qty = order.order_id, order.filled_qty
    rows, more = shown_fills(order.fills)
    return _DONE(_RESULT(order_id, name, "canceled", filled_qty, 0, False, rows, "user", more))
