"""The laws bite: each bug below is planted in the engine for a moment and must be caught.

A planted bug puts wrong code in the place of one function, for as long as one test runs;
the very storm that passes on the right engine must then fail. Without this file a law that can
never fail would look just like a law that holds.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from exchange.leases import billing, leasing, vm_life, vm_units, vms
from exchange.model.book import Book
from exchange.model.capacity import Host
from exchange.model.instrument import Instrument
from exchange.model.lease import Lease, Vm
from exchange.model.ledger import Ledger
from exchange.model.meter import MINIMUM_TAKE_DIVISOR, MVCPU_PER_VCPU, Meter
from exchange.model.waits import Units
from exchange.trading import cancels, execution, windows
from exchange.units import MS_PER_HOUR
from tests.exchange.storm.trading import Storm

pytestmark = [pytest.mark.storm, pytest.mark.source]

COMMANDS: Final = 2_500
SEEDS: Final = range(8)


@contextmanager
def planted(owner: Any, name: str, bug: Callable[[Any], Any]) -> Iterator[None]:
    """Put ``bug(right function)`` in the place of a function or method, and the right one back."""
    right = getattr(owner, name)
    setattr(owner, name, bug(right))
    try:
        yield
    finally:
        setattr(owner, name, right)


# --- the bugs: each gets the right function and returns the wrong one ---


def decrease_loses_priority(right: Any) -> Any:
    """Rule 1: a decrease must keep its place."""

    def reduce(book: Book, order: Any, by_qty: int) -> None:
        right(book, order, by_qty)
        book.remove(order)
        book.rest(order)

    return reduce


def hold_stays(right: Any) -> Any:
    """What an order holds must come back when it ends."""

    def give_back(state: Any, instrument: Any, order: Any, units: int) -> None:
        right(state, instrument, order, units)
        state.ledger.hold(order.account, order.hold_unit_ucr * units, "order")

    return give_back


def hold_comes_back_twice(right: Any) -> Any:
    """A void gives back what was held, once."""

    def void(ledger: Ledger, account: Any, amount_ucr: int, why: str) -> None:
        right(ledger, account, amount_ucr, why)
        account.available_ucr += 1 if why == "trade" else 0

    return void


def fok_counts_own_orders(right: Any) -> Any:
    """Rule 5: only non-self liquidity counts."""

    def fillable(book: Book, taker: Any, limit_ucr: int, enough: int) -> int:
        makers = book.levels("sell" if taker.sign > 0 else "buy", 0)
        return sum(qty for price, qty, _ in makers if (limit_ucr - price) * taker.sign >= 0)

    return fillable


def own_order_behind_is_met_too(right: Any) -> Any:
    """Rule 3: only an own order that would be reached refuses a replace."""

    def meets_own(book: Book, taker: Any, limit_ucr: int) -> bool:
        makers = book.orders(-taker.sign)
        return any(maker.account is taker.account for maker in makers)

    return meets_own


def slots_stay(right: Any) -> Any:
    """An ask that ends must give its slots back."""

    def take(host: Host, need: Any, bucket: Any, units: int) -> None:
        if units > 0 or bucket is not None:
            right(host, need, bucket, units)

    return take


def bond_rounds_up(right: Any) -> Any:
    """A spot bond is 10 minutes of the price, rounded down."""

    def bond_ucr(instrument: Instrument, price_ucr: int) -> int:
        return -(-price_ucr // 6)

    return bond_ucr


# --- windows ---


def counted_an_hour_late(right: Any) -> Any:
    """A window's slots are taken in its own hour."""

    def take(host: Host, need: Any, bucket: int | None, units: int) -> None:
        right(host, need, None if bucket is None else bucket + MS_PER_HOUR, units)

    return take


def looked_up_an_hour_late(right: Any) -> Any:
    """What is free in an hour is what is not taken in that hour."""

    def free(host: Host, bucket: int | None) -> Any:
        return right(host, None if bucket is None else bucket + MS_PER_HOUR)

    return free


def orders_outlive_the_gate(right: Any) -> Any:
    """Unmatched orders expire at gate closure."""

    def expire_orders(state: Any, window: Any) -> None:
        return None

    return expire_orders


def window_given_up_is_saved(right: Any) -> Any:
    """A window that its buyer gives up is owed all the same."""

    def owe_window(lease: Lease, units: int, now_ms: int) -> None:
        billing.accrue(lease, now_ms)

    return owe_window


# --- metered leases, VMs, silence ---


def metered_owes_only_what_it_used(right: Any) -> Any:
    """The minimum take is a tenth."""

    def weighted(meter: Meter, unit_ms: int, cpu_ms: int) -> int:
        used = cpu_ms * MVCPU_PER_VCPU * MINIMUM_TAKE_DIVISOR
        most: int = right(meter, unit_ms, (meter.mvcpu or 0) * unit_ms)
        return min(most, used)

    return weighted


def late_cpu_counts_too_late(right: Any) -> Any:
    """CPU before a posting counts to the period that was posted."""

    def use_cpu(meter: Meter, cpu_ms: int, from_ms: int, now_ms: int) -> None:
        meter.cpu_ms += cpu_ms

    return use_cpu


def cpu_before_a_carry_over_is_lost(right: Any) -> Any:
    """A VM that goes on tells what it used in the hour before."""

    def usage_reported(state: Any, vm: Vm, cpu_ms: int = 0) -> None:
        right(state, vm, 0)

    return usage_reported


def vms_carry_over_to_anybody(right: Any) -> Any:
    """VMs go on under the same buyer's next lease."""

    def follows(lease: Lease, other: Lease) -> bool:
        return other.instrument.class_name == lease.instrument.class_name

    return follows


def a_carried_vm_is_billed_while_it_is_awaited(right: Any) -> Any:
    """There, too, it is its unit's first VM."""

    def move(state: Any, vm: Vm, other: Lease) -> None:
        right(state, vm, other)
        vm_units.end_wait(vm, state.now_ms)

    return move


def every_vm_is_awaited_for_free(right: Any) -> Any:
    """Once per unit, for its first VM."""

    def assign(units: Units, vm_number: int, from_ms: int, launched: bool) -> Any:
        if not units.fresh_units:
            units.fresh_units, units.idle = 1, units.idle[1:]
        return right(units, vm_number, from_ms, launched)

    return assign


def silence_is_billed(right: Any) -> Any:
    """Only an unchanged boot proves that the VMs ran."""

    def end_silence(meter: Meter, units: int, now_ms: int, ran: bool) -> None:
        right(meter, units, now_ms, True)

    return end_silence


def a_restart_fails_launches(right: Any) -> Any:
    """After a restart a launch has a minute."""

    def extend_launches(state: Any, now_ms: int) -> None:
        return None

    return extend_launches


# --- bonds, recalls, connections ---


def bond_is_not_given_back(right: Any) -> Any:
    """A bond that pays nobody is the seller's again."""

    def settle_bond(state: Any, lease: Lease, amount_ucr: int, to_buyer: bool) -> None:
        lease.bond_ucr -= amount_ucr
        if to_buyer:
            lease.bond_ucr += amount_ucr
            right(state, lease, amount_ucr, to_buyer)

    return settle_bond


def a_failed_launch_costs_no_bond(right: Any) -> Any:
    """`host_lost` is not the only way to let a buyer down."""
    return ("host_lost",)


def a_recalled_slot_is_sold_at_once(right: Any) -> Any:
    """A recalled slot takes no new spot ask for 10 min."""

    def cool(host: Host, until_ms: int, need: Any, units: int) -> None:
        right(host, until_ms, (0, 0, 0), units)

    return cool


def a_dead_man_does_nothing(right: Any) -> Any:
    """His orders go."""

    def cancel_account(state: Any, account: Any, reason: str) -> None:
        if reason != "dead_man":
            right(state, account, reason)

    return cancel_account


def a_restart_forgets_connections(right: Any) -> Any:
    """Armed connections dropped with the run they belonged to."""

    def drop_all_sessions(state: Any) -> None:
        state.armed.clear()

    return drop_all_sessions


STORMS: Final = [
    (Book, "reduce", decrease_loses_priority),
    (execution, "give_back", hold_stays),
    (Ledger, "void", hold_comes_back_twice),
    (Book, "fillable", fok_counts_own_orders),
    (Book, "meets_own", own_order_behind_is_met_too),
    (Host, "take", slots_stay),
    (Instrument, "bond_ucr", bond_rounds_up),
    (Host, "take", counted_an_hour_late),
    (Host, "free", looked_up_an_hour_late),
    (windows, "_expire_orders", orders_outlive_the_gate),
    (billing, "owe_window", window_given_up_is_saved),
    (Meter, "_weighted", metered_owes_only_what_it_used),
    (Meter, "use_cpu", late_cpu_counts_too_late),
    (leasing, "usage_reported", cpu_before_a_carry_over_is_lost),
    (leasing, "follows", vms_carry_over_to_anybody),
    (vm_life, "move", a_carried_vm_is_billed_while_it_is_awaited),
    (Units, "assign", every_vm_is_awaited_for_free),
    (Meter, "end_silence", silence_is_billed),
    (vms, "extend_launches", a_restart_fails_launches),
    (leasing, "_settle_bond", bond_is_not_given_back),
    (leasing, "BOND_TO_BUYER", a_failed_launch_costs_no_bond),
    (Host, "cool", a_recalled_slot_is_sold_at_once),
    (cancels, "cancel_account", a_dead_man_does_nothing),
    (cancels, "drop_all_sessions", a_restart_forgets_connections),
]


@pytest.mark.parametrize(
    ("owner", "name", "bug"), STORMS, ids=lambda it: getattr(it, "__name__", it)
)
def test_a_storm_catches(owner: Any, name: str, bug: Callable[[Any], Any]) -> None:
    with planted(owner, name, bug), pytest.raises(AssertionError, match="seed "):
        run_storms()


def run_storms() -> None:
    """The first that finds something wrong ends it."""
    for seed in SEEDS:
        Storm(seed).run(COMMANDS)
