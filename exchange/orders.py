"""Order entry: place, replace, cancel and mass cancel.

Each handler checks everything first and changes something only when nothing can be refused any
more; matching and settlement are in ``execution.py``, the checks in ``risk.py``. Rule numbers are
those of domain.md, "Matching".
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from exchange import execution, risk, tell
from exchange.book import Order, make_order
from exchange.capacity import Backing, Host, allocate
from exchange.commands import (
    SYSTEM,
    Command,
    Done,
    FillRow,
    OrderResult,
    Refused,
    SessionDropped,
)
from exchange.instrument import Instrument
from exchange.ledger import Account
from exchange.protocol import (
    OrderCancel,
    OrderCancelAllAfter,
    OrderCancelOnDisconnect,
    OrderMassCancel,
    OrderPlace,
    OrderReplace,
)
from exchange.state import DeadMan
from exchange.units import MAX_PRICE_UCR, MS_PER_DAY, ceil_div

if TYPE_CHECKING:
    from exchange.state import State

K = TypeVar("K")
V = TypeVar("V")

FORGET_EVERY_MS = 60_000
MARKET_SLIPPAGE_PCT = 10
"""How far a market order without protection price may go beyond the best price."""


def place(state: "State", command: Command, request: OrderPlace) -> Done | Refused:
    """Accept an order, trade what crosses, rest what may (protocol.md, ``order.place``)."""
    account = state.ledger.accounts[command.account]
    known = account.orders.get(request.client_order_id)
    if known is not None and not _forgotten(state, known):
        return _repeated(known, request)
    instrument = state.instruments.get(request.symbol)
    if instrument is None:
        return risk.no_instrument(request.symbol)
    limit_ucr = request.price_ucr
    refused = risk.check(state, account, instrument, request)
    if refused is not None:
        return refused
    if limit_ucr is None:
        limit_ucr = _protection_ucr(instrument, request)
        refused = risk.check_size(account, request.qty, limit_ucr)
        if refused is not None:
            return refused
    order = make_order(state.counters.order + 1, account, request, limit_ucr)
    refused = _admit(state, instrument, order)
    if refused is not None:
        return refused
    order.session = command.session
    execution.enter(state, instrument, order)
    return Done(result_of(order))


def _repeated(known: Order, request: OrderPlace) -> Done | Refused:
    """The client_order_id was used before (rule 10): the same body gets the current outcome."""
    if msgspec.structs.replace(request, req_id=known.request.req_id) == known.request:
        return Done(result_of(known, duplicate=True), duplicate=True)
    return Refused(
        "duplicate_client_order_id",
        f"{request.client_order_id!r} names another order",
        "client_order_id",
    )


def _protection_ucr(instrument: Instrument, request: OrderPlace) -> int | None:
    """Return the limit of a market order without one: 10 % beyond the best, inside the band."""
    if request.side == "buy":
        best = instrument.book.best_ucr(-1)
        if best is None:
            return None
        limit = min(best * (100 + MARKET_SLIPPAGE_PCT) // 100, MAX_PRICE_UCR)
    else:
        best = instrument.book.best_ucr(1)
        if best is None:
            return None
        limit = max(1, ceil_div(best * (100 - MARKET_SLIPPAGE_PCT), 100))
    band = instrument.band_ucr()
    return limit if band is None else min(max(limit, band[0]), band[1])


def _admit(state: "State", instrument: Instrument, order: Order) -> Refused | None:
    """Check limits, money and capacity; on success set aside what the order needs."""
    account, request, limit_ucr = order.account, order.request, order.price_ucr
    if limit_ucr is None:
        return None
    if request.post_only and instrument.book.crosses(order.sign, limit_ucr):
        return Refused("post_only_would_cross", "the order would trade at once", "price_ucr")
    backing = None
    if order.sign > 0:
        unit_ucr = limit_ucr
    else:
        unit_ucr = _checked_bond_ucr(instrument, limit_ucr)
        backing = _slots(state, instrument, order, order.qty)
        if backing is None:
            return _no_capacity(state, request)
    if unit_ucr * order.qty > account.available_ucr:
        return risk.no_funds(account, unit_ucr * order.qty, "the order")
    execution.set_aside(state, instrument, order, unit_ucr, backing)
    return None


def _checked_bond_ucr(instrument: Instrument, limit_ucr: int) -> int:
    """Return the bond per unit that covers every price this ask can trade at."""
    bids = instrument.book.bids.keys
    return instrument.bond_ucr(bids[-1] if bids and bids[-1] > limit_ucr else limit_ucr)


def _slots(state: "State", instrument: Instrument, order: Order, units: int) -> Backing | None:
    """Choose the slots that back an ask, None when the seller has not enough."""
    hosts, named = order.account.hosts.get(instrument.zone.zone), order.request.hosts
    if hosts is None:
        return None
    if named is not None:
        hosts = [host for host in hosts if host.host_id in named]
    return allocate(hosts, instrument.class_name, instrument.need, instrument.start_ms, units)


def _no_capacity(state: "State", request: OrderPlace) -> Refused:
    """Say why an ask is not backed: a named host that is not the seller's, or too few slots."""
    for name in request.hosts or ():
        if name not in state.hosts:
            return Refused("unknown_host", f"no host {name!r}", "hosts")
    return Refused(
        "insufficient_capacity", f"no live host of yours has {request.qty} units free", "qty"
    )


def replace(state: "State", command: Command, request: OrderReplace) -> Done | Refused:
    """Change price or total of a live order, wholly or not at all (rules 1, 2, 3)."""
    account = state.ledger.accounts[command.account]
    order = _find(account, request)
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


def _finish_by_replace(state: "State", instrument: Instrument, order: Order) -> Done:
    """Replaced to no more than it has: filled at what it has (rule 2)."""
    instrument.book.remove(order)
    order.qty = order.filled_qty
    execution.finish(state, instrument, order, "filled", None)
    tell.order(state, order, "replaced")
    return Done(result_of(order, fills=[]))


def _shrink(state: "State", instrument: Instrument, order: Order, qty: int) -> Done:
    """A smaller total at the same price keeps the priority (rule 1)."""
    by_qty = order.qty - qty
    if by_qty:
        instrument.book.reduce(order, by_qty)
        execution.give_back(state, instrument, order, by_qty)
        order.qty = qty
    tell.order(state, order, "replaced")
    return Done(result_of(order, fills=[]))


def _requeue(
    state: "State", instrument: Instrument, order: Order, price_ucr: int, qty: int
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
    if own_in_way and order.request.stp == "cancel_newest":
        return Refused("self_trade", "the replace would meet an own order")
    backing = order.backing
    if order.sign > 0:
        unit_ucr = price_ucr
    else:
        unit_ucr = _checked_bond_ucr(instrument, price_ucr)
        backing = _resized(state, instrument, order, leaves_qty)
        if backing is None:
            return _no_capacity(state, msgspec.structs.replace(order.request, qty=leaves_qty))
    held_ucr = order.hold_unit_ucr * order.leaves_qty
    more_ucr = unit_ucr * leaves_qty - held_ucr
    if more_ucr > order.account.available_ucr:
        return risk.no_funds(order.account, more_ucr, "the replace")
    book.remove(order)
    execution.give_back(state, instrument, order, order.leaves_qty)
    order.price_ucr, order.qty, order.leaves_qty = price_ucr, qty, leaves_qty
    execution.set_aside(state, instrument, order, unit_ucr, backing)
    before = len(order.fills or ())
    execution.trade_and_rest(state, instrument, order, "replaced")
    return Done(result_of(order, fills=(order.fills or [])[before:]))


def _resized(state: "State", instrument: Instrument, order: Order, units: int) -> Backing | None:
    """Return the backing of an ask that grows or shrinks to ``units``, keeping what it has."""
    assert order.backing is not None
    more = units - order.leaves_qty
    if more <= 0:
        return execution.first_slots(order.backing, units)
    extra = _slots(state, instrument, order, more)
    return None if extra is None else execution.merged(order.backing, extra)


def cancel(state: "State", command: Command, request: OrderCancel) -> Done | Refused:
    """Cancel a live order; always passes, whatever is halted or killed."""
    order = _find(state.ledger.accounts[command.account], request)
    if isinstance(order, Refused):
        return order
    execution.cancel_resting(state, order, "user")
    return Done(result_of(order))


def mass_cancel(state: "State", command: Command, request: OrderMassCancel) -> Done | Refused:
    """Cancel all live orders of the account, or those of a symbol or side."""
    if request.symbol is not None and request.symbol not in state.instruments:
        return Refused("unknown_instrument", f"no instrument {request.symbol!r}", "symbol")
    account = state.ledger.accounts[command.account]
    chosen = [
        order
        for order in account.open_orders.values()
        if request.symbol in (None, order.symbol) and request.side in (None, order.side)
    ]
    for order in chosen:
        execution.cancel_resting(state, order, "mass_cancel")
    return Done({"canceled": len(chosen)}, duplicate=not chosen)


def cancel_on_disconnect(
    state: "State", command: Command, request: OrderCancelOnDisconnect
) -> Done | Refused:
    """Arm or disarm the connection: its orders go when it drops (protocol.md)."""
    unchanged = (command.session in state.armed) == request.enabled
    if request.enabled:
        state.armed[command.session] = command.account
    else:
        state.armed.pop(command.session, None)
    return Done({"enabled": request.enabled}, duplicate=unchanged)


def session_dropped(state: "State", command: Command, message: SessionDropped) -> Done | Refused:
    """An armed connection is gone: cancel what was placed on it, unless it closed properly."""
    account_id = state.armed.pop(message.session, None)
    if account_id is None:
        return Done(duplicate=True)
    if not message.clean:
        for order in list(state.ledger.accounts[account_id].open_orders.values()):
            if order.session == message.session:
                execution.cancel_resting(state, order, "disconnected")
    return Done()


def drop_all_sessions(state: "State") -> None:
    """A new run: every armed connection dropped with the old one; numbers start afresh."""
    for session in list(state.armed):
        session_dropped(state, SYSTEM, SessionDropped(session))
    for account in state.ledger.accounts.values():
        for order in account.open_orders.values():
            order.session = 0


def cancel_all_after(
    state: "State", command: Command, request: OrderCancelAllAfter
) -> Done | Refused:
    """Arm, renew or disarm the dead man's switch of the key that asks."""
    man = state.dead_men.pop(command.key_id, None)
    if not request.timeout_ms:
        return Done({"at_ms": None}, duplicate=man is None)
    if man is None:
        state.counters.dead_man += 1
        man = DeadMan(state.counters.dead_man, command.key_id, command.account, 0)
    man.at_ms = state.now_ms + request.timeout_ms
    state.dead_men[command.key_id] = man
    state.timers.set(man.at_ms, "0_dead_man", man.number)
    return Done({"at_ms": man.at_ms})


def dead_man(state: "State", number: int) -> None:
    """No sign of life from the key in time: its account's orders go."""
    man = next(man for man in state.dead_men.values() if man.number == number)
    del state.dead_men[man.key_id]
    cancel_account(state, state.ledger.accounts[man.account], "dead_man")


def cancel_account(state: "State", account: Account, reason: str) -> None:
    """Cancel all of an account's live orders (kill switch)."""
    for order in list(account.open_orders.values()):
        execution.cancel_resting(state, order, reason)


def cancel_backed_by(state: "State", host: Host, reason: str) -> None:
    """Withdraw every ask that slots of ``host`` back."""
    for order in list(host.account.open_orders.values()):
        if order.backing is not None and any(slot[0] is host for slot in order.backing):
            execution.cancel_resting(state, order, reason)


def _find(account: Account, request: OrderReplace | OrderCancel) -> Order | Refused:
    """Return the account's live order a request names (rule 7)."""
    if request.order_id is not None:
        number = request.order_id.removeprefix("o-")
        found = account.open_orders.get(int(number)) if number.isdecimal() else None
        if found is None or found.order_id != request.order_id:
            found = _done_order(account, request.order_id)
    elif request.client_order_id is not None:
        found = account.orders.get(request.client_order_id)
    else:
        return Refused("invalid_field", "name an order_id or a client_order_id", "order_id")
    if found is None:
        return Refused("unknown_order", "you have no such order", "order_id")
    if found.level is None:
        return Refused("order_done", f"the order is {found.status}", "order_id")
    return found


def _done_order(account: Account, order_id: str) -> Order | None:
    """Return an order of the account that finished less than 24 h ago."""
    for order in account.orders.values():
        if order.order_id == order_id:
            return order
    return None


def expire(state: "State", number: int) -> None:
    """A gtd order's time has come."""
    order = state.expiring[number]
    instrument = state.instruments[order.symbol]
    instrument.book.remove(order)
    execution.finish(state, instrument, order, "expired", None)
    tell.order(state, order, "expired")


def _forgotten(state: "State", order: Order) -> bool:
    """Did the order finish 24 h ago, so that its client_order_id is free again? (rule 10)"""
    return order.done_ms is not None and order.done_ms <= state.now_ms - MS_PER_DAY


def forget_old(state: "State") -> None:
    """Drop what ended 24 h ago: orders, deposits' refs and leases."""
    before_ms = state.now_ms - MS_PER_DAY
    state.forget_ms = state.now_ms + FORGET_EVERY_MS
    done = state.done_orders
    while done and _forgotten(state, done[0]):
        order = done.popleft()
        known = order.account.orders
        if known.get(order.client_order_id) is order:
            del known[order.client_order_id]
    for name in _older(state.deposits, lambda row: row[1], before_ms):
        del state.deposits[name]
    for number in _older(state.ended_leases, lambda lease: lease.ends_ms or 0, before_ms):
        for vm in state.ended_leases.pop(number).live_vms():
            del state.vms[vm.number]  # its host never came back to say that it stopped


def _older(rows: dict[K, V], when_ms: Callable[[V], int], before_ms: int) -> list[K]:
    """Return the leading keys of a dict in time order that are no newer than ``before_ms``."""
    old: list[K] = []
    for key, row in rows.items():
        if when_ms(row) > before_ms:
            break
        old.append(key)
    return old


def result_of(
    order: Order, *, duplicate: bool = False, fills: list[FillRow] | None = None
) -> OrderResult:
    """Return the result an ack carries; ``fills`` defaults to all so far."""
    if fills is None:
        fills = order.fills
    return OrderResult(
        order.order_id,
        order.request.client_order_id,
        order.status,
        order.filled_qty,
        order.leaves_qty,
        duplicate,
        list(fills) if fills else [],
        order.reason,
    )
