"""What buyers do with their leases in a `Storm`, and what hosts tell of the VMs on them."""

from typing import Any, Final

from exchange.wire.requests import LeaseRecall, LeaseRelease, VmStart, VmStatus, VmStop
from sim.oracle.owed import HOUR_MS, Lease, Vm
from tests.exchange.duel import acts
from tests.exchange.duel.scene import IMAGE, MONEY
from tests.exchange.storm.hosts import HostTrouble

STATES: Final = ("starting", "running", "running", "running", "running", "stopped", "failed")
REASONS: Final = ("image_invalid", "not_ready", "out of memory", "boot_failed")
NOBODYS_IMAGE: Final = "cd" * 32


class LeaseLife(HostTrouble):
    """Leases and VMs in a storm."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.starts: list[tuple[str, VmStart]] = []

    # --- leases ---

    def lease(self) -> Lease | None:
        leases = self.oracle.leases
        return self.random.choice(leases) if leases else None

    def release(self) -> None:
        lease = self.lease()
        if lease is None or (not lease.spot and not self.chance(5)):
            return
        terms: dict[str, Any] = {}
        if self.chance(2):
            terms["units"] = self.random.randint(1, lease.units + 1)
        if self.chance(5):
            terms["at_ms"] = self.duel.market.now_ms + self.random.randrange(1, 3_000_000)
        account = lease.seller if self.chance(20) else lease.buyer
        self.duel.send(LeaseRelease(req_id=1, lease_id=f"l-{lease.number}", **terms), account)

    def leave(self) -> None:
        """A buyer gives all of a lease back, of a window only when there is nothing else."""
        leases = self.oracle.leases
        lease = self.random.choice([one for one in leases if one.spot] or leases)
        self.duel.send(LeaseRelease(req_id=1, lease_id=f"l-{lease.number}"), lease.buyer)

    def recall(self) -> None:
        if (lease := self.lease()) is not None:
            terms = {"units": self.random.randint(1, lease.units + 1)} if self.chance(2) else {}
            account = lease.buyer if self.chance(20) else lease.seller
            self.duel.send(LeaseRecall(req_id=1, lease_id=f"l-{lease.number}", **terms), account)

    # --- VMs ---

    def start_vm(self) -> None:
        """Mostly where it is possible; now and then again, under the same name."""
        if self.starts and self.chance(15):
            account, message = self.random.choice(self.starts[-20:])
            if self.chance(2):
                message = VmStart(
                    req_id=1, lease_id=message.lease_id, name=message.name, image=IMAGE, ports=[9]
                )
        elif (lease := self.startable()) is not None:
            account = self.random.choice(list(MONEY)) if self.chance(20) else lease.buyer
            which = self.random.randrange(6)
            name, ports = f"vm{which}", [*range(80, 80 + which // 2)]
            image = NOBODYS_IMAGE if self.chance(25) else IMAGE
            message = VmStart(
                req_id=1, lease_id=f"l-{lease.number}", name=name, image=image, ports=ports
            )
            self.starts.append((account, message))
        else:
            return
        self.duel.send(message, account)

    def startable(self) -> Lease | None:
        """A lease that may have a VM, if there is one."""
        now_ms, leases = self.duel.market.now_ms, self.oracle.leases
        maybe = [one for one in leases if one.start_ms - 180_000 <= now_ms and not one.over]
        maybe = [one for one in maybe if len(self.oracle.live_vms(one)) < one.units] or maybe
        return self.random.choice(maybe) if maybe and not self.chance(15) else self.lease()

    def vm(self) -> Vm | None:
        """A VM whose host can speak, mostly one that is awaited."""
        talking = [h.name for h in self.oracle.hosts.values() if h.state in ("live", "syncing")]
        vms = [vm for vm in self.oracle.vms.values() if vm.lease.host in talking]
        awaited = [vm for vm in vms if vm.launch.launched_ms is None or vm.state == "stopping"]
        return self.random.choice(awaited if awaited and self.chance(2) else vms) if vms else None

    def vm_news(self) -> None:
        if (vm := self.vm()) is None:
            return
        state: Any = self.random.choice(STATES)
        if vm.state == "stopping" and self.chance(2):
            state = "stopped"
        elif self.chance(40):
            state = self.random.choice(("stopping", "requested"))
        ready = state == "running" and vm.launch.launched_ms is not None and self.chance(2)
        ready_ms = self.duel.market.now_ms if ready else vm.news[1]
        reason = self.random.choice(REASONS) if state == "failed" else None
        message = VmStatus(
            req_id=1, vm_id=f"v-{vm.number}", state=state, reason=reason, ready_ms=ready_ms
        )
        self.from_host(vm, message)

    def usage(self) -> None:
        if (vm := self.vm()) is not None:
            self.read(vm)

    def name_the_carried(self) -> None:
        """Hosts that learn that a VM goes on mostly tell at once what it used so far."""
        live = [host.name for host in self.oracle.hosts.values() if host.state == "live"]
        carried = [vm for vm in self.oracle.vms.values() if vm.before is not None]
        for vm in [vm for vm in carried if vm.lease.host in live and not self.chance(3)]:
            self.read(vm)

    def read(self, vm: Vm) -> None:
        """Anything from idle to more than its vCPUs can do; a new boot begins at zero."""
        elapsed_ms = self.duel.market.now_ms - vm.read_ms
        share = self.random.choice((0, 5, 30, 100, 100, 1000))
        used_ms = elapsed_ms * vm.lease.mvcpu * share // 100_000 + self.random.randrange(3)
        boot = self.random.choice((vm.boot or "a", vm.boot or "a", "b"))
        before_ms = vm.seen_ms if boot == vm.boot else 0
        total_ms = max(0, before_ms - 1) if self.chance(20) else before_ms + used_ms
        message = acts.reading(self.duel, vm, boot, total_ms)
        self.from_host(vm, message)

    def from_host(self, vm: Vm, message: Any) -> None:
        """Its own host tells it, hardly ever another one."""
        host = self.oracle.hosts[vm.lease.host]
        if self.chance(40):
            host = self.random.choice(list(self.oracle.hosts.values()))
        self.duel.send(message, host.owner, host.name)

    def stop_vm(self) -> None:
        if (vm := self.vm()) is not None:
            account = self.random.choice(list(MONEY)) if self.chance(20) else vm.lease.buyer
            self.duel.send(VmStop(req_id=1, vm_id=f"v-{vm.number}"), account)

    def next_hour(self) -> None:
        """Time comes close to the next full hour, where windows close, begin and end."""
        left_ms = HOUR_MS - self.duel.market.now_ms % HOUR_MS
        if left_ms > 300_000:
            self.resolve_silences()
        self.duel.advance(max(0, left_ms - self.random.choice((181_000, 180_000, 60_000, 1, 0))))
        self.name_the_carried()
