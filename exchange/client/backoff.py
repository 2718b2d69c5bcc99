"""Pauses between attempts, which grow until an attempt works. Shell: it draws random numbers.

A login alone does not reset the pauses: a client would dial an exchange that accepts logins and
then hangs up several times a second, for ever. See `STEADY_S`.
"""

import random
from typing import Final

BACKOFF_MIN_S: Final = 0.25
BACKOFF_MAX_S: Final = 10.0
BACKOFF_DOUBLINGS_MAX: Final = 16
AT_LEAST_MAX_S: Final = 60.0
"""The longest pause that the other side can ask for, in seconds."""
STEADY_S: Final = 15.0
"""A connection that lasted this long counts as working; longer than the exchange waits for a
login."""


class Backoff:
    """Pauses of at most ``longest_s``, each twice as long as the one before, drawn with full
    jitter: a thousand clients of a restarted exchange must not return as one."""

    def __init__(self, longest_s: float = BACKOFF_MAX_S) -> None:
        self._longest_s = longest_s
        self._attempt = 0

    def pause_s(self, at_least_s: float = 0.0) -> float:
        """Return how long to wait now; ``at_least_s`` is what the other side asked for."""
        doubled_s = BACKOFF_MIN_S * 2.0 ** min(self._attempt, BACKOFF_DOUBLINGS_MAX)
        self._attempt += 1
        jitter_s = random.uniform(0, min(self._longest_s, doubled_s))
        return min(at_least_s, AT_LEAST_MAX_S) + jitter_s

    def worked(self) -> None:
        """Start again with short pauses."""
        self._attempt = 0
