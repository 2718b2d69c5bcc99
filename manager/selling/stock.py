"""What there is to sell: the account's hosts, the group of each, and the leases on them. Pure.

Folded from the channels ``fleet`` and ``account``; nothing is polled. Of a host's update only what
changes an offer counts: load and use come every second and change nothing here.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field

from exchange.wire.frames import HostUpdate, LeaseUpdate
from exchange.wire.terms import DEFAULT_CLASSES, need_of
from manager.core.order_ids import ASKS
from manager.selling.group import (
    Group,
    Room,
    class_of,
    delivery_of,
    group_of,
    is_spot,
)

SHAPES: Final[dict[str, Room]] = {name: need_of(shape) for name, shape in DEFAULT_CLASSES.items()}
"""What a unit takes on its host. The exchange tells no shapes; these are the default classes."""
NOTHING: Final[Room] = (0, 0, 0)


class Sold(Struct):
    """A lease on a host. ``mine``: sold by a group; ``recalled``: all of it is under notice."""

    lease_id: str
    host: str
    symbol: str
    units: int
    need: Room
    delivery: str
    mine: bool
    recalled: bool = False


class Hosting(Struct):
    """A host. ``leases`` may be there before its row, ``row`` None then."""

    row: HostUpdate | None = None
    group: Group | None = None
    leases: dict[str, Sold] = field(default_factory=dict)


class Stock:
    """All hosts by id, in the order in which they were first seen."""

    def __init__(self, groups: tuple[Group, ...]) -> None:
        self._groups = groups
        self.hosts: dict[str, Hosting] = {}
        self._host_of: dict[str, str] = {}

    def regroup(self, groups: tuple[Group, ...]) -> None:
        self._groups = groups
        for hosting in self.hosts.values():
            hosting.group = None if hosting.row is None else group_of(groups, hosting.row)

    def at(self, host: str) -> Hosting:
        return self.hosts.setdefault(host, Hosting())

    def of_group(self, name: str) -> list[str]:
        return [
            host
            for host, hosting in self.hosts.items()
            if hosting.group is not None and hosting.group.name == name
        ]

    def update(self, row: HostUpdate) -> bool:
        """Take in a host's row; return whether what it can sell may have changed."""
        hosting = self.hosts.get(row.host)
        if hosting is None:
            hosting = self.at(row.host)
        before = hosting.row
        if (
            before is not None
            and before.status == row.status
            and before.paused == row.paused
            and before.offered == row.offered
            and before.zone == row.zone
            and before.name == row.name
            and before.tags == row.tags
            and before.image_max_mib == row.image_max_mib
        ):
            return False
        hosting.row = row
        hosting.group = group_of(self._groups, row)
        return True

    def lease(self, row: LeaseUpdate) -> str | None:
        """Take in a lease that was sold; return its host."""
        if row.side != "sell":
            return None
        leases = self.at(row.host).leases
        if row.state == "ended":
            leases.pop(row.lease_id, None)
            return row.host
        leases[row.lease_id] = Sold(
            row.lease_id,
            row.host,
            row.symbol,
            row.units,
            SHAPES.get(class_of(row.symbol), NOTHING),
            delivery_of(row.symbol),
            (row.client_order_id or "").startswith(ASKS),
            row.state == "ending",
        )
        return row.host

    def rebuild(self, rows: Iterable[LeaseUpdate]) -> None:
        """The account's leases as they are; all others are over."""
        for hosting in self.hosts.values():
            hosting.leases.clear()
        for row in rows:
            self.lease(row)


def leased_units(leases: Iterable[Sold]) -> int:
    """Return how many units are sold at most at one time: on spot, and in the fullest window."""
    spot, windows = 0, dict[str, int]()
    for lease in leases:
        if is_spot(lease.symbol):
            spot += lease.units
        else:
            windows[lease.delivery] = windows.get(lease.delivery, 0) + lease.units
    return spot + max(windows.values(), default=0)
