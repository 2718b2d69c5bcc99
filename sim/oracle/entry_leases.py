"""What an accepted command about a lease or a VM does to the naive exchange.

The functions ``..._faults`` return every reason for which the rules refuse it. Written from
rules.md 5.6, 5.7, 5.9.
"""

from exchange.model.commands import Command
from exchange.wire.requests import (
    LeaseRecall,
    LeaseRelease,
    UsageReport,
    VmStart,
    VmStatus,
    VmStop,
)
from sim.oracle.exchange import Oracle
from sim.oracle.owed import Lease, Vm


def lease_of(oracle: Oracle, lease_id: str) -> Lease:
    """A lease that lives, or waits for its last charge."""
    return next(one for one in oracle.leases if f"l-{one.number}" == lease_id)


def lease_faults(oracle: Oracle, lease_id: str, account: str, side: str) -> list[str]:
    """Why the account has no such lease on its side, or has it no more."""
    found = [one for one in oracle.leases if f"l-{one.number}" == lease_id]
    if not found or getattr(found[0], side) != account:
        return ["unknown_lease", "lease_ended"]
    return ["lease_ended"] if found[0].over else []


def vm_of(oracle: Oracle, vm_id: str) -> Vm | None:
    return oracle.vms.get(int(vm_id.removeprefix("v-")))


def known_vm(oracle: Oracle, vm_id: str) -> Vm:
    return oracle.vms[int(vm_id.removeprefix("v-"))]


def is_later(oracle: Oracle, asked: LeaseRelease) -> bool:
    return asked.at_ms is not None and asked.at_ms > oracle.now_ms


def release(oracle: Oracle, command: Command, asked: LeaseRelease) -> None:
    lease = lease_of(oracle, asked.lease_id)
    if is_later(oracle, asked):
        lease.release = (asked.at_ms or 0, asked.units or 0)
    else:
        oracle.give_back(lease, asked.units or lease.units)


def release_faults(oracle: Oracle, command: Command, asked: LeaseRelease) -> list[str]:
    if faults := lease_faults(oracle, asked.lease_id, command.account, "buyer"):
        return faults
    lease = lease_of(oracle, asked.lease_id)
    at_once = not is_later(oracle, asked)
    return oracle.release_faults(lease, asked.units or lease.units, at_once=at_once)


def recall(oracle: Oracle, command: Command, asked: LeaseRecall) -> None:
    lease = lease_of(oracle, asked.lease_id)
    oracle.recall(lease, asked.units or lease.recallable)


def recall_faults(oracle: Oracle, command: Command, asked: LeaseRecall) -> list[str]:
    if faults := lease_faults(oracle, asked.lease_id, command.account, "seller"):
        return faults
    return oracle.recall_faults(lease_of(oracle, asked.lease_id), asked.units)


def start(oracle: Oracle, command: Command, asked: VmStart) -> None:
    oracle.start(lease_of(oracle, asked.lease_id), asked)


def start_faults(oracle: Oracle, command: Command, asked: VmStart) -> list[str]:
    if faults := lease_faults(oracle, asked.lease_id, command.account, "buyer"):
        return faults
    lease = lease_of(oracle, asked.lease_id)
    taken = (lease.number, asked.name) in oracle.names
    faults = [*oracle.start_faults(lease, asked), *(["vm_exists"] if taken else [])]
    users = oracle.users.get(asked.image, {})
    return faults if command.account in users else [*faults, "image_unknown"]


def stop(oracle: Oracle, command: Command, asked: VmStop) -> None:
    vm = known_vm(oracle, asked.vm_id)
    vm.grace_ms = 10_000 if asked.grace_ms is None else asked.grace_ms
    oracle.stop(vm, vm.grace_ms)


def stop_faults(oracle: Oracle, command: Command, asked: VmStop) -> list[str]:
    vm = vm_of(oracle, asked.vm_id)
    return [] if vm is not None and vm.lease.buyer == command.account else ["unknown_vm"]


def status(oracle: Oracle, command: Command, report: VmStatus) -> None:
    vm = known_vm(oracle, report.vm_id)
    if not oracle.repeats(vm, report):
        oracle.hear(vm, report)


def status_faults(oracle: Oracle, command: Command, report: VmStatus) -> list[str]:
    faults = ["invalid_field"] if report.state == "requested" else []
    return faults + report_faults(oracle, command, report.vm_id)


def usage(oracle: Oracle, command: Command, report: UsageReport) -> None:
    oracle.read(known_vm(oracle, report.vm_id), report)


def usage_faults(oracle: Oracle, command: Command, report: UsageReport) -> list[str]:
    vm = vm_of(oracle, report.vm_id)
    faults = ["invalid_field"] if vm is not None and oracle.goes_back(vm, report) else []
    return faults + report_faults(oracle, command, report.vm_id)


def report_faults(oracle: Oracle, command: Command, vm_id: str) -> list[str]:
    vm = vm_of(oracle, vm_id)
    return [] if vm is not None and vm.lease.host == command.host else ["unknown_vm"]
