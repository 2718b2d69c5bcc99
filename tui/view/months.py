"""Days and months of UTC as moments in milliseconds. Pure."""

from datetime import UTC, datetime
from typing import Final

from exchange.units import MS_PER_DAY, MS_PER_SECOND

MONTHS: Final = 12


def day_of(ts_ms: int) -> int:
    """Return the first moment of the day that ``ts_ms`` is in."""
    return ts_ms - ts_ms % MS_PER_DAY


def month_of(ts_ms: int) -> int:
    """Return the first moment of the month that ``ts_ms`` is in."""
    at = _date(ts_ms)
    return _first(at.year, at.month)


def later(month_ms: int, by: int) -> int:
    """Return the first moment of the month ``by`` months on (back when negative)."""
    at = _date(month_ms)
    months = at.year * MONTHS + at.month - 1 + by
    return _first(months // MONTHS, months % MONTHS + 1)


def days_in(month_ms: int) -> list[int]:
    """Return the first moments of the days of a month."""
    return list(range(month_ms, later(month_ms, 1), MS_PER_DAY))


def month_text(month_ms: int) -> str:
    """Return ``2026-11``."""
    return f"{_date(month_ms):%Y-%m}"


def day_text(ts_ms: int) -> str:
    """Return ``2026-11-30``."""
    return f"{_date(ts_ms):%Y-%m-%d}"


def moment_text(ts_ms: int) -> str:
    """Return ``30 14:05:09``: day and time of a month that is named above."""
    return f"{_date(ts_ms):%d %H:%M:%S}"


def _date(ts_ms: int) -> datetime:
    return datetime.fromtimestamp(ts_ms // MS_PER_SECOND, UTC)


def _first(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * MS_PER_SECOND
