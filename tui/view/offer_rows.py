"""What everybody offers as rows of a list, and what the need costs in words. Pure."""

from collections.abc import Iterable
from typing import Final

from exchange.find.need import Known, Need
from exchange.find.offers import Found, Offer, Purchase
from exchange.units import MS_PER_SECOND, count_text
from exchange.wire.frames import InstrumentUpdate
from exchange.wire.types import EvidenceView
from tui.view.table import WHOLE, Cell, Column, Row
from tui.view.text import Line, clip_words, exact_price_text, fit, money_text, span

NOTHING: Final = Cell("–", "dim")
OFFER_COLUMNS: Final = (
    Column("host", 0, least=WHOLE),
    Column("class", 0, least=8),
    Column("zone", 1, least=5),
    Column("in", 4, least=2),
    Column("pricing", 7, least=4),
    Column("sale", 0, number=True),
    Column("from/h", 0, number=True),
    Column("free", 1, number=True),
    Column("accel", 3, least=9),
    Column("boot p95", 2, number=True),
    Column("losses", 2, number=True),
    Column("recalls", 8, number=True),
    Column("failed", 8, number=True),
    Column("uptime", 6, number=True),
)
PRICE_PLACES: Final = 4
BEST_PRICE: Final = "the best price wins, listed or not"


def known_of(instruments: Iterable[InstrumentUpdate]) -> Known:
    """Return the classes, and the zones with their countries, that can be asked for."""
    rows = list(instruments)
    classes = tuple(dict.fromkeys(row.class_ for row in rows))
    return Known(classes, {row.zone: row.country for row in rows})


def offer_rows(offers: Iterable[Offer]) -> list[Row]:
    return [_row(offer) for offer in offers]


def _row(offer: Offer) -> Row:
    seen = offer.evidence
    return Row(
        f"{offer.host} {offer.symbol or offer.class_}",
        (
            Cell(offer.host),
            Cell(offer.class_, "label"),
            Cell(offer.zone, "label"),
            Cell(offer.country or "–", "dim"),
            Cell(offer.pricing or "–", "label"),
            Cell(f"{offer.units:,}", "text" if offer.units else "dim", offer.units),
            _price(offer.price_ucr),
            Cell(f"{offer.free_units:,}", "dim", offer.free_units),
            Cell(offer.accel or "–", "label"),
            _boot(seen),
            _of(seen.losses, seen.leases),
            _of(seen.recalls, seen.leases),
            _of(seen.launch_failures, seen.leases),
            _uptime(seen),
        ),
        offer,
    )


def _price(price_ucr: int | None) -> Cell:
    if price_ucr is None:
        return NOTHING
    return Cell(exact_price_text(price_ucr, PRICE_PLACES), "ask!", price_ucr)


def _boot(seen: EvidenceView) -> Cell:
    """Return ``12.3 s of 40``: the 95th percentile, of so many boots."""
    if seen.boot_p95_ms is None:
        return NOTHING
    text = f"{seen.boot_p95_ms / MS_PER_SECOND:.1f} s of {seen.boots:,}"
    return Cell(text, "text", seen.boot_p95_ms)


def _of(count: int, leases: int) -> Cell:
    """Return ``1 of 40``: so many of the leases that are over."""
    if not leases:
        return NOTHING
    return Cell(f"{count:,} of {leases:,}", "warn" if count else "text", count / leases)


def _uptime(seen: EvidenceView) -> Cell:
    """Return the part of the sold time that was delivered, never better than it is."""
    if not seen.contracted_unit_s:
        return NOTHING
    hundredths = seen.delivered_unit_s * 10_000 // seen.contracted_unit_s
    return Cell(f"{hundredths // 100}.{hundredths % 100:02d} %", "text", hundredths)


def summary_lines(
    need: Need, found: Found, best: Purchase | None, above_limit: Purchase | None, width: int
) -> list[Line]:
    """Return two rows: what it costs, and what there is and what one should know about it.

    ``above_limit``: what there is above its limit on the price, when that is more.
    """
    cost, ink = _cost(need.units or 1, best)
    if above_limit is not None:
        highest = exact_price_text(above_limit.price_max_ucr, PRICE_PLACES)
        units = above_limit.units
        count = f"All {units}" if units == (need.units or 1) > 1 else units
        cost = f"{cost} {count} at up to {highest} each."
    hosts = len({offer.host for offer in found.offers})
    unproven = f", {found.unproven} more unproven" if found.unproven else ""
    more = [f"{count_text(len(found.offers), 'offer')} of {count_text(hosts, 'host')}{unproven}"]
    if best is not None and (need.bounds or need.accel):
        more.append(BEST_PRICE)
    return [
        fit((span(f" {clip_words(text, width - 1)}", colour),), width)
        for text, colour in ((cost, ink), (" · ".join(more), "dim"))
    ]


def _cost(wanted: int, best: Purchase | None) -> tuple[str, str]:
    if best is None:
        return "None is for sale.", "warn"
    dearest = exact_price_text(best.price_max_ucr, PRICE_PLACES)
    each = f", at most {dearest} each" if best.units > 1 else ""
    cost = f"{best.units} cost {money_text(best.hour_ucr)} an hour{each}, {best.symbol}"
    if best.units < wanted:
        return f"only {best.units} of {wanted} by one instrument: {cost}.", "warn"
    return cost, "text"
