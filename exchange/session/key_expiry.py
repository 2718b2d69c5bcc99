"""Finds the connections to close when their key is revoked or expires.

Source: security.md, "Who is who".
"""

from exchange.session.session import Session


class KeyExpiry:
    """When the keys of open connections expire; most never do."""

    def __init__(self) -> None:
        self._ends_ms: dict[int, int] = {}
        """By session number."""
        self._next_ms: int | None = None

    def watch(self, session: Session, not_after_ms: int | None) -> None:
        """Remember when the session's key expires, if it does."""
        if not_after_ms is not None:
            self._ends_ms[session.number] = not_after_ms
            self._next_ms = min(self._ends_ms.values())

    def forget(self, number: int) -> None:
        """The session is gone."""
        if self._ends_ms.pop(number, None) is not None:
            self._next_ms = min(self._ends_ms.values(), default=None)

    def next_deadline_ms(self) -> int | None:
        return self._next_ms

    def due(self, now_ms: int) -> list[int]:
        """Return the sessions whose key has expired at ``now_ms``."""
        if self._next_ms is None or now_ms < self._next_ms:
            return []
        return [number for number, end_ms in self._ends_ms.items() if end_ms <= now_ms]
