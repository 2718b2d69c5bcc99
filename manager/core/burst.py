"""The episode of a unit: start its VM, join the balancer, drain, stop, release.

Theory of operation. Every unit walks the states of `unit.py` from left to right; each arrow waits
for one message from outside, so nothing is assumed:

    leased     --vm.start sent-->                requested
    requested  --vm.update starting-->           starting
    starting   --vm.update with ready_ms-->      joining     RegisterBackend
    joining    --BackendReady-->                 ready
    ready      --a rule releases-->              draining    DrainBackend
    draining   --BackendDrained-->               stopping    RemoveBackend, vm.stop
    stopping   --vm.update stopped-->            stopped     lease.release (not after a recall)
    stopped    --ack, or lease.update-->         gone

A unit the balancer does not know yet skips ``draining``. A purchase takes draining units back
first. A VM that ran and failed is started once more on its unit; after that the unit is given back
and the rules replace it as needed. A unit whose launch failed, or that is recalled, is not given
back: the exchange ends it and pays the seller's bond. Pure: outs go
to the `Outgoing`. Source: manager.md, "When something fails"; rules.md 5.7, 5.8.
"""

from collections.abc import Mapping
from typing import Any, Final

from exchange.units import MS_PER_SECOND
from exchange.wire.address import guest_problem
from exchange.wire.frames import VmUpdate
from exchange.wire.requests import LeaseRelease, VmStop
from exchange.wire.terms import failure_fault
from exchange.wire.types import IdleUnit
from manager.core.backoff import Backoff
from manager.core.boots import Boots
from manager.core.hand import by_hand
from manager.core.library import StoredVm, start_request
from manager.core.messages import DrainBackend, RegisterBackend, RemoveBackend
from manager.core.outgoing import Outgoing
from manager.core.rented import RentedUnits, vm_name
from manager.core.unit import IN_BALANCER, LEAVING, Lease, Unit

MAX_FAILURES: Final = 2
MAX_LAUNCHES: Final = 8
STOP_GRACE_MS: Final = 10 * MS_PER_SECOND
IMAGE_REASONS: Final = ("image_unknown", "image_invalid", "invalid_field")
"""Why `vm.start` is refused when the stored VM is wrong."""
LEASE_REASONS: Final = ("unknown_lease", "lease_ended", "lease_full", "vm_exists")
"""Why it is refused when the unit is not there any more: nobody's fault."""


class Bursts:
    """Moves the units of ``rented`` along."""

    def __init__(
        self, outgoing: Outgoing, rented: RentedUnits, backoff: Backoff, boots: Boots
    ) -> None:
        self._outgoing = outgoing
        self._boots = boots
        self._rented = rented
        self._backoff = backoff
        self.loopback = True
        """Guests may be on this machine."""

    # --- what a rule decides ---

    def give_back(self, count: int | None, vm: str | None, rule: str | None = None) -> int:
        """Begin to give back ``count`` units (None: all), expensive ones first; return how many.

        ``vm``, ``rule``: only units that run it, that were bought by it. What was bought by hand
        stays, and so do windows, which are owed in any case.
        """
        found = [
            unit
            for lease, unit in self._rented.most_expensive_first()
            if unit.state not in LEAVING
            and unit.give_back
            and not lease.window_ms
            and not by_hand(lease.rule)
            and (vm is None or (lease.vm is not None and lease.vm.name == vm))
            and rule in (None, lease.rule)
        ][:count]
        for unit in found:
            self.leave(unit, give_back=True)
        return len(found)

    def end(self, rule: str) -> int:
        """Begin to give back all that was bought under that name; return how many units."""
        found = [unit for lease, unit in self._rented.units() if lease.rule == rule]
        for unit in found:
            self.leave(unit, give_back=True)
        return len(found)

    def keep_within(self, rule: str | None, hour_ucr: int) -> int:
        """Give back expensive units of a rule (None: of all) until an hour costs ``hour_ucr``."""
        staying = [
            (lease, unit)
            for lease, unit in self._rented.most_expensive_first()
            if rule in (None, lease.rule)
            and unit.state not in LEAVING
            and unit.give_back
            and not lease.window_ms
        ]
        over_ucr = sum(lease.price_ucr for lease, _ in staying) - hour_ucr
        given = 0
        for lease, unit in staying:
            if over_ucr <= 0:
                break
            self.leave(unit, give_back=True)
            over_ucr -= lease.price_ucr
            given += 1
        return given

    def take_back(self, count: int) -> int:
        """Return up to ``count`` draining units to service, the cheapest first: they are paid."""
        found = [
            (lease, unit)
            for lease, unit in reversed(self._rented.most_expensive_first())
            if unit.state == "draining"
            and unit.give_back
            and not lease.ending
            and not lease.window_ms
            and not by_hand(lease.rule)
        ][:count]
        for lease, unit in found:
            self.join(lease, unit)
        return len(found)

    def recalled(self, unit: Unit, leaves_ms: int) -> None:
        """The unit ends by itself; one that serves goes on until ``leaves_ms``."""
        serves = unit.state in ("joining", "ready") and unit.port
        if serves and leaves_ms > self._outgoing.now_ms:
            unit.give_back, unit.leaves_ms = False, unit.leaves_ms or leaves_ms
        else:
            self.leave(unit, give_back=False)

    def hour_ends(self, unit: Unit, leaves_ms: int) -> None:
        """A window's unit ends by itself, and is paid for until then; so it counts until then."""
        if unit.state in ("joining", "ready") and unit.port and leaves_ms > self._outgoing.now_ms:
            unit.leaves_ms = unit.leaves_ms or leaves_ms
        else:
            self.leave(unit, give_back=True)

    def leave(self, unit: Unit, give_back: bool) -> None:
        """Take the unit out of service; ``give_back``: and release it when its VM is gone."""
        firm = self._rented.leases[unit.lease_id].window_ms
        staying = unit.state not in LEAVING and (firm or not unit.leaves_ms)
        unit.give_back = give_back and bool(unit.give_back or staying)
        if unit.state in LEAVING:
            return
        if unit.state in IN_BALANCER and unit.port:
            unit.state = "draining"
            self._outgoing.emit(DrainBackend(unit.server))
        elif unit.state == "leased":
            self.stopped(unit)
        else:
            self._stop(unit)

    def join(self, lease: Lease, unit: Unit) -> None:
        """Have the balancer probe the unit and send it traffic."""
        assert lease.vm is not None, "only a stored VM with a port joins the balancer"
        unit.state = "joining"
        vm = lease.vm
        self._outgoing.emit(
            RegisterBackend(unit.server, unit.address, unit.port, vm.backend, vm.health)
        )

    # --- what the balancer says ---

    def joined(self, server: str) -> None:
        unit = self._rented.unit(server)
        if unit is not None and unit.state == "joining":
            unit.state = "ready"
            unit.joined_ms = self._outgoing.now_ms
            if unit.asked_ms:
                self._boots.add(unit.joined_ms - unit.asked_ms)
                unit.asked_ms = 0
            self._outgoing.log("in_service", f"{server}: in service")

    def drained(self, server: str) -> None:
        unit = self._rented.unit(server)
        if unit is None or unit.state not in IN_BALANCER:
            self._outgoing.emit(RemoveBackend(server))
        elif unit.state == "draining":
            self._outgoing.emit(RemoveBackend(server))
            self._stop(unit)

    def not_joined(self, server: str, reason: str, refused: bool) -> None:
        """The server was not healthy, or (``refused``) the balancer does not take it."""
        unit = self._rented.unit(server)
        if unit is not None and unit.state in IN_BALANCER:
            self._outgoing.log("not_fit", f"{server}: not fit to serve: {reason}")
            lease = self._rented.leases[unit.lease_id]
            if refused:
                self._backoff.unserved(lease, reason)
            elif unit.state == "joining":
                self._backoff.unhealthy(lease, reason)
            self._outgoing.emit(RemoveBackend(server))
            self._stop(unit)

    # --- what the exchange says ---

    def launch(self, lease: Lease, unit: Unit) -> None:
        """Ask for a VM on a unit that has none; a lease about to end gets none."""
        assert unit.state == "leased", "a unit runs one VM at a time"
        if lease.ending or lease.vm is None or unit.launches >= MAX_LAUNCHES:
            self.stopped(unit)
        elif self._outgoing.online:
            unit.launches += 1
            # A window's VM is launched when the hour begins.
            start_ms = self._outgoing.local_ms(lease.window_ms) if lease.window_ms else 0
            unit.asked_ms = max(self._outgoing.now_ms, start_ms)
            unit.vm_id = ""
            unit.ran = False
            unit.vm_name = vm_name(lease.vm, unit)
            unit.state = "requested"
            self._send_start(lease.vm, unit)

    def vm_changed(self, lease: Lease, unit: Unit, update: VmUpdate) -> None:
        self.started(unit, update.vm_id)
        match update.state:
            case "requested":
                pass
            case "starting" | "running":
                unit.ran = unit.ran or update.state == "running"
                if unit.state == "requested":
                    unit.state = "starting"
                if update.ready_ms is not None and unit.state == "starting":
                    self._guest_ready(lease, unit, update)
            case "stopping":
                if unit.state != "stopping":
                    self.out_of_balancer(unit)
                    unit.state = "stopping"
            case "stopped" | "failed":
                self._vm_gone(lease, unit, update.reason or update.state)

    def started(self, unit: Unit, vm_id: str) -> None:
        """`vm.start` was accepted; a unit that is on its way out by now stops it again."""
        if unit.vm_id != vm_id:
            unit.vm_id = vm_id
            if unit.state == "stopping":
                self.send_stop(unit)

    def start_accepted(self, server: str, result: Mapping[str, Any]) -> None:
        """`vm.start` was acked. A duplicate is a VM of a run before, and gone: it failed."""
        unit = self._rented.unit(server)
        lease = None if unit is None else self._rented.leases.get(unit.lease_id)
        if unit is None or lease is None:
            return
        if result["duplicate"] and unit.vm_id != result["vm_id"]:
            self._try_again(lease, unit, "its VMs are gone")
        else:
            self.started(unit, result["vm_id"])

    def start_refused(self, server: str, reason: str, why: str) -> None:
        unit = self._rented.unit(server)
        if unit is not None:
            self._outgoing.log("vm_not_started", f"{server}: VM not started: {why}")
            lease = self._rented.leases[unit.lease_id]
            if reason in IMAGE_REASONS:
                self._backoff.image_wrong(lease, why)
            elif reason == "host_unreachable":
                self._backoff.host_failed(lease, why, strict=False)
            elif reason not in LEASE_REASONS:
                self._backoff.unserved(lease, why)
            self.stopped(unit)

    def stop_refused(self, server: str) -> None:
        """There is no such VM any more: as good as stopped."""
        unit = self._rented.unit(server)
        if unit is not None and unit.state == "stopping":
            self.stopped(unit)

    def start_again(self, lease: Lease, unit: Unit) -> None:
        """The unit's VM never was, or is gone: start another unless the unit is leaving."""
        if unit.state in LEAVING or unit.leaves_ms:
            self.stopped(unit)
        else:
            self.out_of_balancer(unit)
            unit.state = "leased"
            self.launch(lease, unit)

    def ended_before(self, lease: Lease, unit: Unit, told: IdleUnit) -> None:
        """The unit's VM ended unseen. We stop only what leaves, so one that we stopped was leaving.

        A unit whose launch failed leaves its lease, so the VM of one that is still there ran.
        """
        unit.ran = True
        if told.state == "stopped" and told.reason is None:
            self.stopped(unit)
        else:
            self._vm_gone(lease, unit, told.reason or told.state)

    def stopped(self, unit: Unit) -> None:
        """No VM runs on the unit and none shall: give it back, or wait for the recall's end."""
        self.out_of_balancer(unit)
        unit.state = "stopped"
        if unit.give_back:
            self.send_release(unit)

    def out_of_balancer(self, unit: Unit) -> None:
        if unit.state in IN_BALANCER and unit.port:
            self._outgoing.emit(RemoveBackend(unit.server))

    def send_stop(self, unit: Unit) -> None:
        self._outgoing.ask(
            "stop",
            unit.server,
            lambda req_id: VmStop(req_id=req_id, vm_id=unit.vm_id, grace_ms=STOP_GRACE_MS),
        )

    def send_release(self, unit: Unit) -> None:
        """Give the unit back; one of a window ends by itself and is owed in any case."""
        if self._rented.leases[unit.lease_id].window_ms:
            return
        self._outgoing.ask(
            "release",
            unit.server,
            lambda req_id: LeaseRelease(req_id=req_id, lease_id=unit.lease_id, units=1),
        )

    # --- steps ---

    def _send_start(self, vm: StoredVm, unit: Unit) -> None:
        self._outgoing.ask(
            "start",
            unit.server,
            lambda req_id: start_request(vm, req_id, unit.lease_id, unit.vm_name),
        )

    def _guest_ready(self, lease: Lease, unit: Unit, update: VmUpdate) -> None:
        if lease.vm is None or not lease.vm.ports:
            unit.state = "ready"
            self._outgoing.log("vm_ready", f"{unit.server}: ready; it has no port for the balancer")
            return
        wanted = lease.vm.ports[0]
        endpoint = next((e for e in update.endpoints if e.guest_port == wanted), None)
        if endpoint is None:
            why = f"its host tells no way to port {wanted}"
        else:
            why = guest_problem(endpoint.address, self.loopback)
        if endpoint is None or why:
            self._outgoing.log("not_fit", f"{unit.server}: {why}")
            self._backoff.host_failed(lease, why, strict=True)
            self._stop(unit)
            return
        unit.address, unit.port = endpoint.address, endpoint.port
        self.join(lease, unit)

    def _stop(self, unit: Unit) -> None:
        """Stop the VM; one whose `vm.start` is not answered yet is stopped when it is."""
        unit.state = "stopping"
        if unit.vm_id:
            self.send_stop(unit)

    def _vm_gone(self, lease: Lease, unit: Unit, reason: str) -> None:
        if unit.state in LEAVING:
            self.stopped(unit)
            return
        self._outgoing.log("vm_ended", f"{unit.server}: VM {unit.vm_id} ended: {reason}")
        if not unit.ran and failure_fault(reason) == "host":
            unit.give_back = False
            self._backoff.host_failed(lease, f"VM not launched: {reason}", strict=False)
            self.stopped(unit)
        else:
            self._try_again(lease, unit, reason)

    def _try_again(self, lease: Lease, unit: Unit, reason: str) -> None:
        """Another of the unit's VMs failed: start one more, or give the unit back."""
        unit.failures += 1
        if unit.failures < MAX_FAILURES:
            self.start_again(lease, unit)
        else:
            self._backoff.unhealthy(lease, reason)
            self.stopped(unit)
