"""Leases and VMs in the duel of engine and oracle: how each message is put to the oracle."""

from typing import Any

from exchange.wire.requests import (
    LeaseRecall,
    LeaseRelease,
    UsageReport,
    VmStart,
    VmStatus,
    VmStop,
)
from exchange.wire.results import Done, Refused
from tests.exchange.oracle.exchange import Oracle
from tests.exchange.oracle.owed import DAY_MS, Lease, Vm

Faults = list[str]


def same_verdict(reply: Done | Refused, faults: Faults) -> bool:
    """Both accept (True), or the engine refuses for one of the oracle's reasons."""
    if isinstance(reply, Refused):
        assert reply.reason in faults, f"refused for {reply}, the oracle finds {faults}"
        return False
    assert not faults, f"accepted: {reply}, the oracle finds {faults}"
    return True


def judge(oracle: Oracle, reply: Done | Refused, account: str, host: str, message: Any) -> None:
    """The oracle accepts or refuses too, and an accepted request has the same result."""
    match message:
        case LeaseRelease():
            judge_release(oracle, reply, account, message)
        case LeaseRecall():
            judge_recall(oracle, reply, account, message)
        case VmStart():
            judge_start(oracle, reply, account, message)
        case VmStop():
            judge_stop(oracle, reply, account, message)
        case VmStatus():
            judge_status(oracle, reply, host, message)
        case UsageReport():
            judge_usage(oracle, reply, host, message)
        case _:
            raise AssertionError(f"nobody judges {message}")


def lease_of(oracle: Oracle, lease_id: str) -> Lease | None:
    return next((one for one in oracle.leases if f"l-{one.number}" == lease_id), None)


def refused_lease(
    reply: Done | Refused, lease: Lease | None, account: str, side: str
) -> Lease | None:
    """The living lease of that side's account, or None after the engine refused it too."""
    if lease is None or account != getattr(lease, side):
        same_verdict(reply, ["unknown_lease", "lease_ended"])
        return None
    if lease.over:
        same_verdict(reply, ["lease_ended"])
        return None
    return lease


def judge_release(oracle: Oracle, reply: Done | Refused, account: str, asked: LeaseRelease) -> None:
    lease = refused_lease(reply, lease_of(oracle, asked.lease_id), account, "buyer")
    if lease is None:
        return
    units = asked.units or lease.units
    later = asked.at_ms is not None and asked.at_ms > oracle.now_ms
    if not same_verdict(reply, oracle.release_faults(lease, units, at_once=not later)):
        return
    if later:
        lease.release = (asked.at_ms or 0, asked.units or 0)
    else:
        oracle.give_back(lease, units)


def judge_recall(oracle: Oracle, reply: Done | Refused, account: str, asked: LeaseRecall) -> None:
    lease = refused_lease(reply, lease_of(oracle, asked.lease_id), account, "seller")
    if lease is not None and same_verdict(reply, oracle.recall_faults(lease, asked.units)):
        oracle.recall(lease, asked.units or lease.recallable)


def judge_start(oracle: Oracle, reply: Done | Refused, account: str, asked: VmStart) -> None:
    """Asked for twice by the same name and body it is the same VM (rules.md 4.6)."""
    number = int(asked.lease_id.removeprefix("l-"))
    known = oracle.names.get((number, asked.name))
    if known is not None and known[1].lease.buyer == account:
        body, vm = known
        if isinstance(reply, Refused) and reply.reason == "unknown_lease":
            assert oracle.ended.get(number, oracle.now_ms) <= oracle.now_ms - DAY_MS
        elif body == asked:
            assert isinstance(reply, Done) and reply.duplicate, reply
            assert reply.result == {"vm_id": f"v-{vm.number}", "duplicate": True}
        else:
            same_verdict(reply, ["vm_exists"])
        return
    lease = refused_lease(reply, lease_of(oracle, asked.lease_id), account, "buyer")
    if lease is not None and same_verdict(reply, oracle.start_faults(lease, asked)):
        vm = oracle.start(lease, asked)
        assert isinstance(reply, Done) and not reply.duplicate
        assert reply.result == {"vm_id": f"v-{vm.number}", "duplicate": False}


def vm_of(oracle: Oracle, vm_id: str, host: str | None = None) -> Vm | None:
    """A VM that lives; to a host only its own."""
    vm = oracle.vms.get(int(vm_id.removeprefix("v-")))
    return vm if vm and host in (None, vm.lease.host) else None


def judge_stop(oracle: Oracle, reply: Done | Refused, account: str, asked: VmStop) -> None:
    vm = vm_of(oracle, asked.vm_id)
    if same_verdict(reply, [] if vm and vm.lease.buyer == account else ["unknown_vm"]) and vm:
        oracle.stop(vm)


def judge_status(oracle: Oracle, reply: Done | Refused, host: str, report: VmStatus) -> None:
    vm = vm_of(oracle, report.vm_id, host)
    faults = [] if vm else ["unknown_vm"]
    faults += ["invalid_field"] if report.state == "requested" else []
    if same_verdict(reply, faults) and vm and not oracle.repeats(vm, report):
        assert isinstance(reply, Done) and not reply.duplicate
        oracle.hear(vm, report)
        assert reply.result == {"state": vm.state}


def judge_usage(oracle: Oracle, reply: Done | Refused, host: str, report: UsageReport) -> None:
    vm = vm_of(oracle, report.vm_id, host)
    faults = [] if vm else ["unknown_vm"]
    faults += ["invalid_field"] if vm and oracle.goes_back(vm, report) else []
    if same_verdict(reply, faults) and vm:
        oracle.read(vm, report)
        assert isinstance(reply, Done) and reply.result == {"cpu_ms": vm.cpu_ms}
