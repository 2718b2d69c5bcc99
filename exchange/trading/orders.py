"""Order entry: place, replace and cancel one order.

Each handler checks everything first and changes something only when nothing can be refused any
more; matching and settlement are in ``execution.py``, the checks in ``risk.py``. Source: rules.md
4.1, 4.2, 4.6.
"""

import msgspec

from exchange.model import emit
from exchange.model.account import Account, Order, make_order
from exchange.model.commands import Command, shown_fills
from exchange.model.instrument import Instrument
from exchange.model.state import State
from exchange.trading import execution, reserve, risk
from exchange.units import MS_PER_DAY
from exchange.wire.requests import OrderCancel, OrderPlace, OrderReplace
from exchange.wire.results import Done, FillRow, OrderResult, Refused


def place(state: State, command: Command, request: OrderPlace) -> Done | Refused:
    """Accept an order, trade what crosses, rest what may (rules.md 4.1)."""
    account = state.ledger.accounts[command.account]
    known = _named(state, account, request.client_order_id)
    if known is not None and not forgotten(state, known):
        return _repeated(known, request)
    instrument = state.instruments.get(request.symbol)
    if instrument is None:
        return risk.no_instrument(request.symbol)
    refused = risk.check(state, account, instrument, request)
    if refused is not None:
        return refused
    limit_ucr, qty = request.price_ucr, request.qty
    if limit_ucr is None:
        limit_ucr = risk.protection_ucr(instrument, request)
        refused = risk.check_size(account, qty, limit_ucr)
        if refused is not None:
            return refused
    order = make_order(state.counters.order + 1, account, request, limit_ucr, command.session)
    if limit_ucr is not None:
        refused = reserve.admit(state, instrument, order, limit_ucr)
        if refused is not None:
            return refused
    execution.enter(state, instrument, order)
    return Done(result_of(order))


def _repeated(known: Order, request: OrderPlace) -> Done | Refused:
    """The client_order_id was used before: the same body gets the outcome (rules.md 4.6)."""
    if msgspec.structs.replace(request, req_id=known.request.req_id) == known.request:
        return Done(result_of(known, duplicate=True), duplicate=True)
    return Refused(
        "duplicate_client_order_id",
        f"{request.client_order_id!r} names another order",
        "client_order_id",
    )


def replace(state: State, command: Command, request: OrderReplace) -> Done | Refused:
    """Change price or total of a live order, wholly or not at all (rules.md 4.2)."""
    account = state.ledger.accounts[command.account]
    order = _find(state, account, request)
    if isinstance(order, Refused):
        return order
    instrument = state.instruments[order.symbol]
    assert order.price_ucr is not None
    price_ucr = order.price_ucr if request.price_ucr is None else request.price_ucr
    qty = order.qty if request.qty is None else request.qty
    refused = risk.check_market(state, account, instrument)
    if refused is None and price_ucr != order.price_ucr:
        refused = risk.check_price(instrument, price_ucr)
    if refused is None and qty > order.filled_qty:
        refused = risk.check_size(account, qty, price_ucr)
    if refused is not None:
        return refused
    if qty <= order.filled_qty:
        return _finish_by_replace(state, instrument, order)
    if price_ucr == order.price_ucr and qty <= order.qty:
        return _shrink(state, instrument, order, qty)
    return _requeue(state, instrument, order, price_ucr, qty)


def _finish_by_replace(state: State, instrument: Instrument, order: Order) -> Done:
    """Replaced to no more than it has: filled at what it has (rules.md 4.2)."""
    instrument.book.remove(order)
    order.qty = order.filled_qty
    execution.finish(state, instrument, order, "filled", None)
    emit.order(state, order, "replaced")
    return Done(result_of(order, fills=[]))


def _shrink(state: State, instrument: Instrument, order: Order, qty: int) -> Done:
    """A smaller total at the same price keeps the priority (rules.md 4.2)."""
    by_qty = order.qty - qty
    if by_qty:
        instrument.book.reduce(order, by_qty)
        reserve.give_back(state, instrument, order, by_qty)
        order.qty = qty
    emit.order(state, order, "replaced")
    return Done(result_of(order, fills=[]))


def _requeue(
    state: State, instrument: Instrument, order: Order, price_ucr: int, qty: int
) -> Done | Refused:
    """Another price or a larger total: checked as a new order would be, then queued last."""
    book = instrument.book
    crosses = book.crosses(order.sign, price_ucr)
    if crosses and order.request.post_only:
        return Refused("post_only_would_cross", "the order would trade at once", "price_ucr")
    leaves_qty = qty - order.filled_qty
    probe = make_order(0, order.account, order.request, price_ucr)
    probe.leaves_qty = leaves_qty
    own_in_way = crosses and book.meets_own(probe, price_ucr)
    state.looked_at += book.take_looked_at()
    if own_in_way and order.request.stp == "cancel_newest":
        return Refused("self_trade", "the replace would meet an own order")
    backing = order.backing
    if order.sign > 0:
        unit_ucr = price_ucr
    else:
        unit_ucr = reserve.checked_bond_ucr(instrument, price_ucr)
        backing = reserve.resized(instrument, order, leaves_qty)
        if backing is None:
            return reserve.no_capacity(msgspec.structs.replace(order.request, qty=leaves_qty))
    held_ucr = order.hold_unit_ucr * order.leaves_qty
    more_ucr = unit_ucr * leaves_qty - held_ucr
    if more_ucr > order.account.available_ucr:
        return risk.no_funds(order.account, more_ucr, "the replace")
    book.remove(order)
    reserve.give_back(state, instrument, order, order.leaves_qty)
    order.price_ucr, order.qty, order.leaves_qty = price_ucr, qty, leaves_qty
    reserve.set_aside(state, instrument, order, unit_ucr, backing)
    before = len(order.fills or ())
    execution.trade_and_rest(state, instrument, order, "replaced")
    return Done(result_of(order, fills=(order.fills or [])[before:]))


def cancel(state: State, command: Command, request: OrderCancel) -> Done | Refused:
    """Cancel a live order; always passes, whatever is halted or killed."""
    order = _find(state, state.ledger.accounts[command.account], request)
    if isinstance(order, Refused):
        return order
    execution.cancel_resting(state, order, "user")
    return Done(result_of(order))


def _find(state: State, account: Account, request: OrderReplace | OrderCancel) -> Order | Refused:
    """Return the account's live order a request names (rules.md 4.5)."""
    if request.order_id is not None:
        found = _numbered(state, account, request.order_id)
    elif request.client_order_id is not None:
        found = _named(state, account, request.client_order_id)
    else:
        return Refused("invalid_field", "name an order_id or a client_order_id", "order_id")
    named = "client_order_id" if request.order_id is None else "order_id"
    if found is None:
        return Refused("unknown_order", "you have no such order", named)
    if found.level is None:
        return Refused("order_done", f"the order is {found.status}", named)
    return found


def _named(state: State, account: Account, client_order_id: str) -> Order | None:
    """Return the account's order of that name that lives or finished less than 24 h ago."""
    found = account.orders.get(client_order_id)
    return found or state.ended_orders.named(account, client_order_id)


def _numbered(state: State, account: Account, order_id: str) -> Order | None:
    """Return an order of the account that lives or finished less than 24 h ago."""
    number = order_id.removeprefix("o-")
    if not number.isdecimal():
        return None
    found = account.open_orders.get(int(number)) or state.done_orders.get(int(number))
    if found is None:
        found = state.ended_orders.numbered(int(number))
    if found is None or found.account is not account or found.order_id != order_id:
        return None
    return found


def expire(state: State, number: int) -> None:
    """A gtd order's time has come."""
    order = state.expiring[number]
    instrument = state.instruments[order.symbol]
    instrument.book.remove(order)
    execution.finish(state, instrument, order, "expired", None)
    emit.order(state, order, "expired")


def result_of(
    order: Order, *, duplicate: bool = False, fills: list[FillRow] | None = None
) -> OrderResult:
    """Return the result an ack carries; ``fills`` defaults to all so far."""
    if fills is None:
        fills = order.fills
    rows, more = shown_fills(fills)
    return OrderResult(
        order.order_id,
        order.request.client_order_id,
        order.status,
        order.filled_qty,
        order.leaves_qty,
        duplicate,
        rows,
        order.reason,
        more,
    )


def forgotten(state: State, order: Order) -> bool:
    """Did the order finish 24 h ago, so that its client_order_id is free again? (rules.md 4.6)"""
    return order.done_ms is not None and order.done_ms <= state.now_ms - MS_PER_DAY
