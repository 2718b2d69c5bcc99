"""Leases the Manager bought and their units, as data.

A unit's states, in the order of an episode (`burst.py` moves it along):

    leased -> requested -> starting -> joining -> ready -> draining -> stopping -> stopped

``leased``: no VM asked for yet; ``requested``: `vm.start` sent; ``starting``: the host works on it;
``joining``: guest-ready, the balancer probes it; ``ready``: takes traffic; ``draining``: no new
traffic; ``stopping``: `vm.stop` sent; ``stopped``: no VM, the unit is being given back.
"""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from manager.core.library import StoredVm

UnitState: TypeAlias = Literal[
    "leased", "requested", "starting", "joining", "ready", "draining", "stopping", "stopped"
]
PENDING: Final[tuple[UnitState, ...]] = ("leased", "requested", "starting", "joining")
LEAVING: Final[tuple[UnitState, ...]] = ("draining", "stopping", "stopped")
IN_BALANCER: Final[tuple[UnitState, ...]] = ("joining", "ready", "draining")
_LEAVES_FIRST: Final[tuple[UnitState, ...]] = (
    *reversed(LEAVING),
    "leased",
    "requested",
    "starting",
    "joining",
    "ready",
)


class Unit(Struct):
    """One VM slot of a lease. ``server`` is its name in the balancer: ``LEASE-NUMBER``."""

    lease_id: str
    number: int
    state: UnitState = "leased"
    launches: int = 0
    failures: int = 0
    vm_name: str = ""
    vm_id: str = ""
    port: int = 0
    address: str = ""
    asked_ms: int = 0
    """When the VM was asked for that has not been in service yet."""
    joined_ms: int = 0
    """When it last came into service."""
    ran: bool = False
    """Its present VM has run, so a failure of it is no failed launch."""
    overdue: bool = False
    """Stopped when the last renewal looked; `account.py` says what follows."""
    leaves_ms: int = 0
    """Recalled: it serves until then, so that its replacement can come into service first."""
    give_back: bool = True
    """When leaving: release the unit afterwards. False when it ends by itself and pays its bond."""
    name: str = ""
    """Its server's name when it came from the window before; it keeps it."""

    @property
    def server(self) -> str:
        return self.name or f"{self.lease_id}-{self.number}"


class Lease(Struct):
    """What was bought on one host with one order of a rule."""

    lease_id: str
    rule: str
    host: str
    price_ucr: int
    start_ms: int
    vm: StoredVm | None
    """What runs on it; ``None`` when the rule or its stored VM is gone from the configuration."""
    units: dict[int, Unit] = {}
    ending: bool = False
    symbol: str = ""
    bought_ms: int = 0
    """When its order was made, by our clock."""
    silent_until_ms: int = 0
    """Until then its host counts as out of reach, and its units not as capacity."""
    window_ms: int = 0
    """When its hour begins; 0: spot. A window is owed in full and ends by itself."""
    size: int = 0
    """Units that it grants; fewer have a VM while those of the hour before are to move here."""


def give_back_key(lease: Lease, unit: Unit) -> tuple[int, bool, int]:
    """Sort key of what to give back first: expensive ones, those not in service yet, the newest."""
    return (-lease.price_ucr, unit.state == "ready", -lease.start_ms)


def leaves_first(unit: Unit) -> tuple[int, int]:
    """Sort key of which units a shrunk lease has lost: what was leaving, then the newest."""
    return (_LEAVES_FIRST.index(unit.state), -unit.number)
