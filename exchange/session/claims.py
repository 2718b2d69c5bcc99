"""Which connection alone acts for a name of an account, such as a Manager's rule. Pure.

Not journalled: a claim ends with its connection, and a restart of the exchange ends them all. So
the program that goes on is the one that is connected. Source: protocol.md, "Two programs, one
account".
"""

from datetime import UTC, datetime

from msgspec import Struct

from exchange.units import MS_PER_SECOND
from exchange.wire.results import Refused
from exchange.wire.session_requests import SessionClaim


class Claim(Struct, frozen=True):
    """Who holds a name."""

    session: int
    holder: str | None
    since_ms: int


class Claims:
    """Bounded: `CLAIMS_MAX` names a connection, and an account's connections are bounded too."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Claim] = {}
        self._names: dict[int, tuple[str, list[str]]] = {}
        """Account and names by session."""

    def claim(
        self, session: int, account: str, wanted: SessionClaim, now_ms: int
    ) -> Refused | None:
        """Give the session what it wants, or return why not; then it keeps what it had."""
        for name in wanted.names:
            other = self._held.get((account, name))
            if other is not None and not _same(other, session, wanted.holder):
                text = f"another connection acts for {name!r} since {_utc(other.since_ms)}"
                return Refused("claimed", text, "names")
        self.release(session)
        for name in wanted.names:
            self._held[account, name] = Claim(session, wanted.holder, now_ms)
        self._names[session] = account, wanted.names
        return None

    def release(self, session: int) -> None:
        """The connection is gone. What another took over from it stays there."""
        account, names = self._names.pop(session, ("", []))
        for name in names:
            held = self._held.get((account, name))
            if held is not None and held.session == session:
                del self._held[account, name]


def _same(held: Claim, session: int, holder: str | None) -> bool:
    return held.session == session or (holder is not None and held.holder == holder)


def _utc(ms: int) -> str:
    moment = datetime.fromtimestamp(ms // MS_PER_SECOND, UTC)
    return f"{moment.replace(tzinfo=None).isoformat()}Z"
