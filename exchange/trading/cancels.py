"""Cancels of many orders at once: mass cancel, lost connections, dead man's and kill switch.

A single cancel is order entry (``orders.py``). Cancels always pass. Source: rules.md 3.5, 4.7.
"""

from exchange.model.account import Account
from exchange.model.capacity import Host
from exchange.model.commands import SYSTEM, Command, SessionDropped
from exchange.model.records import DeadMan
from exchange.model.state import State
from exchange.model.timers import TimerKind
from exchange.trading import execution
from exchange.wire.requests import (
    OrderCancelAllAfter,
    OrderCancelOnDisconnect,
    OrderMassCancel,
)
from exchange.wire.results import Done, Refused


def mass_cancel(state: State, command: Command, request: OrderMassCancel) -> Done | Refused:
    """Cancel all live orders of the account, or those of a symbol or side."""
    if request.symbol is not None and request.symbol not in state.instruments:
        return Refused("unknown_instrument", f"no instrument {request.symbol!r}", "symbol")
    account = state.ledger.accounts[command.account]
    chosen = [
        order
        for order in account.open_orders.values()
        if request.symbol in (None, order.symbol) and request.side in (None, order.side)
    ]
    state.looked_at += len(account.open_orders) - len(chosen)
    for order in chosen:
        execution.cancel_resting(state, order, "mass_cancel")
    return Done({"canceled": len(chosen)}, duplicate=not chosen)


def cancel_on_disconnect(
    state: State, command: Command, request: OrderCancelOnDisconnect
) -> Done | Refused:
    """Arm or disarm the connection: its orders go when it drops (rules.md 4.7)."""
    if (command.session in state.armed) == request.enabled:
        return Done({"enabled": request.enabled}, duplicate=True)
    if request.enabled:
        state.armed[command.session] = command.account
    else:
        del state.armed[command.session]
    return Done({"enabled": request.enabled})


def session_dropped(state: State, command: Command, message: SessionDropped) -> Done | Refused:
    """An armed connection is gone: cancel what was placed on it, unless it closed properly."""
    account_id = state.armed.pop(message.session, None)
    if account_id is None:
        return Done(duplicate=True)
    if not message.clean:
        orders = state.ledger.accounts[account_id].open_orders
        state.looked_at += len(orders)
        for order in list(orders.values()):
            if order.session == message.session:
                execution.cancel_resting(state, order, "disconnected")
    return Done()


def drop_all_sessions(state: State) -> None:
    """A new run: all armed connections dropped when the old run ended; session numbers start
    again."""
    for session in list(state.armed):
        session_dropped(state, SYSTEM, SessionDropped(session))
    for account in state.ledger.accounts.values():
        for order in account.open_orders.values():
            order.session = 0


def cancel_all_after(
    state: State, command: Command, request: OrderCancelAllAfter
) -> Done | Refused:
    """Arm, renew or disarm the dead man's switch of the key that asks."""
    man = state.dead_men.get(command.key_id)
    if not request.timeout_ms:
        if man is not None:
            _disarm(state, man)
        return Done({"at_ms": None}, duplicate=man is None)
    if man is None:
        state.counters.dead_man += 1
        man = DeadMan(state.counters.dead_man, command.key_id, command.account, 0)
    man.at_ms = state.now_ms + request.timeout_ms
    state.dead_men[command.key_id] = man
    state.dead_man_keys[man.number] = command.key_id
    state.timers.set(man.at_ms, TimerKind.DEAD_MAN, man.number)
    return Done({"at_ms": man.at_ms})


def _disarm(state: State, man: DeadMan) -> None:
    del state.dead_men[man.key_id]
    del state.dead_man_keys[man.number]


def dead_man(state: State, number: int) -> None:
    """No sign of life from the key in time: its account's orders go."""
    man = state.dead_men[state.dead_man_keys[number]]
    cancel_account(state, state.ledger.accounts[man.account], "dead_man")
    _disarm(state, man)


def cancel_account(state: State, account: Account, reason: str) -> None:
    """Cancel all of an account's live orders (kill switch)."""
    for order in list(account.open_orders.values()):
        execution.cancel_resting(state, order, reason)


def cancel_backed_by(state: State, host: Host, reason: str) -> None:
    """Withdraw every ask that is backed by slots of ``host``."""
    orders = state.ledger.accounts[host.account_id].open_orders
    state.looked_at += len(orders)
    for order in list(orders.values()):
        if order.backing is not None and any(slot[0] is host for slot in order.backing):
            execution.cancel_resting(state, order, reason)
