"""The market's terms: the numbers and rules that both ends of the wire must know alike. Pure.

The exchange applies them. Hosts, Managers, the terminal and the simulator need the same numbers
before they send a request, so each is defined once, here. Source: rules.md 2.3, 3.1, 3.3, 4.1, 5.3,
5.4, 5.7, 5.8, 6.2.
"""

from typing import Final, Literal, TypeAlias

from exchange.units import MAX_PRICE_UCR, MS_PER_MINUTE, MS_PER_SECOND, ceil_div
from exchange.wire.reasons import LeaseEnd
from exchange.wire.types import SPOT, Capacity, Side, ToldCapacity

# --- what a unit is (rules.md 2.3) ---

VM_OVERHEAD_MIB: Final = 100
"""Memory that a VM costs its host beyond the guest's own."""

DEFAULT_CLASSES: Final[dict[str, Capacity]] = {
    "nano": Capacity(mvcpu=250, mem_mib=256, disk_mib=1024),
    "small": Capacity(mvcpu=1000, mem_mib=2048, disk_mib=10 * 1024),
    "medium": Capacity(mvcpu=2000, mem_mib=4096, disk_mib=20 * 1024),
    "large": Capacity(mvcpu=4000, mem_mib=8192, disk_mib=40 * 1024),
}
"""The default classes, used when the operator configures none."""


def need_of(shape: ToldCapacity) -> tuple[int, int, int]:
    """Return what one unit uses on its host: mvcpu, MiB of memory with overhead, MiB of disk."""
    return shape.mvcpu, shape.mem_mib + VM_OVERHEAD_MIB, shape.disk_mib


def need_of_units(shape: ToldCapacity, units: int) -> Capacity:
    """Return what ``units`` of a class use on their host, overhead included."""
    mvcpu, mem_mib, disk_mib = need_of(shape)
    return Capacity(mvcpu * units, mem_mib * units, disk_mib * units)


def unit_ports(ports: int, shape: ToldCapacity, capacity: ToldCapacity) -> int:
    """Return how many ports a unit's VM may have on a host of ``capacity`` with ``ports``.

    As much of them as the unit has of the memory, so that all units together have no more than
    there are; but one, where there are fewer ports than units.
    """
    share = ports * need_of(shape)[1] // max(1, capacity.mem_mib)
    return min(ports, max(1, share))


def unit_image_mib(image_mib: int, shape: ToldCapacity) -> int:
    """Return the largest image of a unit's VM: it is kept in the unit's own disk until that is
    made, so that distinct images never need more than what was sold."""
    return min(image_mib, shape.disk_mib)


# --- what an order sets aside (rules.md 3.1, 3.3, 4.1) ---

SPOT_BOND_DIVISOR: Final = 6
"""A spot ask's bond is ten minutes of its price per unit, rounded down."""
WINDOW_BOND_DIVISOR: Final = 2
"""A window's bond is half the price of its hour."""
MARKET_SLIPPAGE_PCT: Final = 10
"""How far a market order without a protection price may go beyond the best price."""


def bond_divisor(delivery: str) -> int:
    """Return what part of an hour's price a seller's bond is; ``delivery`` as in the symbol."""
    return SPOT_BOND_DIVISOR if delivery == SPOT else WINDOW_BOND_DIVISOR


def hold_unit_ucr(side: Side, delivery: str, price_ucr: int) -> int:
    """Return what one unit of an order at ``price_ucr`` sets aside.

    For a bid, that is one hour's price: the first hour of a spot lease, or all of a window.
    """
    return price_ucr if side == "buy" else price_ucr // bond_divisor(delivery)


def market_limit_ucr(side: Side, best_ucr: int) -> int:
    """Return the worst price that a market order may trade at, ``best_ucr`` being the best."""
    if side == "buy":
        return min(best_ucr * (100 + MARKET_SLIPPAGE_PCT) // 100, MAX_PRICE_UCR)
    return max(1, ceil_div(best_ucr * (100 - MARKET_SLIPPAGE_PCT), 100))


# --- how long things take (rules.md 5.3, 5.4, 5.7, 5.8, 6.2) ---

FREE_BOOT_MS: Final = 120 * MS_PER_SECOND
"""At most this much of a unit's first boot is not billed."""
MINIMUM_SPOT_MS: Final = 5 * MS_PER_MINUTE
"""A buyer who releases spot units pays for at least this long."""
RECALL_NOTICE_MS: Final = 120 * MS_PER_SECOND
"""Notice period: from a seller's recall to the end of the units."""
SILENT_MS: Final = 15 * MS_PER_SECOND
"""A host that has not been heard for this long is silent."""
LOST_AFTER_MS: Final = 300 * MS_PER_SECOND
"""A host that has been silent for this long is lost, unless its zone says otherwise."""

# --- whose fault an end is (rules.md 3.3, 5.8) ---

Fault: TypeAlias = Literal["host", "buyer", "image"]

FAILURE_FAULTS: Final[dict[str, Fault]] = {
    "allow_from_invalid": "buyer",
    "cmdline_invalid": "buyer",
    "image_invalid": "image",
    "image_unknown": "image",
    "not_ready": "image",
}
"""Reasons a host gives for a VM that failed before it ran. For any other reason the host is
liable."""

BOND_TO_BUYER: Final[tuple[LeaseEnd, ...]] = ("host_lost", "launch_failed")
"""Ends of a lease that are its host's fault: the bond pays the buyer."""


def failure_fault(reason: str | None) -> Fault:
    """Return whose fault it is that a VM failed before it ran. The bond is lost only if the
    host's."""
    return FAILURE_FAULTS.get(reason or "", "host")
