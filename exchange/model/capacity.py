"""What hosts offer, and how much of it asks and leases use: vCPU, memory and disk together.

A spot ask or lease takes its units in every hour, a window's only in its own: per host and hour,
spot use + that hour's window use never exceeds what the host offers. Source: rules.md 3.2, 5.11.
"""

from typing import TypeAlias

from exchange.model.evidence import Evidence
from exchange.wire.types import Accel, Capacity, HostLimits, HostStatus, Outbound, Paused

Need: TypeAlias = tuple[int, int, int]
"""mvcpu, mem_mib with overhead, disk_mib of one unit."""

NOTHING = Capacity(0, 0, 0)


class Use:
    """Capacity taken on one host in one bucket."""

    __slots__ = ("disk_mib", "mem_mib", "mvcpu")

    def __init__(self) -> None:
        self.mvcpu = 0
        self.mem_mib = 0
        self.disk_mib = 0

    def add(self, need: Need, units: int) -> None:
        """Take ``units`` (give back when negative)."""
        self.mvcpu += need[0] * units
        self.mem_mib += need[1] * units
        self.disk_mib += need[2] * units
        assert self.mvcpu >= 0 and self.mem_mib >= 0 and self.disk_mib >= 0


class Host:
    """The exchange's record of a server that runs the Host agent."""

    __slots__ = (
        "accel",
        "account_id",
        "announced",
        "boot_before",
        "boot_id",
        "capacity",
        "classes",
        "cooling",
        "cooling_use",
        "draining",
        "evidence",
        "host_id",
        "key_id",
        "hardware_id",
        "limit",
        "limits",
        "name",
        "number",
        "residual_below_pct",
        "silent_since_ms",
        "spot",
        "status",
        "synced",
        "windows",
        "zone",
        "offered",
        "offered_known",
        "cpu_model",
        "agent_version",
        "outbound",
        "image_max_mib",
        "tags",
        "paused",
    )

    def __init__(
        self, number: int, account_id: str, name: str, zone: str, hardware_id: str, key_id: str
    ) -> None:
        self.number = number
        self.host_id = f"h-{number}"
        self.account_id = account_id
        self.name = name
        self.zone = zone
        self.hardware_id = hardware_id
        self.key_id = key_id
        self.status: HostStatus = "pending"
        self.capacity = NOTHING
        self.announced = NOTHING
        self.limit: Capacity | None = None
        self.limits: HostLimits | None = None
        """What else can run out, if the host says so."""
        self.offered = NOTHING
        """The effective offer."""
        self.residual_below_pct: int | None = None
        self.classes: list[str] = []
        self.accel: Accel = "kvm"
        self.cpu_model = ""
        self.agent_version = ""
        self.outbound: Outbound | None = None
        """What guests may connect to; None is nothing."""
        self.image_max_mib: int | None = None
        """The owner's: no VM may start with a larger image."""
        self.tags: list[str] | None = None
        self.boot_id = ""
        self.boot_before = ""
        """The boot id when it fell silent: the same id on its return proves that the VMs kept
        running."""
        self.offered_known = False
        self.synced = False
        self.draining = False
        self.paused: Paused | None = None
        """The host's own word: why it starts no VM for now."""
        self.silent_since_ms: int | None = None
        self.evidence = Evidence()
        self.spot = Use()
        self.cooling: list[tuple[int, Need, int]] = []
        """(until_ms, need, units) of recalled slots that take no new spot ask yet."""
        self.cooling_use = Use()
        self.windows: dict[int, Use] = {}
        """Window use by the window's start."""

    def set_offer(self, announced: Capacity, limit: Capacity | None) -> None:
        """The effective offer is what the agent announces, cut by the owner's limit."""
        self.announced, self.limit = announced, limit
        self.offered = announced
        if limit is not None:
            self.offered = Capacity(
                min(limit.mvcpu, announced.mvcpu),
                min(limit.mem_mib, announced.mem_mib),
                min(limit.disk_mib, announced.disk_mib),
            )

    def free(self, bucket: int | None) -> Need:
        """Return what is free in a window's hour, or in every hour for spot (None)."""
        offered, spot = self.offered, self.spot
        mvcpu = offered.mvcpu - spot.mvcpu
        mem_mib = offered.mem_mib - spot.mem_mib
        disk_mib = offered.disk_mib - spot.disk_mib
        windows = self.windows
        if not windows:
            return mvcpu, mem_mib, disk_mib
        if bucket is None:
            uses = list(windows.values())
        else:
            uses = [windows[bucket]] if bucket in windows else []
        return (
            mvcpu - max((use.mvcpu for use in uses), default=0),
            mem_mib - max((use.mem_mib for use in uses), default=0),
            disk_mib - max((use.disk_mib for use in uses), default=0),
        )

    def fits(self, need: Need, bucket: int | None) -> int:
        """Return how many more units fit; 0 when the host offers nothing."""
        mvcpu, mem_mib, disk_mib = self.free(bucket)
        if self.cooling and bucket is None:
            cooling = self.cooling_use
            mvcpu -= cooling.mvcpu
            mem_mib -= cooling.mem_mib
            disk_mib -= cooling.disk_mib
        return units_in((mvcpu, mem_mib, disk_mib), need)

    def cool(self, until_ms: int, need: Need, units: int) -> None:
        """Recalled slots take no new spot ask before ``until_ms``."""
        self.cooling.append((until_ms, need, units))
        self.cooling_use.add(need, units)

    def cooling_until_ms(self) -> int | None:
        """Return when the first recalled slots may be offered on spot again."""
        return self.cooling[0][0] if self.cooling else None

    def warm_up(self) -> None:
        """The first recalled slots are free for spot asks again, and all that cooled as long.

        All at once: equal deadlines may stand in the heap of timers only once.
        """
        until_ms = self.cooling[0][0]
        while self.cooling and self.cooling[0][0] == until_ms:
            _, need, units = self.cooling.pop(0)
            self.cooling_use.add(need, -units)

    def take(self, need: Need, bucket: int | None, units: int) -> None:
        """Count ``units`` as used (gives back when negative)."""
        if bucket is None:
            use = self.spot  # as `Use.add`: every ask and every cancel of one comes here
            use.mvcpu += need[0] * units
            use.mem_mib += need[1] * units
            use.disk_mib += need[2] * units
            assert use.mvcpu >= 0 and use.mem_mib >= 0 and use.disk_mib >= 0
            return
        window = self.windows.get(bucket)
        if window is None:
            window = self.windows[bucket] = Use()
        window.add(need, units)
        if not (window.mvcpu or window.mem_mib or window.disk_mib):
            del self.windows[bucket]

    def take_if_free(self, class_name: str, need: Need, bucket: int | None, units: int) -> bool:
        """Back ``units`` of a new ask alone, if this host may and can.

        `sells`, `fits` and `take` in one, only for what is simple and frequent: spot use beside
        no windows and no cooling slots.
        """
        if (
            bucket is not None
            or self.windows
            or self.cooling
            or self.status != "live"
            or self.draining
            or self.paused is not None
            or class_name not in self.classes
        ):
            return False
        offered, spot = self.offered, self.spot
        mvcpu = spot.mvcpu + need[0] * units
        mem_mib = spot.mem_mib + need[1] * units
        disk_mib = spot.disk_mib + need[2] * units
        if mvcpu > offered.mvcpu or mem_mib > offered.mem_mib or disk_mib > offered.disk_mib:
            return False
        spot.mvcpu, spot.mem_mib, spot.disk_mib = mvcpu, mem_mib, disk_mib
        return True

    def sells(self, class_name: str) -> bool:
        """Return whether new asks of the class may be backed by this host."""
        may_sell = self.status == "live" and not self.draining and self.paused is None
        return may_sell and class_name in self.classes

    def overcommitted(self) -> bool:
        """Return whether more is used in some hour than the host offers now."""
        return min(self.free(None)) < 0


Backing: TypeAlias = list[tuple[Host, int]]
"""Slots an ask holds: (host, units), in the order they are handed out."""


def units_in(room: Need, need: Need) -> int:
    """Return how many units of ``need`` fit into ``room``, which may be overdrawn."""
    return max(0, min(room[0] // need[0], room[1] // need[1], room[2] // need[2]))


def allocate(
    hosts: list[Host], class_name: str, need: Need, bucket: int | None, units: int
) -> Backing | None:
    """Choose hosts for ``units``: the tightest fit first, ties by host number. None: no room.

    Pure choice; the caller takes the slots.
    """
    fits: list[tuple[int, int, Host]] = []
    for host in hosts:
        if host.sells(class_name):
            fit = host.fits(need, bucket)
            if fit:
                fits.append((fit, host.number, host))
    if len(fits) > 1:
        fits.sort(key=_tightest)
    backing: Backing = []
    for fit, _, host in fits:
        take = fit if fit < units else units
        backing.append((host, take))
        units -= take
        if not units:
            return backing
    return None


def _tightest(row: tuple[int, int, Host]) -> tuple[int, int]:
    return row[0], row[1]
