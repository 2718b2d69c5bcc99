"""A group of the administrator's servers, and what it offers of them within which limits. Pure.

Compiled from ``[[group]]`` of manager.toml. Source: manager.md, "Sell".
"""

from datetime import UTC, tzinfo
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from msgspec import Struct

from exchange.wire.frames import HostUpdate
from exchange.wire.terms import need_of
from exchange.wire.types import SPOT, ToldCapacity
from manager.core.order_ids import ASKS
from manager.selling.hours import Calendar
from manager.selling.price import Price

OfferKind: TypeAlias = Literal["none", "all", "fixed", "share", "residual"]
Delivery: TypeAlias = Literal["spot", "window"]
Room: TypeAlias = tuple[int, int, int]
"""mvcpu, MiB of memory, MiB of disk."""


class Offer(Struct, frozen=True, kw_only=True):
    """``units``: of each server (``fixed``). ``share`` and ``max_share``: of its CPU and memory.

    ``shapes``: what one unit of each class takes, in the order in which classes are filled.
    ``price``: None for the kind ``none``. ``clock``: None for that of the zone's country.
    """

    kind: OfferKind = "none"
    shapes: dict[str, Room] = {}
    delivery: tuple[Delivery, ...] = ("spot",)
    pricing: str = "flat"
    price: Price | None = None
    units: int = 0
    share: float = 1.0
    below_pct: int | None = None
    calendar: Calendar = Calendar()
    clock: tzinfo | None = None
    max_units: int | None = None
    max_share: float = 1.0
    reserve_mvcpu: int = 0
    reserve_mem_mib: int = 0
    notice_only: bool = False
    image_max_mib: int | None = None


class Group(Struct, frozen=True, kw_only=True):
    name: str
    hosts: tuple[str, ...]
    zone: str | None = None
    tags: tuple[str, ...] = ()
    offer: Offer = Offer()

    def owns(self, row: HostUpdate) -> bool:
        """Return whether a server is one of these: by its name or id, its zone and its tags."""
        if self.zone is not None and row.zone != self.zone:
            return False
        if not set(self.tags) <= set(row.tags or ()):
            return False
        return any(
            fnmatchcase(row.name, pattern) or fnmatchcase(row.host, pattern)
            for pattern in self.hosts
        )


def group_of(groups: tuple[Group, ...], row: HostUpdate) -> Group | None:
    """Return the first group that a server belongs to."""
    return next((group for group in groups if group.owns(row)), None)


def may_sell(row: HostUpdate) -> bool:
    """Return whether the exchange takes new asks on a server: it lives, and starts VMs."""
    return row.status == "live" and row.paused is None


def shape_room(shape: ToldCapacity) -> Room:
    return need_of(shape)


def room_of(offer: Offer, offered: ToldCapacity) -> Room:
    """Return how much of what a server offers the group may sell, leased or not."""
    share = min(offer.share if offer.kind == "share" else 1.0, offer.max_share)
    mvcpu = min(int(offered.mvcpu * share), offered.mvcpu - offer.reserve_mvcpu)
    mem_mib = min(int(offered.mem_mib * share), offered.mem_mib - offer.reserve_mem_mib)
    return max(0, mvcpu), max(0, mem_mib), offered.disk_mib


def ask_prefix(group: str, host: str) -> str:
    return f"{ASKS}{group}/{host}/"


def place_of(client_order_id: str) -> tuple[str, str] | None:
    """Return (group, host) of an ask of a group; ``None``: it is somebody else's."""
    parts = client_order_id.split("/")
    if len(parts) != 4 or not client_order_id.startswith(ASKS):
        return None
    return parts[1], parts[2]


def is_spot(symbol: str) -> bool:
    return delivery_of(symbol) == SPOT


def delivery_of(symbol: str) -> str:
    """Return ``spot``, or the start of a window."""
    return symbol.rpartition(".")[2]


def class_of(symbol: str) -> str:
    return symbol.partition(".")[0]


def country_clock(clocks: dict[str, tzinfo], country: str) -> tzinfo:
    return clocks.get(country, UTC)
