"""Everybody's hosts, and which of them fit a need. Pure.

A row is a size that a host sells at one pricing, or has free without a price. What nothing is known
of yet fits no limit on it, so those hosts are counted apart.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import ge, gt, le, lt
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from exchange.find.need import PPM, Bound, Fact, Need, Sign
from exchange.wire.frames import DirectoryUpdate, HostAsk
from exchange.wire.types import EvidenceView

TESTS: Final[dict[Sign, Any]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


class Offer(Struct, frozen=True, omit_defaults=True, rename={"class_": "class"}):
    """``units`` are for sale at ``price_ucr`` and more by ``symbol``; ``free_units`` are idle."""

    host: str
    class_: str
    zone: str
    country: str
    free_units: int
    accel: str
    evidence: EvidenceView
    symbol: str | None = None
    pricing: str | None = None
    price_ucr: int | None = None
    units: int = 0


class Found(Struct, frozen=True):
    """Offers, cheapest first. ``unproven``: hosts that fit but for a fact that nobody knows yet."""

    offers: list[Offer]
    unproven: int


class Purchase(Struct, frozen=True):
    """What the units of a need cost by one instrument: the sum of an hour, and the dearest."""

    symbol: str
    units: int
    hour_ucr: int
    price_max_ucr: int


def search(need: Need, hosts: Iterable[DirectoryUpdate], zones: Mapping[str, str]) -> Found:
    """Return what fits; ``zones``: the two letters of each zone's country."""
    offers: list[Offer] = []
    unproven = 0
    for host in hosts:
        found = list(_offers(need, host, zones.get(host.zone, "")))
        proofs = [_holds(bound, host.evidence) for bound in need.bounds]
        if not found or False in proofs:
            continue
        if None in proofs:
            unproven += 1
        else:
            offers += found
    return Found(sorted(offers, key=_by_price), unproven)


def cheapest(offers: Sequence[Offer], units: int) -> Purchase | None:
    """Return the cheapest way to buy ``units`` by one instrument, or what most can be bought."""
    symbols = dict.fromkeys(offer.symbol for offer in offers if offer.symbol is not None)
    bought = [_bought(symbol, offers, units) for symbol in symbols]
    return min(bought, key=lambda each: (-each.units, each.hour_ucr), default=None)


def above_limit(
    need: Need, hosts: Iterable[DirectoryUpdate], zones: Mapping[str, str], best: Purchase | None
) -> Purchase | None:
    """Return the cheapest way to have more than ``best`` for a higher price than the need allows.

    ``best``: what there is within its limit. None: no price gives more.
    """
    units = need.units or 1
    if need.price_max_ucr is None or (best is not None and best.units >= units):
        return None
    without = search(replace(need, price_max_ucr=None), hosts, zones)
    found = cheapest(without.offers, units)
    return found if found is not None and (best is None or found.units > best.units) else None


def fact(name: Fact, evidence: EvidenceView) -> int | None:
    """Return a fact of a record: millionths, ms or a count; None while nobody knows it."""
    match name:
        case "boot":
            return evidence.boot_p95_ms
        case "leases":
            return evidence.leases
        case "uptime":
            return _share(evidence.delivered_unit_s, evidence.contracted_unit_s)
        case "losses":
            return _share(evidence.losses, evidence.leases, up=True)
        case "recalls":
            return _share(evidence.recalls, evidence.leases, up=True)
        case "failures":
            return _share(evidence.launch_failures, evidence.leases, up=True)


def _share(part: int, whole: int, up: bool = False) -> int | None:
    """Return millionths, rounded so that a record never looks better than it is."""
    if whole <= 0:
        return None
    return -(-part * PPM // whole) if up else part * PPM // whole


def _holds(bound: Bound, evidence: EvidenceView) -> bool | None:
    value = fact(bound.fact, evidence)
    return None if value is None else bool(TESTS[bound.sign](value, bound.value))


def _offers(need: Need, host: DirectoryUpdate, country: str) -> Iterator[Offer]:
    somewhere = not need.zones and not need.countries
    here = somewhere or host.zone in need.zones or country in need.countries
    if host.status != "live" or not here or (need.accel and host.accel not in need.accel):
        return
    for class_name in host.classes:
        if need.class_ not in (None, class_name):
            continue
        asks = [ask for ask in host.asks if ask.symbol.startswith(f"{class_name}.")]
        for ask in asks:
            if _fits(need, ask):
                yield _offer(host, class_name, country, ask)
        anything = need.price_max_ucr is None and need.pricing is None
        if not asks and anything and host.free_units.get(class_name, 0):
            yield _offer(host, class_name, country, None)


def _fits(need: Need, ask: HostAsk) -> bool:
    if need.price_max_ucr is not None and ask.price_ucr > need.price_max_ucr:
        return False
    return need.pricing in (None, _pricing(ask.symbol))


def _pricing(symbol: str) -> str:
    return symbol.rsplit(".", 2)[1]


def _offer(host: DirectoryUpdate, class_name: str, country: str, ask: HostAsk | None) -> Offer:
    free = host.free_units.get(class_name, 0)
    about = (host.host, class_name, host.zone, country, free, host.accel, host.evidence)
    if ask is None:
        return Offer(*about)
    return Offer(*about, ask.symbol, _pricing(ask.symbol), ask.price_ucr, ask.qty)


def _by_price(offer: Offer) -> tuple[bool, int, int]:
    return offer.price_ucr is None, offer.price_ucr or 0, -offer.units


def _bought(symbol: str, offers: Sequence[Offer], units: int) -> Purchase:
    left, hour_ucr, dearest = units, 0, 0
    for offer in offers:
        if offer.symbol == symbol and offer.price_ucr is not None and left:
            taken = min(left, offer.units)
            left, hour_ucr = left - taken, hour_ucr + taken * offer.price_ucr
            dearest = offer.price_ucr
    return Purchase(symbol, units - left, hour_ucr, dearest)
