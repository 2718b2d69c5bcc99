"""What a screen reads by a request: whether that is due, and whether what was read still holds.

A change that comes while an answer is awaited may be in it or not: it is asked for again. So is
what could not be had, after a pause. Pure.
"""

from typing import Final

from exchange.units import MS_PER_SECOND

AGAIN_MS: Final = 5 * MS_PER_SECOND
"""After a read that failed."""


class Reading:
    """`due`, then `begins`, then `ended`. ``known``: what was read is how things stand."""

    def __init__(self) -> None:
        self.known = False
        self._under_way = self._changed = False
        self._not_before_ms = 0

    def changed(self) -> None:
        """What was read, or is being read, may be old now."""
        self.known, self._changed = False, True

    def due(self, now_ms: int) -> bool:
        return not self.known and not self._under_way and now_ms >= self._not_before_ms

    def begins(self) -> None:
        self._under_way, self._changed = True, False

    def ended(self, had: bool, now_ms: int) -> None:
        """The answer came; not ``had``: it was none."""
        self._under_way = False
        self.known = had and not self._changed
        self._not_before_ms = 0 if had else now_ms + AGAIN_MS
