"""Wrong rules to plant in the engine, each in the place of one right function or number.

A row: what is wrong, where it is planted, and what makes the wrong thing of the right one.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from exchange.leases import billing, leasing, outages, vm_life, vm_units, vms
from exchange.model import lease as leases
from exchange.model import waits
from exchange.model.book import Book
from exchange.model.capacity import Host
from exchange.model.instrument import Instrument
from exchange.model.lease import Lease
from exchange.model.ledger import Ledger
from exchange.model.meter import Meter
from exchange.model.waits import Units, Wait
from exchange.session import liveness
from exchange.session.liveness import Beat
from exchange.trading import cancels
from exchange.units import MS_PER_HOUR
from tests.exchange.engine.test_planted_bugs import every_vm_is_awaited_for_free


class Bug(NamedTuple):
    name: str
    owner: Any
    attribute: str
    wrong: Callable[[Any], Any]
    seed: int = 1
    """Where to begin looking: the first seed that shows it."""


def other(value: Any) -> Callable[[Any], Any]:
    return lambda right: value


def nothing(right: Any) -> Any:
    return lambda *args, **kwargs: None


def empty(right: Any) -> Any:
    return lambda *args: []


def one_more(right: Any) -> Any:
    return lambda *args: right(*args) + 1


# --- money ---


def lost_hosts_keep_bonds(right: Any) -> Any:
    def settle(state: Any, lease: Lease, amount_ucr: int, to_buyer: bool) -> None:
        right(state, lease, amount_ucr, to_buyer and lease.host.status != "lost")

    return settle


def early_recalls_keep_their_bond(right: Any) -> Any:
    def end(state: Any, lease: Lease, reason: Any, *, bond_to_buyer: bool | None = None) -> None:
        right(state, lease, reason, bond_to_buyer=False if reason == "recalled" else bond_to_buyer)

    return end


def silent_time_is_billed(right: Any) -> Any:
    def end_silence(meter: Meter, units: int, now_ms: int, ran: bool) -> None:
        right(meter, units, now_ms, True)

    return end_silence


def silence_counts_from_its_notice(right: Any) -> Any:
    def fall_silent(meter: Meter, units: int, since_ms: int, now_ms: int) -> None:
        right(meter, units, now_ms, now_ms)

    return fall_silent


def no_minimum(right: Any) -> Any:
    def owe_minimum(lease: Lease, units: int, keys: list[int], now_ms: int) -> None:
        billing.accrue(lease, now_ms)

    return owe_minimum


def fee_rounds_up(right: Any) -> Any:
    def pay(ledger: Ledger, payer: Any, payee: Any, paid_ucr: int, fee_ucr: int, why: str) -> None:
        right(ledger, payer, payee, paid_ucr, fee_ucr + (1 if why == "charge" else 0), why)

    return pay


def bond_rounds_up(right: Any) -> Any:
    return lambda instrument, price_ucr: -(-price_ucr // 6)


def the_next_hour_is_not_held(right: Any) -> Any:
    def fund(state: Any, lease: Lease, now_ms: int) -> bool:
        lease.paid_until_ms += MS_PER_HOUR
        return True

    return fund


def idle_metered_time_is_free(right: Any) -> Any:
    def weighted(meter: Meter, unit_ms: int, cpu_ms: int) -> int:
        most: int = right(meter, unit_ms, (meter.mvcpu or 0) * unit_ms)
        return min(most, cpu_ms * 10_000)

    return weighted


# --- books, slots ---


def newest_first(right: Any) -> Any:
    def rest(book: Book, order: Any) -> None:
        there = [one for one in book.orders(order.sign) if one.price_ucr == order.price_ucr]
        right(book, order)
        for one in there:
            book.remove(one)
            right(book, one)

    return rest


def slots_leak(right: Any) -> Any:
    """Of every unit that comes back alone, nothing does."""

    def take(host: Host, need: Any, bucket: Any, units: int) -> None:
        right(host, need, bucket, 0 if units == -1 else units)

    return take


def recalled_slots_are_sold_at_once(right: Any) -> Any:
    def cool(host: Host, until_ms: int, need: Any, units: int) -> None:
        right(host, until_ms, (0, 0, 0), units)

    return cool


# --- hosts, VMs ---


def lost_after(wait_ms: int) -> Callable[[Any], Any]:
    def wrong(right: Any) -> Any:
        def due_ms(beat: Beat) -> int | None:
            return beat.heard_ms + wait_ms if beat.status == "silent" else right(beat)

        return due_ms

    return wrong


def vms_outlive_their_lease(right: Any) -> Any:
    """Their hosts are not told."""

    def kill(state: Any, vm: Any, grace_ms: int) -> None:
        right(state, vm, grace_ms)
        state.outs.pop()

    return kill


def stops_are_sudden(right: Any) -> Any:
    return lambda state, vm, grace_ms: right(state, vm, 0)


def the_oldest_go(right: Any) -> Any:
    def to_release(lease: Lease, units: int) -> list[int]:
        return sorted(unit for unit in right(lease, lease.units))[:units]

    return to_release


BY_THE_BOOKS_ALONE: Final = [
    Bug("bonds of lost hosts go to sellers", leasing, "_settle_bond", lost_hosts_keep_bonds, 3),
    Bug("silent time is billed", Meter, "end_silence", silent_time_is_billed, 2),
    Bug("boots are billed", Wait, "booting", empty),
    Bug("no five minutes at least", billing, "owe_minimum", no_minimum),
    Bug("a ucr more a charge", billing, "_price_ucr", one_more),
    Bug("the newest order trades first", Book, "rest", newest_first, 5),
    Bug("hosts are silent after 150 s", liveness, "SILENT_MS", other(150_000)),
    Bug("hosts are silent after 14 s", liveness, "SILENT_MS", other(14_000)),
    Bug("a recall has 1 s of notice", leasing, "RECALL_NOTICE_MS", other(1_000), 3),
    Bug("slots leak", Host, "take", slots_leak),
    Bug("VMs outlive their lease", vm_life, "kill", vms_outlive_their_lease),
]
"""Those that the laws alone did not see."""
MORE: Final = [
    Bug("an early recall pays no bond", leasing, "end", early_recalls_keep_their_bond, 3),
    Bug("a failed launch pays no bond", leasing, "BOND_TO_BUYER", other(("host_lost",))),
    Bug("silence counts from its notice", Meter, "fall_silent", silence_counts_from_its_notice),
    Bug("waiting for a launch is billed", Wait, "launching", empty),
    Bug("ten minutes of boot are free", waits, "FREE_BOOT_MS", other(600_000)),
    Bug("every VM's boot is free", Units, "assign", every_vm_is_awaited_for_free, 2),
    Bug("fees round up", Ledger, "pay_held", fee_rounds_up),
    Bug("bonds round up", Instrument, "bond_ucr", bond_rounds_up),
    Bug("the next hour is not held", billing, "fund", the_next_hour_is_not_held),
    Bug("idle metered time is free", Meter, "_weighted", idle_metered_time_is_free),
    Bug("what is not needed stays held", billing, "give_back_surplus", nothing, 2),
    Bug("recalled slots are sold at once", Host, "cool", recalled_slots_are_sold_at_once, 5),
    Bug("a silent host's asks stay", cancels, "cancel_backed_by", nothing),
    Bug("hosts are lost after 30 s", Beat, "due_ms", lost_after(30_000)),
    Bug("hosts are lost after an hour", Beat, "due_ms", lost_after(MS_PER_HOUR), 3),
    Bug("a launch has 20 s", vms, "LAUNCH_MS", other(20_000)),
    Bug("scheduled releases do not move", outages, "move_releases", nothing, 5),
    Bug("hosts are silent after 16 s", liveness, "SILENT_MS", other(16_000)),
    Bug("hosts are lost after 301 s", Beat, "due_ms", lost_after(301_000), 3),
    Bug("a launch has 299 s", vms, "LAUNCH_MS", other(299_000)),
    Bug("a launch has 59 s after a restart", vms, "RELAUNCH_MS", other(59_000), 56),
    Bug("recalled slots rest for 599 s", leasing, "COOLING_MS", other(599_000), 3),
    Bug("an hour is held 9 min ahead", leases, "FUND_AHEAD_MS", other(540_000)),
    Bug("VMs get no time to stop", vm_life, "kill", stops_are_sudden),
    Bug("the oldest VMs go", vm_units, "units_to_release", the_oldest_go, 2),
]
