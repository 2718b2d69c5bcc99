"""Executes an accepted order: sets money and slots aside, matches, settles, ends it.

A fill moves the buyer's hold and the seller's bond from the two orders to one lease per host that
backs the ask; slots move from the ask to the lease unchanged. Source: rules.md 3.2, 3.3, 4.1, 4.4.
"""

from exchange.leases import leasing
from exchange.model import emit
from exchange.model.account import Account, Order
from exchange.model.capacity import Backing, Host
from exchange.model.instrument import Instrument
from exchange.model.state import State
from exchange.model.timers import TimerKind
from exchange.trading.reserve import first_slots, give_back
from exchange.units import MS_PER_HOUR
from exchange.wire.results import FillRow
from exchange.wire.types import OrderStatus


def enter(state: State, instrument: Instrument, order: Order) -> None:
    """Make an order that passed all checks live."""
    account, request, number = order.account, order.request, order.number
    state.counters.order = number
    account.orders[request.client_order_id] = order
    account.open_orders[number] = order
    reason = None
    if order.price_ucr is None:
        reason = "no_liquidity"
    elif request.time_in_force == "fok" or request.min_qty is not None:
        reason = _infeasible(instrument, order, order.price_ucr)
        state.looked_at += instrument.book.take_looked_at()
    if reason is not None:
        emit.order(state, order, "new")
        _cancel(state, instrument, order, reason)
        return
    trade_and_rest(state, instrument, order, "new")
    if request.expire_ms is not None and order.level is not None:
        state.expiring[number] = order
        state.timers.set(request.expire_ms, TimerKind.ORDER, number)


def _infeasible(instrument: Instrument, order: Order, limit_ucr: int) -> str | None:
    """Return why an order that needs a quantity at once cannot have it; checked first (rules.md
    4.4)."""
    request = order.request
    fok = request.time_in_force == "fok"
    enough = order.qty if fok else request.min_qty or 0
    if instrument.book.fillable(order, limit_ucr, enough) >= enough:
        return None
    return "fok_not_filled" if fok else "min_qty_not_met"


def trade_and_rest(state: State, instrument: Instrument, order: Order, what: str) -> None:
    """Announce the order as ``what``, match it, and rest, cancel or finish what is left."""
    emit.order(state, order, what)
    limit_ucr, request, book = order.price_ucr, order.request, instrument.book
    assert limit_ucr is not None
    crosses = book.crosses(order.sign, limit_ucr)
    if crosses:
        _trade(state, instrument, order, limit_ucr)
        if order.done_ms is not None:
            return
    if request.order_type == "market":
        _cancel(state, instrument, order, "no_liquidity")
    elif request.time_in_force == "ioc":
        _cancel(state, instrument, order, "ioc_remainder")
    else:
        if crosses and order.sign < 0:
            _lower_bond(state, instrument, order, limit_ucr)
        book.rest(order)


def _trade(state: State, instrument: Instrument, order: Order, limit_ucr: int) -> None:
    """Match an order that crosses and settle each step."""
    for kind, maker, qty in instrument.book.match(order, limit_ucr):
        if kind == "fill":
            _settle_fill(state, instrument, order, maker, qty)
        elif kind == "decrement":
            _decrement(state, instrument, order, maker, qty)
        elif kind == "cancel_maker":
            _cancel(state, instrument, maker, "self_trade")
        else:
            _cancel(state, instrument, order, "self_trade")


def _lower_bond(state: State, instrument: Instrument, order: Order, limit_ucr: int) -> None:
    """A resting ask holds the bond at its limit, not at the bid it was checked against."""
    unit_ucr = instrument.bond_ucr(limit_ucr)
    surplus_ucr = order.hold_unit_ucr - unit_ucr
    if surplus_ucr:
        state.ledger.void(order.account, surplus_ucr * order.leaves_qty, "order")
        order.hold_unit_ucr = unit_ucr


def _settle_fill(
    state: State, instrument: Instrument, taker: Order, maker: Order, qty: int
) -> None:
    """One trade at the maker's price (rules.md 4.1): both orders, money, leases."""
    price_ucr = maker.price_ucr
    assert price_ucr is not None
    counters = state.counters
    counters.trade = number = counters.trade + 1
    trade_id = f"t-{number}"
    taker.leaves_qty -= qty
    instrument.last_trades.append((price_ucr, qty))
    emit.trade(state, taker, qty, price_ucr, trade_id)
    fill = FillRow(trade_id, price_ucr, qty)
    _fill(state, instrument, maker, fill, "maker")
    _fill(state, instrument, taker, fill, "taker")
    buying, selling = (taker, maker) if taker.sign > 0 else (maker, taker)
    bond_unit_ucr = instrument.bond_ucr(price_ucr)
    if buying.hold_unit_ucr != price_ucr:
        _move_hold(state, buying, price_ucr, qty)
    if selling.hold_unit_ucr != bond_unit_ucr:
        _move_hold(state, selling, bond_unit_ucr, qty)
    if instrument.start_ms is not None and len(selling.backing or ()) > 1:
        _prefer_hosts_of(state, instrument, buying.account, selling)
    for host, units in _hand_out(selling, qty):
        leasing.grant(state, instrument, buying, selling, host, units, fill)


def _fill(
    state: State, instrument: Instrument, order: Order, fill: FillRow, liquidity: str
) -> None:
    """Count a fill on one order and send it to its owner."""
    qty = fill.qty
    order.filled_qty += qty
    order.filled_notional_ucr += fill.price_ucr * qty
    if order.fills is None:
        order.fills = [fill]
    else:
        order.fills.append(fill)
    if order.leaves_qty:
        order.status = "partially_filled"
    else:
        finish(state, instrument, order, "filled", None)
    emit.fill(state, order, fill, liquidity)


def _move_hold(state: State, order: Order, unit_ucr: int, qty: int) -> None:
    """Change an order's hold for ``qty`` to ``unit_ucr`` each, now the lease's."""
    state.ledger.void(order.account, (order.hold_unit_ucr - unit_ucr) * qty, "trade")


def _prefer_hosts_of(state: State, instrument: Instrument, buyer: Account, ask: Order) -> None:
    """Take a window's slots first on hosts where the buyer's lease of the hour before runs, so that
    its VMs can carry over (rules.md 3.2)."""
    assert instrument.start_ms is not None and ask.backing is not None
    before_ms = instrument.start_ms - MS_PER_HOUR

    def is_elsewhere(slot: tuple[Host, int]) -> bool:
        leases = state.window_leases.get((slot[0].host_id, before_ms), ())
        return not any(
            lease.buyer is buyer and lease.instrument.class_name == instrument.class_name
            for lease in leases
        )

    ask.backing.sort(key=is_elsewhere)


def _hand_out(ask: Order, units: int) -> Backing:
    """Take the slots of a fill out of the ask's backing, in backing order."""
    backing = ask.backing
    assert backing is not None, "every ask is backed"
    host, slots = backing[0]
    if slots >= units:
        if slots == units:
            del backing[0]
        else:
            backing[0] = (host, slots - units)
        return [(host, units)]
    chosen = first_slots(backing, units)
    whole = len(chosen) - 1
    host, taken = chosen[whole]
    left = backing[whole][1] - taken
    ask.backing = backing[whole + 1 :]
    if left:
        ask.backing.insert(0, (host, left))
    return chosen


def _decrement(state: State, instrument: Instrument, taker: Order, maker: Order, qty: int) -> None:
    """Self-trade: both own orders shrink by ``qty``; an order left with 0 is canceled."""
    taker.leaves_qty -= qty
    for order in (maker, taker):
        give_back(state, instrument, order, qty)
        if order.leaves_qty:
            order.qty -= qty
            emit.order(state, order, "replaced", "self_trade")
        else:
            _cancel(state, instrument, order, "self_trade")


def cancel_resting(state: State, order: Order, reason: str) -> None:
    """Take a resting order out of the book and end it."""
    instrument = state.instruments[order.request.symbol]
    instrument.book.remove(order)
    finish(state, instrument, order, "canceled", reason)
    emit.order(state, order, "canceled", reason)


def _cancel(state: State, instrument: Instrument, order: Order, reason: str) -> None:
    """End an order that is not in a book."""
    finish(state, instrument, order, "canceled", reason)
    emit.order(state, order, "canceled", reason)


def finish(
    state: State, instrument: Instrument, order: Order, status: OrderStatus, reason: str | None
) -> None:
    """Release what the rest of an order holds and close it."""
    leaves_qty = order.leaves_qty
    if leaves_qty:
        order.leaves_qty = 0
        if order.hold_unit_ucr:
            state.ledger.void(order.account, order.hold_unit_ucr * leaves_qty, "order")
        backing = order.backing
        if backing is not None:
            for host, units in backing:
                host.take(instrument.need, instrument.start_ms, -units)
            backing.clear()
    order.status = status
    order.reason = reason
    order.done_ms = state.now_ms
    del order.account.open_orders[order.number]
    if order.request.expire_ms is not None:
        state.expiring.pop(order.number, None)
    state.done_orders[order.number] = order
