"""Options as people type them: units, prices, moments. A text is read exactly, or refused. Shell.

Nothing is dropped or guessed: ``0,04`` and ``1 000`` mean different things in different countries,
so they mean nothing here.
"""

import re
import time
from typing import Any, Final

import typer

from exchange.cli.common import ucr, utc_ms
from exchange.units import MAX_PRICE_UCR, MAX_QTY, coming_moment_ms, credits_text

_UNITS: Final = re.compile(r"[0-9]{1,7}")


def units(text: str) -> int:
    """Return a number of units."""
    found = int(text) if _UNITS.fullmatch(text) else 0
    if not 1 <= found <= MAX_QTY:
        raise typer.BadParameter(f"{text} is not a whole number from 1 to {MAX_QTY}")
    return found


def price_ucr(text: str) -> int:
    """Return the micro-credits of a price in credits for a unit-hour."""
    found = ucr(text)
    if not 1 <= found <= MAX_PRICE_UCR:
        most = credits_text(MAX_PRICE_UCR, 0)
        raise typer.BadParameter(f"{text} is not a price from 0.000001 to {most} credits")
    return found


def coming_ms(text: str) -> int:
    """Return a moment that is still to come, as UTC milliseconds; see `when_ms`."""
    now_ms = time.time_ns() // 1_000_000
    at_ms = when_ms(text, now_ms)
    if at_ms <= now_ms:
        raise typer.BadParameter(f"{text} is over")
    return at_ms


def when_ms(text: str, now_ms: int) -> int:
    """Return the UTC milliseconds of ``+2h``, ``+1h30m``, ``20:00`` (the next one) or a date."""
    found = coming_moment_ms(text, now_ms)
    if found is not None:
        return found
    try:
        return utc_ms(text)
    except typer.BadParameter:
        told = f"{text}: not a time such as +2h, 20:00 or 2026-11-01T12:00 (UTC)"
        raise typer.BadParameter(told) from None


def units_option(name: str, text: str) -> Any:
    return typer.Option(name, metavar="N", parser=units, help=text)


def price_option(name: str, text: str) -> Any:
    return typer.Option(name, metavar="CREDITS", parser=price_ucr, help=text)


def time_option(name: str, text: str) -> Any:
    return typer.Option(name, metavar="TIME", parser=coming_ms, help=text)
