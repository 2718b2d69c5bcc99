"""Hours of the week in a time zone: when they are open, also over a change of the clocks.

    Fri 18:00-23:00      Mon-Fri 08:00-18:00, Sat 10:00-14:00      daily 20:00-07:00

Hours that end at or before they begin end on the next day. They open when the local clock first
shows their beginning or later, and close when it last shows their end: where the clock is put back
an hour is open once and longer, never twice. Hours that touch or overlap are one. Pure.
Source: manager.md, ``[[rule]]``.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from exchange.units import MS_PER_SECOND

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_PER_DAY: Final = 24 * 60
LOOK_BACK_DAYS: Final = 2
LOOK_AHEAD_DAYS: Final = 9
"""A week and the length of the longest hours: within them there is a next opening."""

_HOURS: Final = re.compile(r"(.*?)\s*(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)", re.ASCII)


class Open(Struct, frozen=True):
    """One opening, UTC milliseconds, ``end_ms`` not included."""

    start_ms: int
    end_ms: int


class Hours(Struct, frozen=True):
    """``days`` from 0 (Monday); minutes since local midnight, ``end`` beyond a day on the next."""

    days: frozenset[int]
    start: int
    end: int

    def on(self, day: date, zone: tzinfo) -> Open:
        midnight = datetime.combine(day, time())
        return Open(
            _edge_ms(zone, midnight + timedelta(minutes=self.start), last=False),
            _edge_ms(zone, midnight + timedelta(minutes=self.end), last=True),
        )


class Schedule(Struct, frozen=True):
    """``text`` as it was written."""

    zone: tzinfo
    hours: tuple[Hours, ...]
    text: str

    def opening(self, now_ms: int) -> Open:
        """Return the opening that is now, or the next one."""
        return next(one for one in self._openings(now_ms) if one.end_ms > now_ms)

    def _openings(self, now_ms: int) -> Iterator[Open]:
        """Yield the openings around ``now_ms`` in order of time; what touches is one."""
        today = datetime.fromtimestamp(now_ms // MS_PER_SECOND, self.zone).date()
        days = [today + timedelta(days=n) for n in range(-LOOK_BACK_DAYS, LOOK_AHEAD_DAYS)]
        found = [
            hours.on(day, self.zone)
            for day in days
            for hours in self.hours
            if day.weekday() in hours.days
        ]
        found.sort(key=lambda one: (one.start_ms, one.end_ms))
        start_ms, end_ms = found[0].start_ms, found[0].end_ms
        for one in found[1:]:
            if one.start_ms > end_ms:
                yield Open(start_ms, end_ms)
                start_ms, end_ms = one.start_ms, one.end_ms
            end_ms = max(end_ms, one.end_ms)
        yield Open(start_ms, end_ms)


def parse_hours(text: str) -> tuple[Hours, ...]:
    """Return the hours of ``text``. Raises `ValueError` saying what was expected."""
    hours: list[Hours] = []
    days: set[int] = set()
    for part in (part.strip() for part in re.split("[,;]", text)):
        found = _HOURS.fullmatch(part)
        days |= _days(part if found is None else found[1], text)
        if found is not None:
            hours.append(Hours(frozenset(days), *_minutes(part, *map(int, found.groups()[1:]))))
            days = set()
    if days or not hours:
        raise ValueError(f"{text!r} is not hours like 'Fri 18:00-23:00' or 'daily 20:00-07:00'")
    return tuple(hours)


def parse_zone(text: str) -> tzinfo:
    """Return the time zone of an IANA name. Raises `ValueError`."""
    if text == "UTC":
        return UTC  # also where no table of zones is installed
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{text!r} is no time zone like 'Europe/Berlin'") from error


def _days(text: str, whole: str) -> set[int]:
    """Return the days of ``Fri``, ``Mon-Fri``, ``daily`` or "" (daily)."""
    names = [name.strip() for name in text.lower().split("-")]
    if names in (["daily"], [""]):
        return set(range(7))
    if len(names) > 2 or any(name not in DAYS for name in names):
        raise ValueError(f"{whole!r}: {text!r} is none of daily, Mon, Tue ... Sun, Mon-Fri")
    first, last = DAYS.index(names[0]), DAYS.index(names[-1])
    return {day % 7 for day in range(first, last + 1 + (7 if last < first else 0))}


def _minutes(part: str, hour: int, minute: int, end_hour: int, end_minute: int) -> tuple[int, int]:
    start, end = 60 * hour + minute, 60 * end_hour + end_minute
    if minute > 59 or end_minute > 59 or start >= MINUTES_PER_DAY or end > MINUTES_PER_DAY:
        raise ValueError(f"{part!r} has a time that no clock shows")
    if start == end:
        raise ValueError(f"{part!r} begins when it ends; a whole day is 00:00-24:00")
    return start, end if end > start else end + MINUTES_PER_DAY


def _edge_ms(zone: tzinfo, local: datetime, last: bool) -> int:
    """Return the first, or last, moment at which the local clock comes to ``local`` or beyond."""
    before, after = (round(local.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1))
    if before <= after:
        return (after if last else before) * MS_PER_SECOND
    # The clock jumps over ``local`` between these two: what counts is the jump.
    around = range(after, before + 1)
    jump = bisect_left(around, _offset(zone, before), key=lambda second: _offset(zone, second))
    return around[jump] * MS_PER_SECOND


def _offset(zone: tzinfo, second: int) -> timedelta:
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    assert offset is not None, "a time zone has an offset at any time"
    return offset
