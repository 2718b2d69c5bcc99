"""Sessions that are sent the same frames: those of one channel, or everybody. Pure.

A frame for a group is made once. Only joining and leaving name a single session, and both pass
through the outbox, so that it knows from where on a session is sent the group's frames.
"""

from typing import TypeAlias

from exchange.session.session import Session
from exchange.wire.codec import CODECS

GroupKey: TypeAlias = tuple[str, str, int]
"""Channel; symbol or account, "" for none; depth or interval_ms, 0 for none."""


class Group:
    """Members by session number.

    ``merges``: a slow reader is no member while it is behind, but kept in ``behind``; what it
    misses is merged there (`exchange.session.conflation`).
    """

    __slots__ = ("behind", "counts", "key", "merges", "number", "sessions")

    def __init__(self, key: GroupKey, merges: bool = False) -> None:
        self.key = key
        self.merges = merges
        self.number = 0
        """The name of the group where its members are elsewhere; 0 until it had one."""
        self.sessions: dict[int, Session] = {}
        self.behind: dict[int, Session] = {}
        self.counts = [0] * len(CODECS)
        """Members by the index of their codec."""

    @property
    def empty(self) -> bool:
        return not (self.sessions or self.behind)

    def has(self, session: Session) -> bool:
        """Return whether the session is a member or behind."""
        return session.number in self.sessions or session.number in self.behind

    def all(self) -> list[Session]:
        """Return the members and those behind."""
        return [*self.sessions.values(), *self.behind.values()]

    def numbers(self) -> list[int]:
        """Return the numbers of `all`."""
        return [*self.sessions, *self.behind]

    def add(self, session: Session) -> bool:
        """Add a session; returns whether it is a member now and was none before."""
        number = session.number
        if self.merges and session.behind is not None:
            self.behind[number] = session
            return False
        new = number not in self.sessions
        self.sessions[number] = session
        self.counts[session.codec.index] += new
        return new

    def remove(self, session: Session) -> bool:
        """Remove a session; returns whether it was a member."""
        self.behind.pop(session.number, None)
        if self.sessions.pop(session.number, None) is None:
            return False
        self.counts[session.codec.index] -= 1
        return True
