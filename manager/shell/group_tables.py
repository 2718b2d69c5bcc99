"""``[[group]]`` of manager.toml: its keys, their limits, and the groups they make. Shell.

Strict: a key that the kind of offer does not use is a mistake, since it would promise a limit that
does not hold. Source: manager.md, "Sell".
"""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Annotated, Any, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from exchange.units import MAX_PRICE_UCR, ucr_from_credits
from exchange.wire.types import HostTag, Name
from manager.selling.group import Delivery, Group, Offer, OfferKind
from manager.selling.hours import Calendar, parse_days, parse_hours
from manager.selling.price import Fixed, Hourly, Price, Relative
from manager.selling.stock import SHAPES

Credits: TypeAlias = Annotated[float, Meta(gt=0, le=1000)]
Share: TypeAlias = Annotated[float, Meta(gt=0, le=1)]
Units: TypeAlias = Annotated[int, Meta(ge=1, le=10**6)]
Tags: TypeAlias = Annotated[list[HostTag], Meta(max_length=16)]

NEEDS: Final = {"fixed": "units", "share": "share", "residual": "below_pct"}
"""The one key that each of these kinds cannot do without, and that no other kind has."""


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of these tables: a wrong key is a mistake."""


class RelativePrice(Part, frozen=True):
    """``alone``: the price while nobody else is in the book; default: the floor."""

    relative_to: Literal["best_ask", "best_bid"]
    floor: Credits
    offset: Annotated[float, Meta(ge=-1000, le=1000)] = 0.0
    alone: Credits | None = None


class HourPrice(Part, frozen=True):
    price: Credits
    hours: str | None = None


class ReserveTable(Part, frozen=True):
    mvcpu: Annotated[int, Meta(ge=0, le=10**9)] = 0
    mem_mib: Annotated[int, Meta(ge=0, le=10**9)] = 0


class OfferTable(Part, frozen=True):
    kind: OfferKind
    units: Units | None = None
    share: Share | None = None
    below_pct: Annotated[int, Meta(ge=1, le=100)] | None = None
    classes: Annotated[list[Name], Meta(min_length=1, max_length=16)] = msgspec.field(
        default_factory=lambda: ["small"]
    )
    delivery: Annotated[list[Delivery], Meta(min_length=1, max_length=2)] = msgspec.field(
        default_factory=lambda: ["spot"]
    )
    pricing: Literal["flat", "metered"] = "flat"
    price: Any = None
    hours: str | None = None
    timezone: str | None = None
    blackout: Annotated[list[str], Meta(max_length=256)] = []
    max_units: Units | None = None
    max_share: Share | None = None
    reserve: ReserveTable = ReserveTable()
    notice_only: bool = False
    image_max_mib: Annotated[int, Meta(ge=1, le=2**31)] | None = None


class GroupTable(Part, frozen=True):
    """``name`` is short because it is part of the id of every ask."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,24}\Z")]
    hosts: Annotated[list[Name], Meta(min_length=1, max_length=1000)]
    zone: Name | None = None
    tags: Tags = []
    offer: OfferTable = msgspec.field(default_factory=lambda: OfferTable(kind="none"))


class PlaceError(Exception):
    """A mistake at ``place`` below the group's table."""

    def __init__(self, place: str, text: str) -> None:
        super().__init__(f"{place}: {text}")


def group_mistakes(table: GroupTable, place: str) -> Iterator[str]:
    """Yield what the table cannot say by itself, each by its place."""
    offer, here = table.offer, f"{place}.offer"
    needed = NEEDS.get(offer.kind)
    for key in NEEDS.values():
        given = getattr(offer, key) is not None
        if key == needed and not given:
            yield f"{here}.{key}: missing; the kind {offer.kind!r} needs it"
        elif key != needed and given:
            yield f"{here}.{key}: the kind {offer.kind!r} does not have it"
    if offer.kind != "none" and offer.price is None:
        yield f"{here}.price: missing; credits per unit-hour"
    for at, name in enumerate(offer.classes):
        if name not in SHAPES:
            yield f"{here}.classes[{at}]: {name!r} is none of {', '.join(SHAPES)}"
    for key, words in (("classes", offer.classes), ("delivery", offer.delivery)):
        if len(set(words)) < len(words):
            yield f"{here}.{key}: names one twice"
    if offer.timezone is not None and _clock(offer.timezone) is None:
        yield f"{here}.timezone: {offer.timezone!r} is no time zone like 'Europe/Berlin'"
    try:
        _calendar(offer)
        if offer.price is not None:
            _price(offer.price)
    except PlaceError as error:
        yield f"{here}.{error}"


def changed_offer(table: GroupTable, keys: dict[str, Any]) -> tuple[GroupTable, dict[str, Any]]:
    """Return ``table`` with other keys of its offer (None takes one out), and the offer as the file
    would have it. Raises `PlaceError` on the first mistake."""
    offer = {key: value for key, value in _written(table.offer).items() if key not in keys}
    offer |= {key: value for key, value in keys.items() if value is not None}
    changed = replace(table, offer=_converted(offer, OfferTable, "offer"))
    for mistake in group_mistakes(changed, table.name):
        raise PlaceError(*mistake.split(": ", 1))
    return changed, offer


def _written(offer: OfferTable) -> dict[str, Any]:
    """Return the keys that are not what they are without saying."""
    usual = msgspec.to_builtins(OfferTable(kind="none"))
    told = msgspec.to_builtins(offer)
    return {key: value for key, value in told.items() if key == "kind" or value != usual[key]}


def group_of_table(table: GroupTable) -> Group:
    """Return the group of a table that has no mistakes."""
    offer = table.offer
    return Group(
        name=table.name,
        hosts=tuple(table.hosts),
        zone=table.zone,
        tags=tuple(table.tags),
        offer=Offer(
            kind=offer.kind,
            shapes={name: SHAPES[name] for name in offer.classes},
            delivery=tuple(offer.delivery),
            pricing=offer.pricing,
            price=None if offer.price is None else _price(offer.price),
            units=offer.units or 0,
            share=offer.share or 1.0,
            below_pct=offer.below_pct,
            calendar=_calendar(offer),
            clock=None if offer.timezone is None else _clock(offer.timezone),
            max_units=offer.max_units,
            max_share=offer.max_share or 1.0,
            reserve_mvcpu=offer.reserve.mvcpu,
            reserve_mem_mib=offer.reserve.mem_mib,
            notice_only=offer.notice_only,
            image_max_mib=offer.image_max_mib,
        ),
    )


def _clock(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _calendar(offer: OfferTable) -> Calendar:
    try:
        hours = None if offer.hours is None else parse_hours(offer.hours)
    except ValueError as error:
        raise PlaceError("hours", str(error)) from None
    days = []
    for at, text in enumerate(offer.blackout):
        try:
            days.append(parse_days(text))
        except ValueError as error:
            raise PlaceError(f"blackout[{at}]", str(error)) from None
    return Calendar(hours, tuple(days))


def _price(raw: Any) -> Price:
    """Return the price of any of its three forms. Raises `PlaceError`."""
    if isinstance(raw, dict):
        return _relative(_converted(raw, RelativePrice, "price"))
    if isinstance(raw, list):
        return _hourly(raw)
    return Fixed(_ucr(_converted(raw, Credits, "price")))


def _converted(raw: Any, kind: Any, place: str) -> Any:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at `$")
        text = text.replace("Object contains unknown field", "unknown key")
        text = text.replace("Object missing required field", "missing key").replace("`", "'")
        raise PlaceError(f"{place}{where.rstrip('`')}", f"{text[:1].lower()}{text[1:]}") from None


def _relative(table: RelativePrice) -> Relative:
    floor_ucr = _ucr(table.floor)
    alone_ucr = floor_ucr if table.alone is None else _ucr(table.alone)
    if alone_ucr < floor_ucr:
        raise PlaceError("price.alone", "is below the floor")
    return Relative(table.relative_to, ucr_from_credits(table.offset), floor_ucr, alone_ucr)


def _hourly(raw: list[Any]) -> Hourly:
    if not 1 <= len(raw) <= 48:
        raise PlaceError("price", "a list by hour has 1 to 48 entries")
    parts = []
    for at, each in enumerate(raw):
        place = f"price[{at}]"
        part = _converted(each, HourPrice, place)
        last = at == len(raw) - 1
        if (part.hours is None) != last:
            text = "the last entry has no hours: it is for the rest of the day"
            raise PlaceError(f"{place}.hours", text if last else "missing; only the last has none")
        try:
            hours = None if part.hours is None else parse_hours(part.hours)
        except ValueError as error:
            raise PlaceError(f"{place}.hours", str(error)) from None
        parts.append((hours, _ucr(part.price)))
    return Hourly(tuple(parts))


def _ucr(price: float) -> int:
    return min(max(1, ucr_from_credits(price)), MAX_PRICE_UCR)
