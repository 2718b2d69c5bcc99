"""The naive exchange's VMs: how they start, what their hosts tell of them, how they end.

Part of `sim.oracle.exchange.Oracle`; see there. Written from rules.md 5.2, 5.8, 5.9.
"""

from abc import abstractmethod
from fractions import Fraction
from math import floor
from typing import Any, Final

from msgspec.structs import replace

from exchange.wire.requests import UsageReport, VmStart, VmStatus
from sim.oracle.hosts import Host, Hosts, Need
from sim.oracle.owed import Launch, Lease, Unit, Vm

LAUNCH_MS: Final = 300_000
RELAUNCH_MS: Final = 60_000
MIB: Final = 1024 * 1024
BUYERS_AFFAIR: Final = (
    "allow_from_invalid",
    "cmdline_invalid",
    "image_invalid",
    "image_unknown",
    "not_ready",
)


class Vms(Hosts):
    """VMs by number, and the names they were started under."""

    def __init__(self, shapes: dict[str, Need]) -> None:
        super().__init__(shapes)
        self.now_ms = 0
        self.images: dict[str, int] = {}
        """Bytes, by SHA-256."""
        self.users: dict[str, dict[str, None]] = {}
        """By SHA-256: the accounts that stored or bought it."""
        self.offered: dict[tuple[str, str], int] = {}
        """By SHA-256 and seller, the oldest offer first: its price."""
        self.vms: dict[int, Vm] = {}
        """Those that live."""
        self.started = 0
        self.names: dict[tuple[int, str], tuple[VmStart, Vm]] = {}
        """By lease and name: a VM is asked for once (rules.md 4.6)."""
        self.turn = 0
        self.news: list[tuple[Any, ...]] = []
        """What happened that an account or a host must be told, in order; whoever reads it empties
        it: a kind, and whom or what it is about."""

    @abstractmethod
    def gate_ms(self, symbol: str) -> int | None:
        """When a window's gate closes."""

    @abstractmethod
    def unit_failed(self, lease: Lease, unit: Unit) -> None:
        """The host did not launch the VM of this unit."""

    @abstractmethod
    def close_if_told(self, lease: Lease) -> None:
        """Post the final charge of a lease that is over, once nothing is awaited for it."""

    def live_vms(self, lease: Lease) -> list[Vm]:
        """Those that stand on ``lease``, the youngest last."""
        return [vm for vm in self.vms.values() if vm.lease is lease]

    # --- the buyer ---

    def start_faults(self, lease: Lease, asked: VmStart) -> list[str]:
        """Every reason to refuse a VM; its name is new."""
        faults = [] if asked.image in self.images else ["image_unknown"]
        gate_ms = self.gate_ms(lease.symbol)
        if gate_ms is not None and self.now_ms < gate_ms:
            faults.append("market_not_open")
        if len(self.live_vms(lease)) >= lease.units:
            faults.append("lease_full")
        return faults + self.share_faults(self.hosts[lease.host], lease, asked)

    def share_faults(self, host: Host, lease: Lease, asked: VmStart) -> list[str]:
        """A VM has its part of the host's ports by memory, and an image that its disk can hold."""
        all_ports, image_mib = host.others
        size, (_, memory, disk) = self.images.get(asked.image, 0), self.need(lease.symbol)
        faults = []
        if host.image_max_mib is not None and size > host.image_max_mib * MIB:
            faults.append("quota_exceeded")
        if image_mib is not None and size > min(image_mib, disk) * MIB:
            faults.append("quota_exceeded")
        wanted = len(asked.ports or [])
        if all_ports is None or not wanted:
            return faults
        part = Fraction(memory * all_ports, host.capacity[1])
        if wanted > min(all_ports, floor(part) if part >= 1 else 1):
            faults.append("quota_exceeded")
        here = [vm for vm in self.vms.values() if vm.lease.host == host.name]
        taken = sum(len(vm.asked.ports or []) for vm in here)
        if part < 2 and taken + wanted > all_ports:
            faults.append("insufficient_capacity")
        return faults

    def start(self, lease: Lease, asked: VmStart) -> Vm:
        """The host has 300 s and the image's time at 10 MiB/s, from the window's start on."""
        self.started += 1
        image_s = self.images[asked.image] // (10 * MIB)
        by_ms = max(self.now_ms, lease.start_ms) + LAUNCH_MS + image_s * 1000
        vm = Vm(self.started, asked, lease, None, Launch(self.now_ms), by_ms, self.now_ms)
        self.settle_in(vm, lease)
        self.vms[vm.number] = vm
        return vm

    def settle_in(self, vm: Vm, lease: Lease) -> None:
        """It takes a unit that never had a VM, else the one that has been without for longest."""
        fresh = [unit for unit in lease.living if unit.first is None]
        idle = [unit for unit in lease.living if unit.first is not None and unit.vm is None]
        unit = (fresh + sorted(idle, key=lambda one: one.idle_turn))[0]
        vm.lease, vm.unit, unit.vm = lease, unit, vm.number
        vm.asked = replace(vm.asked, lease_id=f"l-{lease.number}")
        if unit.first is None:
            unit.first = vm.launch
        self.names[lease.number, vm.asked.name] = (vm.asked, vm)

    def stop(self, vm: Vm, grace_ms: int = 0) -> None:
        """The buyer's stop, or the end of its lease: nobody waits for a launch any more.

        Its lease's end gives it no time to stop by itself.
        """
        if vm.state != "stopping":
            vm.state, vm.launch_by_ms = "stopping", None
            vm.stopping_ms = self.now_ms
            self.no_longer_awaited(vm)
        self.news.append(("kill", vm.number, grace_ms))

    def no_longer_awaited(self, vm: Vm) -> None:
        if vm.launch.awaited_until_ms is None:
            vm.launch.awaited_until_ms = self.now_ms

    def gone(self, vm: Vm, state: str) -> None:
        """It is stopped or failed; its unit, if it has one yet, is free for another."""
        self.no_longer_awaited(vm)
        vm.state, vm.launch_by_ms = state, None
        self.news.append(("gone", vm))
        del self.vms[vm.number]
        if vm.unit is not None:
            self.turn += 1
            vm.unit.vm, vm.unit.idle_turn = None, self.turn
        self.told_last(vm)
        self.close_if_told(vm.lease)

    def told_last(self, vm: Vm) -> None:
        """The lease it came from waits for it no longer."""
        before, vm.before = vm.before, None
        if before is not None:
            self.close_if_told(before)

    # --- the host ---

    def repeats(self, vm: Vm, report: VmStatus) -> bool:
        """What is known already, and late news of a VM that is being stopped, changes nothing."""
        if vm.state == "stopping" and report.state in ("starting", "running", "stopping"):
            return True
        return (report.state, report.reason, report.ready_ms) == (vm.state, *vm.news)

    def hear(self, vm: Vm, report: VmStatus) -> None:
        """Launched when it runs; ready when the host says so; a launch may fail."""
        if report.state in ("stopped", "failed"):
            failed = vm.launch_by_ms is not None and vm.launch.launched_ms is None
            unit = vm.unit
            self.gone(vm, report.state)
            if failed and unit is not None and report.reason not in BUYERS_AFFAIR:
                self.unit_failed(vm.lease, unit)
            return
        if report.state == "stopping":
            vm.stopping_ms = self.now_ms
        vm.state, vm.news = report.state, (report.reason, report.ready_ms)
        if report.state == "running" and vm.launch.launched_ms is None:
            vm.launch.launched_ms, vm.launch_by_ms = self.now_ms, None
        if report.ready_ms is not None and vm.launch.launched_ms is not None:
            self.no_longer_awaited(vm)

    def launch_overdue(self, vm: Vm) -> None:
        unit = vm.unit
        self.gone(vm, "failed")
        if unit is not None:
            self.unit_failed(vm.lease, unit)

    def goes_back(self, vm: Vm, report: UsageReport) -> bool:
        return report.boot == vm.boot and report.cpu_ms_total < vm.seen_ms

    def read(self, vm: Vm, report: UsageReport) -> None:
        """CPU since the last reading, no more than the VM's vCPUs can use in that time.

        It was used evenly over the time. What lies before the lease's last posting counts to the
        period posted then; what lies before the lease, to the one the VM came from.
        """
        since_ms, lease = vm.read_ms, vm.lease
        elapsed_ms = self.now_ms - since_ms
        used_ms = report.cpu_ms_total - (vm.seen_ms if report.boot == vm.boot else 0)
        used_ms = min(used_ms, elapsed_ms * lease.mvcpu // 1000)
        vm.boot, vm.seen_ms, vm.read_ms = report.boot, report.cpu_ms_total, self.now_ms
        vm.cpu_ms += used_ms

        def before(at_ms: int) -> int:
            early_ms = max(0, min(at_ms, self.now_ms) - since_ms)
            return used_ms * early_ms // elapsed_ms if early_ms else 0

        begin_ms = max([lease.start_ms, *lease.posts])
        if vm.before is not None:
            vm.before.cpu_ms[-1] += before(lease.start_ms)
        if lease.posts:
            lease.cpu_ms[-2] += before(begin_ms) - before(lease.start_ms)
        lease.cpu_ms[-1] += used_ms - before(begin_ms)
        self.told_last(vm)

    def restart(self, down_since_ms: int | None, now_ms: int) -> None:
        """The exchange was down: a launch has at least a minute from now."""
        self.started_ms = now_ms
        for vm in self.vms.values():
            if vm.launch_by_ms is not None:
                vm.launch_by_ms = max(vm.launch_by_ms, now_ms + RELAUNCH_MS)
