"""Hours of a rule, against a minute-by-minute reading of the local clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager.core.schedule import DAYS, Hours, Schedule, parse_hours

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
"""With a summer time of an hour, of half an hour, and none; and an odd quarter of an hour."""


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def schedule(text: str, zone: str = "UTC") -> Schedule:
    return Schedule(ZoneInfo(zone), parse_hours(text), text)


@pytest.mark.parametrize(
    ("text", "days", "start", "end"),
    [
        ("Fri 18:00-23:00", "4", 1080, 1380),
        ("daily 20:00-07:00", "0123456", 1200, 1860),
        ("20:00-07:00", "0123456", 1200, 1860),
        ("Mon-Fri 08:00-18:00", "01234", 480, 1080),
        ("Sat-Mon 00:00-24:00", "560", 0, 1440),
        ("sat,sun 10:00 - 12:30", "56", 600, 750),
        ("Sun 23:00-00:00", "6", 1380, 1440),
    ],
)
def test_hours_as_written(text: str, days: str, start: int, end: int) -> None:
    assert parse_hours(text) == (Hours(frozenset(map(int, days)), start, end),)


def test_several_hours() -> None:
    assert parse_hours("Fri 18:00-23:00; Sat 10:00-14:00") == (
        Hours(frozenset({4}), 1080, 1380),
        Hours(frozenset({5}), 600, 840),
    )


@pytest.mark.parametrize(
    ("text", "now", "start", "end"),
    [
        # An ordinary week: before, within, after; over midnight; from Sunday into Monday.
        ("Fri 18:00-23:00", "2026-11-25T12:00+01:00", "2026-11-27T18:00+01:00", "T23:00+01:00"),
        ("Fri 18:00-23:00", "2026-11-27T18:00+01:00", "2026-11-27T18:00+01:00", "T23:00+01:00"),
        ("Fri 18:00-23:00", "2026-11-27T23:00+01:00", "2026-12-04T18:00+01:00", "T23:00+01:00"),
        (
            "Sun 22:00-02:00",
            "2026-11-30T01:00+01:00",
            "2026-11-29T22:00+01:00",
            "2026-11-30T02:00+01:00",
        ),
        # The clock is put forward at 02:00: what begins or ends between does so at 03:00.
        ("Sun 02:30-05:00", "2026-03-28T12:00+01:00", "2026-03-29T03:00+02:00", "T05:00+02:00"),
        ("Sun 01:00-02:30", "2026-03-28T12:00+01:00", "2026-03-29T01:00+01:00", "T03:00+02:00"),
        # And back at 03:00: the hour that comes twice is within the same opening.
        ("Sun 02:30-05:00", "2026-10-24T12:00+02:00", "2026-10-25T02:30+02:00", "T05:00+01:00"),
        ("Sun 01:00-02:30", "2026-10-24T12:00+02:00", "2026-10-25T01:00+02:00", "T02:30+01:00"),
        # A night of 23 and of 25 hours around it keeps its ends by the clock.
        (
            "daily 20:00-07:00",
            "2026-10-24T21:00+02:00",
            "2026-10-24T20:00+02:00",
            "2026-10-25T07:00+01:00",
        ),
        # What touches is one.
        (
            "Fri 20:00-24:00, Sat 00:00-04:00",
            "2026-11-27T21:00+01:00",
            "2026-11-27T20:00+01:00",
            "2026-11-28T04:00+01:00",
        ),
    ],
)
def test_openings_in_berlin(text: str, now: str, start: str, end: str) -> None:
    found = schedule(text, "Europe/Berlin").opening(ms(now))
    end = start[:10] + end if end.startswith("T") else end
    assert (found.start_ms, found.end_ms) == (ms(start), ms(end))


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(  # noqa: DTZ001
    lambda at: at.replace(tzinfo=UTC, second=0, microsecond=0)
)
hours = st.tuples(
    st.sampled_from([*DAYS, "daily", "Mon-Fri", "Sat-Mon"]),
    st.integers(0, 95),
    st.integers(1, 95),
).map(lambda one: f"{one[0]} {_clock(one[1])}-{_clock((one[1] + one[2]) % 96)}")


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02}:{quarter % 4 * 15:02}"


def shows_open(text: str, zone: ZoneInfo, at: datetime) -> bool:
    """Tell by the local clock alone, with no arithmetic on moments."""
    local = at.astimezone(zone)
    minute, today = local.hour * 60 + local.minute, local.weekday()
    for one in parse_hours(text):
        if today in one.days and one.start <= minute < one.end:
            return True
        if (today - 1) % 7 in one.days and one.start <= minute + 1440 < one.end:
            return True
    return False


@settings(max_examples=150, deadline=None)
@given(text=st.lists(hours, min_size=1, max_size=3), zone=st.sampled_from(ZONES), at=moments)
def test_open_whenever_the_local_clock_says_so(text: list[str], zone: str, at: datetime) -> None:
    """And at no other time, but between two showings of the same hours when it is put back."""
    whole, tz = ", ".join(text), ZoneInfo(zone)
    found = schedule(whole, zone).opening(int(at.timestamp() * 1000))
    now_ms = int(at.timestamp() * 1000)
    is_open = found.start_ms <= now_ms
    if shows_open(whole, tz, at):
        assert is_open
    elif is_open:
        around = [at + timedelta(minutes=step) for step in range(-120, 121, 15)]
        assert len({one.astimezone(tz).utcoffset() for one in around}) == 2


@settings(max_examples=50, deadline=None)
@given(text=hours, zone=st.sampled_from(ZONES), at=moments)
def test_the_next_opening_misses_none_before_it(text: str, zone: str, at: datetime) -> None:
    found = schedule(text, zone).opening(int(at.timestamp() * 1000))
    step = at
    while step.timestamp() * 1000 < found.start_ms:
        assert not shows_open(text, ZoneInfo(zone), step)
        step += timedelta(minutes=15)
