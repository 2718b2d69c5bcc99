"""Simulated hosts for VMs that the recording does not know: they boot, are ready, use, stop.

Only what an exchange hears of them: reports with the times of a scenario's ``[boot]``.
"""

from collections.abc import Callable
from random import Random

from msgspec import Struct

from exchange.model.commands import Command, Out
from exchange.units import MS_PER_HOUR, MS_PER_SECOND
from exchange.wire.instructions import VmKill, VmLaunch
from exchange.wire.requests import HostVm, UsageReport, VmStatus
from exchange.wire.results import Refused
from exchange.wire.types import Endpoint, VmState
from sim.actors.boots import BUSY_PCT, START_MS, STOP_MS
from sim.network.clock import VirtualTime
from sim.scenario.tables import Boot

USAGE_MS = MS_PER_HOUR
"""How often usage is told while a VM runs; as a host agent does."""


class StandIn(Struct):
    """One simulated VM on ``host``."""

    host: str
    launch: VmLaunch
    state: VmState = "starting"
    since_ms: int = 0
    ready_ms: int | None = None


class StandIns:
    """``tell(command)`` gives a report to the exchange; ``is_recorded(vm_id)``: not ours."""

    def __init__(
        self,
        env: VirtualTime,
        random: Random,
        boot: Boot,
        is_recorded: Callable[[str], bool],
        tell: Callable[[Command], object],
    ) -> None:
        self._env = env
        self._random = random
        self._boot = boot
        self._is_recorded = is_recorded
        self._tell = tell
        self._vms: dict[str, StandIn] = {}
        self._at: dict[str, StandIn] = {}

    def hear(self, outs: list[Out]) -> None:
        """Take in what the exchange tells hosts."""
        for host, frame in outs[1:]:
            if isinstance(frame, VmLaunch) and frame.vm_id not in self._vms:
                if not self._is_recorded(frame.vm_id):
                    self._launch(StandIn(host, frame))
            elif isinstance(frame, VmKill) and frame.vm_id in self._vms:
                self._later(STOP_MS, self._stop, self._vms[frame.vm_id])

    def on(self, host: str) -> list[HostVm]:
        """Return what runs on a host, for its inventory."""
        return [HostVm(name, vm.state) for name, vm in self._vms.items() if vm.host == host]

    def serving(self, address: str, port: int) -> bool:
        """Return whether a guest answers there."""
        vm = self._at.get(address)
        return vm is not None and vm.ready_ms is not None

    def _launch(self, vm: StandIn) -> None:
        # Both are drawn every time, so that one boot does not shift the draws behind it.
        seconds = self._random.gauss(self._boot.mean_s, self._boot.sd_s)
        fails = self._random.random() < self._boot.fail
        self._vms[vm.launch.vm_id] = self._at[_address(vm)] = vm
        wait_ms = max(0, (vm.launch.not_before_ms or 0) - self._env.now_ms)
        boot_ms = round(max(self._boot.min_s, seconds) * MS_PER_SECOND)
        self._later(wait_ms + START_MS, self._run, vm)
        self._later(wait_ms + max(START_MS, boot_ms), self._fail if fails else self._ready, vm)

    def _run(self, vm: StandIn) -> None:
        vm.state, vm.since_ms = "running", self._env.now_ms
        self._say(vm)
        self._later(USAGE_MS, self._use, vm)

    def _ready(self, vm: StandIn) -> None:
        vm.ready_ms = self._env.now_ms
        self._say(vm)

    def _fail(self, vm: StandIn) -> None:
        self._end(vm, "failed", "boot_failed")

    def _stop(self, vm: StandIn) -> None:
        if vm.since_ms:
            self._report_use(vm)
        self._end(vm, "stopped", None)

    def _end(self, vm: StandIn, state: VmState, reason: str | None) -> None:
        del self._vms[vm.launch.vm_id]
        vm.state, vm.ready_ms = state, None
        self._say(vm, reason)

    def _say(self, vm: StandIn, reason: str | None = None) -> None:
        places = [Endpoint(port, _address(vm), port) for port in vm.launch.ports]
        there = places if vm.ready_ms is not None else []
        status = VmStatus(
            req_id=1,
            vm_id=vm.launch.vm_id,
            state=vm.state,
            reason=reason,
            ready_ms=vm.ready_ms,
            endpoints=there,
        )
        reply = self._tell(Command("", vm.host, 0, status))
        if isinstance(reply, Refused):  # it ended, with its lease or its host
            vm.ready_ms = None
            self._vms.pop(vm.launch.vm_id, None)

    def _use(self, vm: StandIn) -> None:
        self._report_use(vm)
        self._later(USAGE_MS, self._use, vm)

    def _report_use(self, vm: StandIn) -> None:
        ran_ms = self._env.now_ms - vm.since_ms
        report = UsageReport(
            req_id=1,
            vm_id=vm.launch.vm_id,
            boot=vm.launch.vm_id,
            at_ms=self._env.now_ms,
            cpu_ms_total=ran_ms * vm.launch.shape.mvcpu // 1000 * BUSY_PCT // 100,
            mem_mib=vm.launch.shape.mem_mib,
            net_rx_total=0,
            net_tx_total=0,
        )
        self._tell(Command("", vm.host, 0, report))

    def _later(self, delay_ms: int, action: Callable[[StandIn], None], vm: StandIn) -> None:
        def then(_: None) -> None:
            if self._vms.get(vm.launch.vm_id) is vm:
                action(vm)

        self._env.call_in(delay_ms, then)


def _address(vm: StandIn) -> str:
    number = int(vm.launch.vm_id.removeprefix("v-"))
    return ".".join(str(part) for part in (10 << 24 | number & 0xFFFFFF).to_bytes(4, "big"))
