"""When a group sells: hours of the day and days without sale, by its own clock. Pure.

A clock is a `tzinfo` that the shell made: it knows how far local time is ahead at any moment, so
hours stay local when summer time begins or ends. Source: manager.md, "Sell".
"""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from msgspec import Struct

from exchange.units import MS_PER_MINUTE

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))\Z")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Hours(Struct, frozen=True):
    """Minutes of the day, from the first to before the second; over midnight when it is less."""

    from_min: int
    to_min: int

    def contains(self, minute: int) -> bool:
        if self.from_min < self.to_min:
            return self.from_min <= minute < self.to_min
        return minute >= self.from_min or minute < self.to_min

    def text(self) -> str:
        """Return it as it is written in the file."""
        ends = [f"{at // 60:02}:{at % 60:02}" for at in (self.from_min, self.to_min)]
        return "-".join(ends)


class Days(Struct, frozen=True):
    """Local days, the last one included."""

    first: date
    last: date

    def contains(self, day: date) -> bool:
        return self.first <= day <= self.last


def parse_hours(text: str) -> Hours:
    """Return the hours in ``20:00-07:00``. Raises `ValueError` saying what is wrong."""
    found = _HOURS.match(text)
    if found is None:
        raise ValueError(f"{text!r} is not like '20:00-07:00'")
    parts = [int(part) for part in found.groups() if part is not None]
    hours = Hours(parts[0] * 60 + parts[1], parts[2] * 60 + parts[3])
    if hours.from_min == hours.to_min:
        raise ValueError(f"{text!r} begins when it ends; leave it out for all day")
    return hours


def parse_days(text: str) -> Days:
    """Return the days in ``2026-12-24..2026-12-27`` or ``2026-12-24``. Raises `ValueError`."""
    first, dots, last = text.partition("..")
    try:
        days = Days(_day(first), _day(last if dots else first))
    except ValueError:
        raise ValueError(f"{text!r} is not like '2026-12-24..2026-12-27'") from None
    if days.last < days.first:
        raise ValueError(f"{text!r} ends before it begins")
    return days


def _day(text: str) -> date:
    if len(text) != len("2026-12-24"):
        raise ValueError
    return date.fromisoformat(text)


class Calendar(Struct, frozen=True):
    """No ``hours``: all day."""

    hours: Hours | None = None
    blackout: tuple[Days, ...] = ()

    @property
    def always(self) -> bool:
        return self.hours is None and not self.blackout

    def open_at(self, at_ms: int, clock: tzinfo) -> bool:
        if self.always:
            return True
        local = local_time(at_ms, clock)
        if any(days.contains(local.date()) for days in self.blackout):
            return False
        return self.hours is None or self.hours.contains(minute_of(local))

    def closed_text(self, at_ms: int, clock: tzinfo) -> str:
        """Say why it is closed then, or closes too soon for a recall."""
        if self.open_at(at_ms, clock):
            return "it closes sooner than a recall takes"
        today = local_time(at_ms, clock).date()
        days = next((days for days in self.blackout if days.contains(today)), None)
        if days is not None:
            return f"blackout until {days.last}"
        assert self.hours is not None, "closed on no day without sale"
        return f"outside its hours {self.hours.text()}"

    def open_all(self, from_ms: int, to_ms: int, clock: tzinfo) -> bool:
        """Return whether it is open all the time from one to the other, to the minute."""
        if self.always:
            return True
        return all(self.open_at(at, clock) for at in range(from_ms, to_ms, MS_PER_MINUTE))


def local_time(at_ms: int, clock: tzinfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(clock)


def minute_of(local: datetime) -> int:
    return local.hour * 60 + local.minute


def next_minute_ms(at_ms: int) -> int:
    """Return when the next minute begins: clocks differ from UTC by whole minutes."""
    return at_ms - at_ms % MS_PER_MINUTE + MS_PER_MINUTE
