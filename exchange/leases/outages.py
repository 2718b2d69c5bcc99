"""Scheduled releases after an outage of the exchange. Pure. Source: rules.md 6.4.

A Manager schedules the release of its leases some time ahead and renews it, so that a dead one
stops spending. While the exchange is down nobody can renew; a release that fell due meanwhile would
end the lease of a Manager that lives.
"""

from typing import Final

from exchange.leases import leasing
from exchange.model.state import State
from exchange.units import MS_PER_MINUTE

RECONNECT_MS: Final = MS_PER_MINUTE
"""Room for a client to come back and to renew."""
AHEAD_MAX_MS: Final = 30 * MS_PER_MINUTE
"""No release moves further behind that: a Manager schedules at most so far ahead."""


def move_releases(state: State, down_since_ms: int, now_ms: int) -> None:
    """Move the releases that nobody could renew in time by the outage, and room to reconnect."""
    for lease in state.leases.values():
        at_ms = lease.release_ms
        if at_ms is None or lease.closing is not None or at_ms >= now_ms + RECONNECT_MS:
            continue
        left_ms = min(max(0, at_ms - down_since_ms), AHEAD_MAX_MS)
        lease.release_ms = now_ms + left_ms + RECONNECT_MS
        leasing.arm(state, lease)
