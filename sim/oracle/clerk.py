"""Enters commands in the naive exchange: which rule each kind of command follows.

A command is settled first: everything due by then happens, one thing after the other, each at its
own time. Source: rules.md 6.1, 6.4.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from exchange.model.commands import (
    AdvanceTime,
    Command,
    EnrollHost,
    Genesis,
    HostBack,
    HostLost,
    HostSilent,
    ImageDeleted,
    ImageStored,
    SessionDropped,
    Started,
)
from exchange.wire import admin_requests as admin
from exchange.wire import requests
from sim.oracle import entry_hosts, entry_leases, entry_orders
from sim.oracle.exchange import Oracle

Enter: TypeAlias = Callable[[Oracle, Command, Any], None]
Faults: TypeAlias = Callable[[Oracle, Command, Any], list[str]]


class Clerk:
    """Keeps an `Oracle` in step: `settle`, look at the `faults`, `enter`."""

    def __init__(self) -> None:
        self.oracle = Oracle({})

    def settle(self, command: Command, now_ms: int) -> None:
        """Let happen what is due before ``command``. A start comes before it, and moves it."""
        if isinstance(command.message, Started):
            self.oracle.restart(command.message.down_since_ms, now_ms)
        elif isinstance(command.message, Genesis):
            self.oracle.now_ms = now_ms
        else:
            self.oracle.settle(now_ms)

    def faults(self, command: Command) -> list[str]:
        """Return every reason for which the rules refuse it now; none: it must be accepted."""
        judge = FAULTS.get(type(command.message))
        return [] if judge is None else judge(self.oracle, command, command.message)

    def enter(self, command: Command) -> None:
        """Do what an accepted command does."""
        ENTER[type(command.message)](self.oracle, command, command.message)


def _nothing(oracle: Oracle, command: Command, message: Any) -> None:
    """Keys decide who may ask, which is nothing to the books; time was settled before."""


ENTER: Final[dict[type, Enter]] = {
    AdvanceTime: _nothing,
    Started: _nothing,
    admin.AdminKey: _nothing,
    admin.AdminKeyRevoke: _nothing,
    Genesis: entry_orders.genesis,
    admin.AdminAccount: entry_orders.account,
    admin.AdminDeposit: entry_orders.deposit,
    admin.AdminZone: entry_orders.zone,
    admin.AdminInstrument: entry_orders.instrument,
    admin.AdminHalt: entry_orders.halt,
    admin.AdminKillSwitch: entry_orders.kill_switch,
    admin.AdminLimits: entry_orders.limits,
    ImageStored: entry_orders.stored,
    ImageDeleted: entry_orders.deleted,
    requests.ImageOffer: entry_orders.offer_image,
    requests.ImageBuy: entry_orders.buy_image,
    requests.OrderPlace: entry_orders.place,
    requests.OrderReplace: entry_orders.replace,
    requests.OrderCancel: entry_orders.cancel,
    requests.OrderMassCancel: entry_orders.mass_cancel,
    requests.OrderCancelOnDisconnect: entry_orders.arm,
    requests.OrderCancelAllAfter: entry_orders.dead_man,
    SessionDropped: entry_orders.drop,
    requests.LeaseRelease: entry_leases.release,
    requests.LeaseRecall: entry_leases.recall,
    requests.VmStart: entry_leases.start,
    requests.VmStop: entry_leases.stop,
    requests.VmStatus: entry_leases.status,
    requests.UsageReport: entry_leases.usage,
    requests.HostToken: entry_hosts.token,
    EnrollHost: entry_hosts.enroll,
    requests.HostApprove: entry_hosts.approve,
    requests.HostAnnounce: entry_hosts.announce,
    requests.HostOffer: entry_hosts.offer,
    requests.HostDrain: entry_hosts.drain,
    requests.HostSynced: entry_hosts.synced,
    HostSilent: entry_hosts.silent,
    HostBack: entry_hosts.back,
    HostLost: entry_hosts.lost,
}
"""Every kind of command that the journal knows."""

FAULTS: Final[dict[type, Faults]] = {
    requests.OrderPlace: entry_orders.place_faults,
    requests.OrderReplace: entry_orders.change_faults,
    requests.OrderCancel: entry_orders.change_faults,
    requests.OrderMassCancel: entry_orders.mass_cancel_faults,
    admin.AdminDeposit: entry_orders.deposit_faults,
    requests.LeaseRelease: entry_leases.release_faults,
    requests.LeaseRecall: entry_leases.recall_faults,
    requests.VmStart: entry_leases.start_faults,
    requests.VmStop: entry_leases.stop_faults,
    requests.VmStatus: entry_leases.status_faults,
    requests.UsageReport: entry_leases.usage_faults,
    HostSilent: entry_hosts.silent_faults,
    HostLost: entry_hosts.lost_faults,
}
