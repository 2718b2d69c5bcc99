"""Handles deadlines: one table from each kind to its time, action and subject. Pure.

`Timers` holds the entries; this module takes out the first that is due and runs it. An entry is
dropped when its subject is gone or now has another time.
"""

from collections.abc import Callable
from heapq import heapify, heappop
from typing import Final, NamedTuple

from exchange.leases import leasing, vms
from exchange.model.state import State
from exchange.model.timers import CLEAN_FROM, NEVER_MS, Entry, TimerKind
from exchange.trading import cancels, orders, windows


class Deadline(NamedTuple):
    """One kind of deadline; ``number`` is the subject's."""

    due_ms: Callable[[State, int], int | None]
    """The time of the subject's deadline; None for never, also when the subject is gone."""
    run: Callable[[State, int], None]
    """The action at that time."""
    name: str
    """Its name for people; ``{}`` is the subject's number, or a switch's key."""


def _dead_man_ms(state: State, number: int) -> int | None:
    man = state.dead_men.get(state.dead_man_keys.get(number, ""))
    return man.at_ms if man else None


def _launch_ms(state: State, number: int) -> int | None:
    vm = state.vms.get(number)
    return vm.launch_by_ms if vm else None


def _lease_ms(state: State, number: int) -> int | None:
    lease = state.leases.get(number)
    return lease.due_ms() if lease else None


def _order_ms(state: State, number: int) -> int | None:
    order = state.expiring.get(number)
    return order.request.expire_ms if order else None


def _window_ms(state: State, number: int) -> int | None:
    window = state.windows.get(number)
    return window.due_ms() if window else None


def _roll_ms(state: State, number: int) -> int | None:
    return state.roll_ms


def _roll(state: State, number: int) -> None:
    windows.roll(state)


def _cooling_ms(state: State, number: int) -> int | None:
    return state.numbered_host(number).cooling_until_ms()


def _cooled(state: State, number: int) -> None:
    state.numbered_host(number).warm_up()


DEADLINES: Final[dict[TimerKind, Deadline]] = {
    TimerKind.DEAD_MAN: Deadline(_dead_man_ms, cancels.dead_man, "dead man's switch of key {}"),
    TimerKind.VM: Deadline(_launch_ms, vms.launch_overdue, "launch of v-{}"),
    TimerKind.LEASE: Deadline(_lease_ms, leasing.settle, "charge or end of l-{}"),
    TimerKind.ORDER: Deadline(_order_ms, orders.expire, "expiry of o-{}"),
    TimerKind.WINDOW: Deadline(_window_ms, windows.next_stage, "next stage of window {}"),
    TimerKind.ROLL: Deadline(_roll_ms, _roll, "roll of the windows"),
    TimerKind.COOLING: Deadline(_cooling_ms, _cooled, "recalled slots of h-{}"),
}


def name_of(state: State, kind: TimerKind, number: int) -> str:
    """Return a deadline's name for people; a switch's number is internal, so its key is shown."""
    if kind is TimerKind.DEAD_MAN:
        return DEADLINES[kind].name.format(state.dead_man_keys.get(number, "unknown"))
    return DEADLINES[kind].name.format(number)


def next_ms(state: State) -> int | None:
    """Return the earliest deadline that a subject still has, None for never."""
    timers = state.timers
    heap = timers.heap
    if len(heap) > timers.clean_at:
        _drop_unwanted(state)
    while heap:
        at_ms, kind, number = heap[0]
        if DEADLINES[kind].due_ms(state, number) == at_ms:
            timers.wake_ms = at_ms
            return at_ms
        heappop(heap)
    timers.wake_ms = NEVER_MS
    return None


def is_due(state: State, now_ms: int) -> bool:
    """Return whether any deadline is due at ``now_ms``."""
    at_ms = next_ms(state)
    return at_ms is not None and at_ms <= now_ms


def pop(state: State, now_ms: int) -> Entry | None:
    """Take the first deadline that is due at ``now_ms``."""
    at_ms = next_ms(state)
    return heappop(state.timers.heap) if at_ms is not None and at_ms <= now_ms else None


def _drop_unwanted(state: State) -> None:
    """Drop the entries that are no longer needed, however late they are due.

    Of a living subject earlier and later deadlines stay: it may come back to them. Only a switch
    names each anew when it moves.
    """
    timers = state.timers
    kept = [entry for entry in dict.fromkeys(timers.heap) if _is_wanted(state, entry)]
    heapify(kept)
    timers.heap[:] = kept
    timers.clean_at = max(CLEAN_FROM, 2 * len(kept))


def _is_wanted(state: State, entry: Entry) -> bool:
    at_ms, kind, number = entry
    due_ms = DEADLINES[kind].due_ms(state, number)
    return due_ms is not None and (kind is not TimerKind.DEAD_MAN or due_ms == at_ms)
