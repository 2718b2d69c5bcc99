"""What a search found, as a table for people. Pure."""

from collections.abc import Iterator
from typing import Final

from exchange.cli.fleet.table import Column, lines
from exchange.find.need import Need
from exchange.find.offers import Found, Offer, Purchase
from exchange.units import MS_PER_SECOND, count_text, credits_text
from exchange.wire.text import uptime
from exchange.wire.types import EvidenceView

OFFERS: Final = (
    Column("HOST"),
    Column("CLASS"),
    Column("PRICING", 7),
    Column("ZONE", 1),
    Column("IN", 6),
    Column("FREE", 3, right=True),
    Column("SALE", right=True),
    Column("FROM/H", right=True),
    Column("ACCEL", 3),
    Column("BOOT P95", 2, right=True),
    Column("LOSSES", 2, right=True),
    Column("UPTIME", 4, right=True),
)


def found_lines(
    need: Need, found: Found, best: Purchase | None, above_limit: Purchase | None, width: int
) -> Iterator[str]:
    """Yield the table of offers and, below it, what the need costs and how it is bought.

    ``above_limit``: what there is above its limit on the price, when that is more.

    BOOT P95 is of as many boots, LOSSES of as many leases as stand behind the stroke.
    """
    yield from lines(OFFERS, [_offer(offer) for offer in found.offers], width)
    count, hosts = len(found.offers), len({offer.host for offer in found.offers})
    yield f"{count_text(count, 'offer')} of {count_text(hosts, 'host')}"
    if found.offers and not any(offer.units for offer in found.offers):
        yield "nothing that fits is for sale now"
    if found.unproven:
        yield f"{found.unproven} more fit, but nobody knows yet what you ask of their record"
    if best is not None:
        yield from _purchase(need, best)
    if above_limit is not None:
        cost = "costs" if above_limit.units == 1 else "cost"
        yield (
            f"{above_limit.units} {cost} {credits_text(above_limit.hour_ucr)} an hour"
            f" at up to {credits_text(above_limit.price_max_ucr)} each, {above_limit.symbol}"
        )


def _purchase(need: Need, best: Purchase) -> Iterator[str]:
    wanted = need.units or 1
    if best.units < wanted:
        yield f"only {best.units} of {wanted} units are for sale by one instrument"
    dearest = credits_text(best.price_max_ucr)
    each = f", at most {dearest} each" if best.units > 1 else ""
    cost = "costs" if best.units == 1 else "cost"
    yield f"{best.units} {cost} {credits_text(best.hour_ucr)} an hour{each}:"
    yield f"  headroom order place {best.symbol} buy {best.units} --price {dearest}"
    if need.bounds or need.accel:
        yield "  (an order takes the best price there is, also of hosts that are not listed)"


def _offer(offer: Offer) -> tuple[str, ...]:
    evidence = offer.evidence
    return (
        offer.host,
        offer.class_,
        offer.pricing or "-",
        offer.zone,
        offer.country or "-",
        str(offer.free_units),
        str(offer.units),
        "-" if offer.price_ucr is None else credits_text(offer.price_ucr),
        offer.accel or "-",
        _boot(evidence),
        f"{evidence.losses}/{evidence.leases}" if evidence.leases else "-",
        uptime(evidence.contracted_unit_s, evidence.delivered_unit_s),
    )


def _boot(evidence: EvidenceView) -> str:
    if evidence.boot_p95_ms is None:
        return "-"
    return f"{evidence.boot_p95_ms / MS_PER_SECOND:.1f} s/{evidence.boots}"
