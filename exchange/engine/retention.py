"""Removes orders, deposits' refs and leases from the state 24 h after they ended.

Older things live in the read model. Source: rules.md 4.6, 7.3.
"""

from collections.abc import Callable

from exchange.model.in_order import K, V
from exchange.model.state import State
from exchange.units import MS_PER_DAY

FORGET_EVERY_MS = 60_000
IDLE_MS = 2 * FORGET_EVERY_MS
"""A busy exchange forgets as its commands come; an idle one gets an `AdvanceTime` this often."""


def forget_old(state: State) -> None:
    """Drop what ended 24 h ago: orders, deposits' refs and leases; and tokens that expired."""
    before_ms = state.now_ms - MS_PER_DAY
    state.forget_ms = state.now_ms + FORGET_EVERY_MS
    state.ended_orders.forget(before_ms)
    for number in _older(state.done_orders, lambda order: order.done_ms or 0, before_ms):
        order = state.done_orders.pop(number)
        known = order.account.orders
        if known.get(order.client_order_id) is order:
            del known[order.client_order_id]
    for secret in [key for key, token in state.tokens.items() if token.expires_ms <= state.now_ms]:
        state.tokens.remove(secret)
    for name in _older(state.deposits, lambda row: row[1], before_ms):
        state.deposits.remove(name)
    for number in _older(state.ended_leases, lambda lease: lease.ends_ms or 0, before_ms):
        for vm in state.ended_leases.pop(number).live_vms():
            del state.vms[vm.number]  # its host never returned to report that it stopped


def due_ms(state: State) -> int | None:
    """Return when an exchange without commands has something to forget, None for never."""
    packed_ms = state.ended_orders.first_done_ms
    ends = [
        *(() if packed_ms is None else (packed_ms,)),
        *(order.done_ms or 0 for order in state.done_orders.first()),
        *(made_ms for _, made_ms in state.deposits.first()),
        *(lease.ends_ms or 0 for lease in state.ended_leases.first()),
    ]
    old = [*(ms + MS_PER_DAY for ms in ends), *(t.expires_ms for t in state.tokens.first())]
    return max(min(old), state.forget_ms + IDLE_MS) if old else None


def _older(rows: dict[K, V], when_ms: Callable[[V], int], before_ms: int) -> list[K]:
    """Return the leading keys of a dict in time order that are no newer than ``before_ms``."""
    old: list[K] = []
    for key, row in rows.items():
        if when_ms(row) > before_ms:
            break
        old.append(key)
    return old
