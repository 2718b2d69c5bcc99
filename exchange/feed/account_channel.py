"""The account channel: contiguous, durable, resumable, never conflated. Pure.

Live frames go straight to subscribed sessions and, once per account and batch, to the store. A
resuming session first gets stored frames. It goes live when so few are missing that its live frames
can wait for them. Source: protocol.md, "Account channel".
"""

from typing import Final

from exchange.journal.rows import AccountRow, account_row
from exchange.session.deliveries import Replay
from exchange.session.encoded import Encoded
from exchange.session.outbox import Outbox
from exchange.session.session import Session
from exchange.wire.frames import AccountFrame
from exchange.wire.results import Refused

HELD_MAX: Final = 1_000
"""Live frames wait for at most this many stored ones; a longer gap is sent in pages first."""


def follows(rows: list[AccountRow], after: int) -> bool:
    """Return whether an account's ``rows`` follow ``after`` without a gap."""
    for row in rows:
        if row.first_seq > after + 1:
            return False
        after = row.last_seq
    return True


class AccountChannel:
    """Subscribers by account, and the batch's frames."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._live: dict[str, dict[int, Session]] = {}
        self._paging: dict[int, Replay] = {}
        """By session number; a new request replaces it."""
        self._frames: dict[str, list[AccountFrame]] = {}
        self._kept_from: dict[str, int] = {}

    def kept_from(self, oldest: dict[str, int]) -> None:
        """Set the oldest stored frame of each account: at the start, and whenever that changes."""
        self._kept_from = oldest

    def send(self, account: str, frame: AccountFrame) -> None:
        """Send ``frame`` to the account's live sessions and keep it for the store."""
        frames = self._frames.get(account)
        if frames is None:
            self._frames[account] = [frame]
            self._kept_from.setdefault(account, frame.account_seq)
        else:
            frames.append(frame)
        if sessions := self._live.get(account):
            encoded = Encoded(frame)
            for session in sessions.values():
                self._outbox.put(session, encoded.by(session.codec))

    def too_old(self, account: str, resume_from: int, account_seq: int) -> Refused | None:
        """Refuse a resume whose next frame is no longer kept, or which is ahead of the account."""
        if resume_from > account_seq:
            text = f"the account is at {account_seq}"
            return Refused("invalid_field", text, field="resume_from")
        if resume_from + 1 < self._kept_from.get(account, account_seq + 1):
            return Refused("too_old", "read account.state and go on from there")
        return None

    def join(self, session: Session) -> None:
        """Go live from here on."""
        self._live.setdefault(session.account, {})[session.number] = session

    def resume(self, session: Session, after: int, account_seq: int) -> None:
        """Send the frames stored after ``after``, then go live; call again when a page is sent."""
        missing = account_seq - after
        final = missing <= HELD_MAX
        replay = Replay(session.account, after, account_seq, final)
        if missing:
            self._outbox.put(session, replay)
        if final:
            self._paging.pop(session.number, None)
            self.join(session)
        else:
            self._paging[session.number] = replay

    def is_paging(self, number: int, replay: Replay) -> bool:
        """Return whether this page still belongs to the session's newest request."""
        return self._paging.get(number) is replay

    def leave(self, session: Session) -> None:
        sessions = self._live.get(session.account, {})
        sessions.pop(session.number, None)
        if not sessions:
            self._live.pop(session.account, None)
        self._paging.pop(session.number, None)

    def take(self, now_ms: int) -> list[AccountRow]:
        """Return the batch's frames for the store, one row an account."""
        if not self._frames:
            return []
        rows = [account_row(account, frames, now_ms) for account, frames in self._frames.items()]
        self._frames.clear()
        return rows
