"""The host's offer and its load: capacity, the owner's limit, residual offering.

Pure. Effective offer = min(what the server's own work leaves, the owner's limit), and nothing at
all while the owner's own work needs a residual server (rules.md 8.3).
"""

from msgspec import Struct
from msgspec.structs import replace

from exchange.wire.instructions import HostLimit
from exchange.wire.requests import HostAnnounce
from exchange.wire.terms import need_of
from exchange.wire.types import Accel, Capacity, HostLimits, HostLoad, Outbound, ToldCapacity
from hostagent.core.inventory import Shared, fits, fitting_classes, smaller
from hostagent.core.kept import KeptOffer, resumed
from hostagent.core.offering import Offering, left_beside, smallest_unit
from hostagent.core.own_use import Held, OwnUse, Used, own_use
from hostagent.core.pause import Pause
from hostagent.core.ports import HYPERVISOR_LOST, Load, Observed
from hostagent.core.residual import Residual
from hostagent.core.vm import Vm

PORTS_SLACK = 10
"""One part in so many may come and go untold."""
NOTHING = Capacity(mvcpu=0, mem_mib=0, disk_mib=0)


class HostConfig(Struct, frozen=True):
    """What is fixed for the agent's life. ``host_mvcpu`` and ``host_mem_mib`` are all of the
    server, reserve included (0: not known). ``shared``: what is offered less what own work used
    within a day, because its owner has not said how much to offer."""

    capacity: Capacity
    classes: dict[str, Capacity]
    boot_id: str
    limits: HostLimits | None = None
    cpu_model: str = "unknown"
    accel: Accel = "simulated"
    agent_version: str = "0"
    host_mvcpu: int = 1000
    host_mem_mib: int = 0
    shared: Shared = ()
    heartbeat_ms: int = 5_000
    observe_ms: int = 5_000
    ready_bound_ms: int = 600_000
    orphan_grace_ms: int = 60_000
    outbound: Outbound = "none"
    tags: tuple[str, ...] = ()


class Watched(Struct, frozen=True):
    """What has been seen of the server's own work."""

    load: Load
    looked: bool
    residual: Residual
    use: OwnUse
    cpu: Held
    mem: Held


class Offer:
    """Remembers what was announced, so that only changes are announced again."""

    def __init__(self, config: HostConfig, kept: KeptOffer) -> None:
        self._config = config
        self._limit = kept.limit
        self.image_max_mib: int | None = None
        self._residual = replace(kept.residual)
        self._total = Used(config.host_mvcpu, config.host_mem_mib)
        self._shared = Used(
            self._total.mvcpu if "mvcpu" in config.shared else 0,
            self._total.mem_mib if "mem_mib" in config.shared else 0,
        )
        self._unit = smallest_unit(config.capacity, config.classes)
        self._use = OwnUse(self._total, kept.day)
        self._cpu = Held(None if kept.held is None else kept.held.mvcpu)
        self._mem = Held(None if kept.held is None else kept.held.mem_mib)
        self._looked = False
        self._limits = config.limits
        self._offered_now: Capacity | None = None
        """Worked out since the last change of what it follows from."""
        self._announced: Capacity | None = None
        self._told: HostLimits | None = None
        self._load = Load()
        self._pause = Pause()
        self._paused_told = False

    def kept(self) -> KeptOffer:
        """Return what an agent after us must start with."""
        return KeptOffer(self._limit, replace(self._residual), self._use.day, self._now())

    def watched(self) -> Watched:
        """Return what it has seen until now; see `go_back`."""
        return _copied(
            Watched(self._load, self._looked, self._residual, self._use, self._cpu, self._mem)
        )

    def go_back(self, watched: Watched) -> None:
        """Forget what was seen since then."""
        seen = _copied(watched)
        self._load, self._looked, self._residual = seen.load, seen.looked, seen.residual
        self._use, self._cpu, self._mem = seen.use, seen.cpu, seen.mem
        self._offered_now = None

    def limit(self, order: HostLimit) -> None:
        """Take the owner's limit over; an absent one is lifted."""
        self._offered_now = None
        self._limit = order.offered
        self._residual.limit(order.residual_below_pct)
        self.image_max_mib = order.image_max_mib

    def observe(self, seen: Observed, vms: dict[str, Vm]) -> None:
        """Take the server's load in. To be called before the meters see the same readings."""
        self._offered_now = None
        self._pause.answered()
        if seen.ports is not None:
            self._count_ports(seen.ports)
        if not self._looked:
            self._residual = replace(resumed(self.kept(), seen.at_ms).residual)
            self._looked = True
        self._load = seen.load
        own = own_use(seen, vms, self._total)
        if own is not None:
            own_pct = 100.0 * own.mvcpu / max(1, self._total.mvcpu)
            self._residual.observe(own_pct, seen.at_ms)
            self._cpu.observe(own.mvcpu, seen.at_ms)
            self._mem.observe(own.mem_mib, seen.at_ms)
            self._use.observe(own, seen.at_ms)

    def look_begins(self, now_ms: int) -> bool:
        """The hypervisor is asked again; return whether sales pause from now on."""
        return self._pause.asked(now_ms)

    @property
    def paused(self) -> bool:
        """The hypervisor does not answer: nothing more is sold, and no start begins."""
        return self._pause.on

    def _count_ports(self, ports: int) -> None:
        """Tell only of a change that matters: a few ports come and go with others' connections."""
        known = self._limits or HostLimits()
        if known.ports is None or abs(ports - known.ports) > known.ports // PORTS_SLACK:
            self._limits = replace(known, ports=ports)

    def load(self) -> HostLoad:
        return HostLoad(cpu_pct=self._load.cpu_pct, mem_pct=self._load.mem_pct)

    def forget_announced(self) -> None:
        """A new login, or a refusal that says "not now": announce again."""
        self._announced = None

    def changed(self) -> bool:
        told = self._limits == self._told and self._pause.on == self._paused_told
        return self._offered() != self._announced or not told

    def announcement(self, req_id: int) -> HostAnnounce:
        """Return the announcement of what is offered now, and remember it as made."""
        config = self._config
        self._announced, self._told = self._offered(), self._limits
        self._paused_told = self._pause.on
        return HostAnnounce(
            req_id=req_id,
            capacity=config.capacity,
            offered=self._announced,
            classes=fitting_classes(config.capacity, config.classes),
            cpu_model=config.cpu_model,
            accel=config.accel,
            agent_version=config.agent_version,
            boot_id=config.boot_id,
            limits=self._limits,
            outbound=None if config.outbound == "none" else config.outbound,
            tags=list(config.tags) or None,
            paused=HYPERVISOR_LOST if self._pause.on else None,
        )

    def has_room(self, one_more: Vm, vms: dict[str, Vm]) -> bool:
        """Tell whether ``one_more`` fits beside ``vms``, whatever the exchange believes.

        A VM that is stopping, or waits for its window, does not count: the slot changes hands.
        """
        if one_more.not_before_ms is not None:
            return True
        counted = [vm for vm in vms.values() if vm.state in ("starting", "running")]
        counted = [vm for vm in counted if vm.domain != "none" or vm.not_before_ms is None]
        needs = [need_of(vm.spec.shape) for vm in [*counted, one_more]]
        mvcpu, mem_mib, disk_mib = (sum(kind) for kind in zip(*needs, strict=True))
        return fits(ToldCapacity(mvcpu, mem_mib, disk_mib), self._config.capacity)

    def offering(self) -> Offering:
        """Return what is offered now, and why."""
        return Offering(
            offered=self._offered(),
            capacity=self._config.capacity,
            total=self._total,
            own=self._own(),
            hours=self._use.day.hours(),
            limit=self._limit,
            below_pct=self._residual.below_pct,
            open=self._residual.open,
            paused=self._pause.on,
        )

    def _offered(self) -> Capacity:
        if self._offered_now is None:
            self._offered_now = self._work_out_offered()
        return self._offered_now

    def _work_out_offered(self) -> Capacity:
        if not self._residual.open:
            return NOTHING
        total = self._shared if self._residual.below_pct is None else self._total
        left = left_beside(self._own(), total, self._config.capacity, self._unit)
        return smaller(left, self._limit)

    def _own(self) -> Used:
        """Return what is left to the server's own work."""
        day, below_pct = self._use.day.counted, self._residual.below_pct
        if below_pct is None:
            return day
        # Open, but its load was not watched for long enough yet: then it is below that.
        return self._now() or Used(self._total.mvcpu * below_pct // 100, day.mem_mib)

    def _now(self) -> Used | None:
        if self._cpu.level is None or self._mem.level is None:
            return None
        return Used(self._cpu.level, self._mem.level)


def _copied(seen: Watched) -> Watched:
    return replace(
        seen,
        residual=replace(seen.residual),
        use=replace(seen.use),
        cpu=replace(seen.cpu),
        mem=replace(seen.mem),
    )
