"""A key's connections end with it: when it is revoked, and when its time is over.

Source: protocol.md, "Login"; docs/security.md, "Who may do what".
"""

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from exchange.session import CLOSE_BAD_LOGIN, Session

if TYPE_CHECKING:
    from exchange.gateway import Gateway


class KeyEnds:
    """When which logged-in connection's key is over; an entry of one that is gone is passed by."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        """(not_after_ms, session number)."""

    def watch(self, session: Session, not_after_ms: int | None) -> None:
        """Expect the end of the session's key, if it has one."""
        if not_after_ms is not None:
            heappush(self._heap, (not_after_ms, session.number))

    def next_deadline_ms(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def take(self, now_ms: int) -> int | None:
        """Return a session whose key is over at ``now_ms``, None when there is none any more."""
        return heappop(self._heap)[1] if self._heap and self._heap[0][0] <= now_ms else None


def close_expired(gateway: "Gateway", now_ms: int) -> None:
    """End the connections whose key is over."""
    while (number := gateway.key_ends.take(now_ms)) is not None:
        session = gateway.sessions.get(number)
        if session is not None and not session.closing:
            gateway.close(session, CLOSE_BAD_LOGIN, "the key has expired")


def close_revoked(gateway: "Gateway") -> None:
    """End the connections of keys that the operator or a new enrolment revoked."""
    for session in gateway.sessions.values():
        key = gateway.engine.key(session.key_id)
        if key is not None and key.revoked and not session.closing:
            gateway.close(session, CLOSE_BAD_LOGIN, "the key was revoked")
