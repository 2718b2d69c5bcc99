"""Integer time, money and capacity, and the few conversions between them.

Money is integer micro-credits (``_ucr``), time is integer milliseconds (``_ms``, UTC epoch when it
is a point), CPU is thousandths of a vCPU (``_mvcpu``), memory and disk are MiB (``_mib``), ``qty``
counts whole units. Decimals exist only in files people write and on screens people read.
"""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

UCR_PER_CREDIT = 1_000_000
MS_PER_SECOND = 1_000
MS_PER_MINUTE = 60_000
MS_PER_HOUR = 3_600_000
MS_PER_DAY = 24 * MS_PER_HOUR

MIB = 1024 * 1024
"""Bytes in a MiB."""

MAX_PRICE_UCR = 10**9
"""Highest price of one unit-hour."""
MAX_QTY = 10**6
"""Most units in one order; price x qty stays below 2**53."""
MAX_INT = 2**53
"""Largest integer on the wire: every JSON reader holds it exactly."""

_AFTER: Final = re.compile(
    r"\+(?=[0-9])(?:([0-9]{1,4})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,6})m(?:in)?)?(?:([0-9]{1,7})s)?"
)
_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")


def ceil_div(numerator: int, denominator: int) -> int:
    """Return ``numerator / denominator`` rounded up. ``denominator`` is positive."""
    return -(-numerator // denominator)


def ucr_from_credits(credits: str | int | float | Decimal) -> int:
    """Return micro-credits for a decimal amount of credits, rounded half-even.

    A float is read by its shortest decimal text, so ``0.1`` means exactly one tenth.
    Raises `decimal.InvalidOperation` when the text is no number.
    """
    exact = Decimal(str(credits)) * UCR_PER_CREDIT
    return int(exact.to_integral_value(ROUND_HALF_EVEN))


def credits_text(amount_ucr: int, places: int = 6) -> str:
    """Return ``amount_ucr`` as a decimal number of credits with ``places`` digits, half-even."""
    step = Decimal(1).scaleb(-places)
    return str((Decimal(amount_ucr) / UCR_PER_CREDIT).quantize(step, ROUND_HALF_EVEN))


def coming_moment_ms(text: str, now_ms: int) -> int | None:
    """Return the time that ``+2h``, ``+1h30m`` or ``20:00`` (UTC, the next one) names, if any."""
    if after := _AFTER.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in after.groups())
        passed_ms = (minutes * 60 + seconds) * MS_PER_SECOND
        return now_ms + days * MS_PER_DAY + hours * MS_PER_HOUR + passed_ms
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        of_day_ms = hours * MS_PER_HOUR + (minutes * 60 + seconds) * MS_PER_SECOND
        at_ms = now_ms - now_ms % MS_PER_DAY + of_day_ms
        return at_ms if at_ms > now_ms else at_ms + MS_PER_DAY
    return None


def count_text(count: int, thing: str) -> str:
    """Return ``1 lease``, ``2 leases``."""
    return f"{count} {thing}" + ("" if count == 1 else "s")


def go_text(units: int) -> str:
    """Return ``1 unit goes``, ``2 units go``."""
    return f"{count_text(units, 'unit')} {'goes' if units == 1 else 'go'}"
