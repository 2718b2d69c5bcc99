"""Which recorded commands the others send again, and with which ids. Pure.

Taken out: the account's orders, its VMs and leases, and what hosts said of those VMs. What only let
time pass is left out too: that comes by itself.
"""

from collections import Counter
from typing import Any, Final, Literal

from msgspec.structs import replace

from exchange.model.commands import AdvanceTime, Command, SessionDropped
from exchange.wire import requests
from exchange.wire.requests import HostSynced, HostVm, UsageReport, VmStatus
from sim.record.names import Names

TRADES: Final = (
    requests.OrderPlace,
    requests.OrderReplace,
    requests.OrderCancel,
    requests.OrderMassCancel,
    requests.OrderCancelOnDisconnect,
    requests.OrderCancelAllAfter,
    requests.VmStart,
    requests.VmStop,
    requests.LeaseRelease,
    requests.LeaseRecall,
    SessionDropped,
)
"""What an account does on the market; its money, keys, images and hosts stay."""
_IDS: Final = ("order_id", "lease_id", "vm_id")

Fate = Literal["taken_out", "nameless", "simulated", "time"]
"""Why a command is not played: it is the account's, it names what never came about, its part is
played by a simulated host, it only let time pass."""


class Others:
    """``recorded`` and ``played`` are the names of both histories so far."""

    def __init__(self, account: str, recorded: Names, played: Names) -> None:
        self.fates: Counter[Fate] = Counter()
        self._account = account
        self._recorded = recorded
        self._played = played

    def said(self, command: Command, more: list[HostVm]) -> Command | None:
        """Return the command to play, or None. ``more``: VMs that run on a simulated host."""
        message: Any = command.message
        match message:
            case AdvanceTime():
                return self._not("time")
            case HostSynced():
                vms = [vm for vm in map(self._vm_of(command.host), message.vms) if vm] + more
                return replace(command, message=replace(message, vms=vms))
            case VmStatus() | UsageReport():
                return self._report(command, message)
            case _:
                return self._request(command, message)

    def _request(self, command: Command, message: Any) -> Command | None:
        if command.account == self._account and not command.host and isinstance(message, TRADES):
            return self._not("taken_out")
        named = self._named(command.account, message)
        return self._not("nameless") if named is None else replace(command, message=named)

    def is_recorded(self, vm_id: str) -> bool:
        """Return whether recorded reports play the part of this VM's host."""
        key = self._played.key("", vm_id)
        name = None if key is None else self._recorded.id(key)
        if name is None or self._recorded.buyer_of.get(name) == self._account:
            return False
        return self._recorded.host_of.get(name) == self._played.host_of.get(vm_id)

    def _not(self, fate: Fate) -> Command | None:
        self.fates[fate] += 1
        return None

    def _named(self, account: str, message: Any) -> Any:
        """Return ``message`` with the ids of the played history, None when there are none."""
        for field in _IDS:
            told = getattr(message, field, None)
            if told is None:
                continue
            owner = "" if field == "vm_id" else account
            key = self._recorded.key(owner, told)
            if key is not None:
                name = self._played.id(key)
                if name is None:
                    return None
                message = replace(message, **{field: name})
        return message

    def _report(self, command: Command, message: VmStatus | UsageReport) -> Command | None:
        if self._recorded.buyer_of.get(message.vm_id) == self._account:
            return self._not("taken_out")
        name = self._new_id(message.vm_id)
        if name is None:
            return self._not("nameless")
        if self._played.host_of.get(name) != command.host:
            return self._not("simulated")
        return replace(command, message=replace(message, vm_id=name))

    def _vm_of(self, host: str) -> Any:
        def named(vm: HostVm) -> HostVm | None:
            if self._recorded.buyer_of.get(vm.vm_id) == self._account:
                return None
            name = self._new_id(vm.vm_id)
            if name is None or self._played.host_of.get(name) != host:
                return None
            return replace(vm, vm_id=name)

        return named

    def _new_id(self, vm_id: str) -> str | None:
        """Return the VM's id in the played history."""
        key = self._recorded.key("", vm_id)
        return None if key is None else self._played.id(key)
