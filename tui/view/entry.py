"""A typed number is taken exactly as it stands, or refused with one line that says why.

Never rounded and never cut down to a bound: what the ticket shows is what the exchange will get.
"""

from typing import Final, NamedTuple

from exchange.units import MAX_PRICE_UCR, MAX_QTY, UCR_PER_CREDIT
from exchange.wire.frames import InstrumentUpdate
from tui.view.text import exact_price_text, parse_price_ucr, places_of

TYPED: Final = "0123456789."
"""The characters a number may hold. The dot is the decimal point; nothing groups thousands."""
MINUTES_MAX: Final = 7 * 24 * 60
"""An order with a time of its own is good for a week at most; gtc rests without end."""
TYPED_MAX: Final = 12
"""Characters of the longest number that means anything here."""


class Fault(NamedTuple):
    """Why a number cannot be taken; ends no sentence, so that it fits beside the number."""

    text: str


def stray_fault(text: str) -> Fault | None:
    """Return what in ``text`` no number can hold, None when there is no such thing."""
    stray = next((character for character in text if character not in TYPED), None)
    if stray is not None:
        named = "a space" if stray == " " else f"'{stray}'"
        return Fault(f"{named} is in no number: digits, and one dot for decimals")
    if len(text) > TYPED_MAX:
        return Fault(f"longer than {TYPED_MAX} characters")
    return None


def read_qty(text: str) -> int | Fault:
    """Return the units ``text`` names, 1 to `MAX_QTY`."""
    return _read_whole(text, "a quantity is", MAX_QTY)


def read_minutes(text: str) -> int | Fault:
    """Return the minutes ``text`` names, 1 to `MINUTES_MAX`."""
    return _read_whole(text, "minutes are", MINUTES_MAX)


def _read_whole(text: str, what: str, most: int) -> int | Fault:
    stray = stray_fault(text)
    if stray is not None:
        return stray
    if text.isascii() and text.isdecimal() and 0 < int(text) <= most:
        return int(text)
    return Fault(f"{what} a whole number, 1 to {most:,}")


def read_price(text: str, instrument: InstrumentUpdate | None) -> int | Fault:
    """Return the price ``text`` names, in micro-credits, if ``instrument`` can trade at it."""
    stray = stray_fault(text)
    if stray is not None:
        return stray
    price_ucr = parse_price_ucr(text)
    if price_ucr is None:
        return Fault("a price has digits and one dot, at most 6 digits after it")
    return price_fault(price_ucr, instrument) or price_ucr


def price_fault(price_ucr: int, instrument: InstrumentUpdate | None) -> Fault | None:
    """Return why an order cannot have this price: its bounds, the tick, the band (rules.md 3.4)."""
    if not 0 < price_ucr <= MAX_PRICE_UCR:
        return Fault(f"a price is above 0 and at most {MAX_PRICE_UCR // UCR_PER_CREDIT:,}")
    if instrument is None:
        return None
    return _tick_fault(price_ucr, instrument.tick_ucr) or _band_fault(price_ucr, instrument)


def _tick_fault(price_ucr: int, tick_ucr: int) -> Fault | None:
    below_ucr = price_ucr // tick_ucr * tick_ucr
    if below_ucr == price_ucr:
        return None
    places = places_of(tick_ucr)
    near = [exact_price_text(ucr, places) for ucr in (below_ucr, below_ucr + tick_ucr) if ucr]
    return Fault(f"off the tick {exact_price_text(tick_ucr, places)}: take {' or '.join(near)}")


def _band_fault(price_ucr: int, instrument: InstrumentUpdate) -> Fault | None:
    low_ucr, high_ucr = instrument.band_low_ucr, instrument.band_high_ucr
    above = low_ucr is None or price_ucr >= low_ucr
    below = high_ucr is None or price_ucr <= high_ucr
    if above and below:
        return None
    places = places_of(instrument.tick_ucr)
    low = exact_price_text(low_ucr or 0, places)
    high = exact_price_text(MAX_PRICE_UCR if high_ucr is None else high_ucr, places)
    return Fault(f"outside the band, {low} to {high}")
