"""How many units of a host to ask for in each book. Pure.

Only from what the host offers, the group's policy and the leases, so that a Manager that starts
anew comes to the same result. Classes are filled in their order: the next gets what the one before
leaves. If a group sells spot and windows, spot gets half of the free units and each window what
then is free in its hour, because a spot ask takes its units in every hour.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from exchange.wire.types import SPOT, ToldCapacity
from manager.selling.group import Offer, Room, room_of
from manager.selling.stock import NOTHING, Sold, leased_units

Plan: TypeAlias = dict[tuple[str, str], int]
"""Units by (class, delivery), each above 0; the delivery is ``spot`` or a window's start."""


def units_in(room: Room, need: Room) -> int:
    return max(0, min(room[0] // need[0], room[1] // need[1], room[2] // need[2]))


def less(room: Room, need: Room, units: int = 1) -> Room:
    return (
        room[0] - need[0] * units,
        room[1] - need[1] * units,
        room[2] - need[2] * units,
    )


def _used(leases: Iterable[Sold]) -> tuple[Room, dict[str, Room]]:
    """Return what leases take on spot, and in each window."""
    spot, windows = NOTHING, dict[str, Room]()
    for lease in leases:
        if lease.delivery == SPOT:
            spot = less(spot, lease.need, -lease.units)
        else:
            windows[lease.delivery] = less(
                windows.get(lease.delivery, NOTHING), lease.need, -lease.units
            )
    return spot, windows


def _busiest(windows: dict[str, Room]) -> Room:
    if not windows:
        return NOTHING
    uses = list(windows.values())
    return max(u[0] for u in uses), max(u[1] for u in uses), max(u[2] for u in uses)


def _limit(offer: Offer, leases: Sequence[Sold], extra: int | None) -> int | None:
    """Return how many more units the host may sell, ``None`` for as many as fit."""
    limits = [] if extra is None else [extra]
    if offer.kind == "fixed":
        limits.append(offer.units - leased_units(leases))
    return max(0, min(limits)) if limits else None


def _fill(offer: Offer, room: Room, limit: int | None) -> dict[str, int]:
    """Return the units of each class that fit into ``room``."""
    found: dict[str, int] = {}
    for name, need in offer.shapes.items():
        units = units_in(room, need)
        if limit is not None:
            units = min(units, limit)
            limit -= units
        found[name] = units
        room = less(room, need, units)
    return found


def possible(offer: Offer, offered: ToldCapacity, leases: Sequence[Sold]) -> int:
    """Return how many more units the host could sell, were there no limit of the group's."""
    spot, windows = _used(leases)
    room = less(less(room_of(offer, offered), spot), _busiest(windows))
    return sum(_fill(offer, room, _limit(offer, leases, None)).values())


def plan(
    offer: Offer,
    offered: ToldCapacity,
    leases: Sequence[Sold],
    deliveries: Iterable[str],
    extra: int | None,
) -> Plan:
    """Return the units to ask for in ``deliveries``, those that are on sale now.

    ``extra``: how many more units the group's own limit leaves this host.
    """
    spot_use, windows = _used(leases)
    room = less(room_of(offer, offered), spot_use)
    limit = _limit(offer, leases, extra)
    found: Plan = {}
    on_sale = list(deliveries)
    if SPOT in on_sale:
        for name, units in _fill(offer, less(room, _busiest(windows)), limit).items():
            part = units if len(offer.delivery) == 1 else _half(offer, units)
            found[name, SPOT] = part
            room = less(room, offer.shapes[name], part)
            limit = None if limit is None else limit - part
    unsold: dict[str, int] | None = None
    for delivery in on_sale:
        if delivery == SPOT:
            continue
        if delivery in windows:
            filled = _fill(offer, less(room, windows[delivery]), limit)
        else:
            filled = unsold = _fill(offer, room, limit) if unsold is None else unsold
        found.update({(name, delivery): units for name, units in filled.items()})
    return {place: units for place, units in found.items() if units > 0}


def _half(offer: Offer, units: int) -> int:
    """Return spot's half: the odd unit goes to the delivery named first."""
    return (units + (offer.delivery[0] == SPOT)) // 2
