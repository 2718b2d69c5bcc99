"""Heartbeats that a steady host does not send: worked out when somebody asks.

Nine of ten messages of a run are heartbeats that say what the one before said. All that counts of
them is when the last one arrived, so while nothing else happens on a connection they are only
counted. `Liveness` takes the host for heard until something happens, is then told when it was, and
everything goes the same way as if each had been sent.
"""

from sim.network.network import Link

JITTER_MAX_MS = 100
"""On a network that delays one message by a second more than another, each is sent."""


class SkippedHeartbeats:
    """Heartbeats on ``link``, sent at ``first_ms`` and every ``every_ms`` after it."""

    def __init__(self, link: Link, first_ms: int, every_ms: int) -> None:
        self._link = link
        self._first_ms = first_ms
        self._every_ms = every_ms
        self.before_ms = 0
        """When the exchange last heard the host before these."""

    def heard_ms(self, until_ms: int, now_ms: int) -> int | None:
        """Return when the last one arrived that has arrived; None: none has.

        Of those sent up to ``until_ms``. What arrives just now comes behind what happens now.
        """
        sent_ms = self._last_sent_ms(until_ms)
        while sent_ms >= self._first_ms:
            arrived_ms = self._link.background_arrival_ms(sent_ms)
            if arrived_ms < now_ms:
                return arrived_ms
            sent_ms -= self._every_ms
        return None

    def under_way(self, until_ms: int, now_ms: int) -> list[int]:
        """Return when the others of those sent up to ``until_ms`` will arrive, first one first."""
        found: list[int] = []
        sent_ms = self._last_sent_ms(until_ms)
        while sent_ms >= self._first_ms:
            arrival_ms = self._link.background_arrival_ms(sent_ms)
            if arrival_ms < now_ms:
                break
            found.append(arrival_ms)
            sent_ms -= self._every_ms
        return found[::-1]

    def _last_sent_ms(self, until_ms: int) -> int:
        return until_ms - (until_ms - self._first_ms) % self._every_ms
