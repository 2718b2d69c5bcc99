"""The plain case of placing and canceling in one piece, because it is nine orders of ten.

A plain order is a limit order, good till canceled, without extras, whose account and instrument
set no limits, and that trades with nothing: it is backed, held for, queued and told. No rule
decides anything about it, so none stands here: every condition below only finds out that
``risk.py``, ``orders.py`` or ``execution.py`` would have something to say, and then those handle
the command as if this module did not exist. What is done here is what they do, step by step, in one
frame: in CPython the calls between them cost as much as the work (see ``bench/``).
`tests/exchange/test_plain.py` plays the same commands both ways and compares every byte.
"""

from typing import TYPE_CHECKING

from exchange import orders
from exchange.book import Order
from exchange.capacity import Host
from exchange.commands import Command, Done, OrderResult, Refused
from exchange.frames import BalanceUpdate, OrderUpdate
from exchange.instrument import Instrument
from exchange.ledger import Account
from exchange.protocol import OrderCancel, OrderPlace

if TYPE_CHECKING:
    from exchange.state import State


def place(state: "State", command: Command, request: OrderPlace) -> Done | Refused:
    """Place an order: a plain one at once, any other through `orders.place`."""
    account = state.ledger.accounts[command.account]
    instrument = state.instruments.get(request.symbol)
    price_ucr = request.price_ucr
    if (
        instrument is None
        or price_ucr is None
        or request.order_type != "limit"
        or request.time_in_force != "gtc"
        or request.expire_ms is not None
        or request.post_only
        or request.min_qty is not None
        or request.hosts is not None
        or request.deadline_ms is not None
        or request.client_order_id in account.orders
        or account.limited
        or account.killed
        or state.killed
        or not instrument.tradable
        or instrument.band_pct
        or price_ucr % instrument.tick_ucr
    ):
        return orders.place(state, command, request)
    book = instrument.book
    if request.side == "buy":
        opposite, limit_key, unit_ucr, host = book.asks.keys, -price_ucr, price_ucr, None
    else:
        opposite, limit_key = book.bids.keys, price_ucr
        unit_ucr = price_ucr // instrument.bond_divisor
        hosts = account.hosts.get(instrument.zone.zone)
        host = hosts[0] if hosts is not None and len(hosts) == 1 else None
        if host is None:
            return orders.place(state, command, request)
    if (opposite and opposite[-1] >= limit_key) or unit_ucr * request.qty > account.available_ucr:
        return orders.place(state, command, request)
    if host is not None and not host.take_if_free(
        instrument.class_name, instrument.need, instrument.start_ms, request.qty
    ):
        return orders.place(state, command, request)
    return _enter(state, account, instrument, request, command.session, unit_ucr, host)


def _enter(
    state: "State",
    account: Account,
    instrument: Instrument,
    request: OrderPlace,
    session: int,
    unit_ucr: int,
    host: Host | None,
) -> Done:
    """A plain order comes to life: hold, queue, tell. Its slots on ``host`` are taken already."""
    client_order_id, qty, price_ucr = request.client_order_id, request.qty, request.price_ucr
    state.counters.order = number = state.counters.order + 1
    order_id = f"o-{number}"
    sign, backing = (1, None) if host is None else (-1, [(host, qty)])
    order = Order(
        number, order_id, account, request, sign, price_ucr, qty, qty, session, unit_ucr, backing
    )
    account.orders[client_order_id] = account.open_orders[number] = order
    account.available_ucr = available_ucr = account.available_ucr - unit_ucr * qty
    account.held_ucr = held_ucr = account.held_ucr + unit_ucr * qty
    instrument.book.rest(order)
    account_id, seq, now_ms = account.account_id, state.seq, state.now_ms
    account.account_seq = told = account.account_seq + 2
    if not state.quiet:
        state.outs += (
            (
                account_id,
                OrderUpdate(
                    told - 1,
                    seq,
                    now_ms,
                    order_id,
                    client_order_id,
                    request.symbol,
                    request.side,
                    "new",
                    "new",
                    qty,
                    0,
                    qty,
                    0,
                    price_ucr,
                ),
            ),
            (account_id, BalanceUpdate(told, seq, now_ms, available_ucr, held_ucr, "order")),
        )
    return Done(OrderResult(order_id, client_order_id, "new", 0, qty, False, []))


def cancel(state: "State", command: Command, request: OrderCancel) -> Done | Refused:
    """Cancel an order: one named by its client's id at once, any other through `orders.cancel`."""
    account = state.ledger.accounts[command.account]
    name = request.client_order_id
    order = None if name is None or request.order_id is not None else account.orders.get(name)
    if order is None or order.level is None or order.request.expire_ms is not None:
        return orders.cancel(state, command, request)
    instrument = state.instruments[order.request.symbol]
    instrument.book.remove(order)
    qty, backing = order.leaves_qty, order.backing
    if backing is not None:
        for host, units in backing:
            host.take(instrument.need, instrument.start_ms, -units)
        backing.clear()
    order.leaves_qty, order.status, order.reason = 0, "canceled", "user"
    order.done_ms = state.now_ms
    del account.open_orders[order.number]
    state.done_orders[order.number] = order
    return _leave(state, account, order, order.hold_unit_ucr * qty)


def _leave(state: "State", account: Account, order: Order, free_ucr: int) -> Done:
    """A canceled order gives back what it held; its owner is told."""
    account.available_ucr = available_ucr = account.available_ucr + free_ucr
    account.held_ucr = held_ucr = account.held_ucr - free_ucr
    assert held_ucr >= 0, "a hold is never more than what was set aside"
    request, order_id, fills = order.request, order.order_id, order.fills
    client_order_id, filled_qty = request.client_order_id, order.filled_qty
    account_id, seq, now_ms = account.account_id, state.seq, state.now_ms
    told = account.account_seq + 1
    account.account_seq = told + 1
    if not state.quiet:
        state.outs += (
            (
                account_id,
                OrderUpdate(
                    told,
                    seq,
                    now_ms,
                    order_id,
                    client_order_id,
                    request.symbol,
                    request.side,
                    "canceled",
                    "canceled",
                    order.qty,
                    filled_qty,
                    0,
                    order.filled_notional_ucr,
                    order.price_ucr,
                    "user",
                ),
            ),
            (account_id, BalanceUpdate(told + 1, seq, now_ms, available_ucr, held_ucr, "order")),
        )
    rows = list(fills) if fills else []
    return Done(
        OrderResult(order_id, client_order_id, "canceled", filled_qty, 0, False, rows, "user")
    )
