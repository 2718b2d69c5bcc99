"""How many lines of one kind the log takes, so that nobody can flood it. Pure."""

from typing import Final

from exchange.bucket import Bucket
from exchange.log.line import LogLine, line

PER_S: Final = 5
"""Lines of one event a second, for long."""
SAVED_S: Final = 10
EVENTS_MAX: Final = 200
"""Events there can be; ours are far fewer."""
SILENCE_MS: Final = 10_000
"""How often the log says what was left out."""


class Rate:
    """``takes`` every line, and reports by ``left_out`` how many it did not take."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._left_out: dict[str, LogLine] = {}
        self._counts: dict[str, int] = {}
        self._next_ms: int | None = None

    def takes(self, entry: LogLine, now_ms: int) -> bool:
        """May this line be written? One that may not is counted."""
        event = entry.event if entry.event in self._buckets or self._has_room() else ""
        bucket = self._buckets.get(event)
        if bucket is None:
            bucket = self._buckets[event] = Bucket(now_ms, PER_S, SAVED_S)
        if bucket.take(now_ms, PER_S) == 0:
            return True
        self._left_out[event] = entry
        self._counts[event] = self._counts.get(event, 0) + 1
        if self._next_ms is None:
            self._next_ms = now_ms + SILENCE_MS
        return False

    def left_out(self, now_ms: int | None = None) -> list[LogLine]:
        """Return the lines that report what was left out until ``now_ms``, None: all there is."""
        if self._next_ms is None or (now_ms is not None and now_ms < self._next_ms):
            return []
        reports = [_summary(self._left_out[event], count) for event, count in self._counts.items()]
        self._left_out.clear()
        self._counts.clear()
        self._next_ms = None
        return reports

    def _has_room(self) -> bool:
        return len(self._buckets) < EVENTS_MAX


def _summary(last: LogLine, count: int) -> LogLine:
    text = f"{count} more suppressed: {last.event.replace('_', ' ')}"
    return line(last.level, "suppressed", text, of=last.event, count=count)
