"""Instructions to hosts, resent until confirmed. Pure.

Nothing here is journalled: `host.sync`, sent after every login, includes every open instruction, so
a restart loses nothing. Source: protocol.md, "Hosts".
"""

from typing import Final

from exchange.session.outbox import Outbox
from exchange.session.session import Session
from exchange.units import MS_PER_SECOND
from exchange.wire.instructions import HostSync, Instruction
from exchange.wire.paging import sync_parts

RESEND_MS: Final = 5 * MS_PER_SECOND
PENDING_MAX: Final = 10_000
"""A host with this many unconfirmed instructions is disconnected; its next login starts with a
sync."""


class _Sent:
    __slots__ = ("due_ms", "instruction")

    def __init__(self, instruction: Instruction, due_ms: int) -> None:
        self.instruction = instruction
        self.due_ms = due_ms


class Instructions:
    """For each host: its session, its newest login that has not reported yet, and its unconfirmed
    instructions."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._sessions: dict[str, Session] = {}
        self._waiting: dict[str, Session] = {}
        self._pending: dict[str, dict[str, _Sent]] = {}
        self._syncs = 0

    def next_sync(self) -> int:
        """Return the number of this run's next `HostSync`."""
        self._syncs += 1
        return self._syncs

    def session(self, host: str) -> Session | None:
        return self._sessions.get(host)

    def wait(self, session: Session) -> Session | None:
        """The host logged in again; returns an earlier login that was still waiting, to be
        closed."""
        earlier = self._waiting.get(session.host)
        self._waiting[session.host] = session
        return earlier

    def take_over(self, session: Session) -> Session | None:
        """``session`` is the host's connection from now on; returns its older one, to be closed."""
        older = self._sessions.get(session.host)
        self._sessions[session.host] = session
        self._stop_waiting(session)
        self._pending.pop(session.host, None)
        return older

    def log_out(self, session: Session) -> None:
        self._stop_waiting(session)
        if self._sessions.get(session.host) is session:
            del self._sessions[session.host]
            self._pending.pop(session.host, None)

    def _stop_waiting(self, session: Session) -> None:
        if self._waiting.get(session.host) is session:
            del self._waiting[session.host]

    def send(self, host: str, instruction: Instruction, now_ms: int) -> bool:
        """Send to the host if it is connected. False when too much is unconfirmed: disconnect
        it."""
        session = self._sessions.get(host)
        if session is None:
            return True
        pending = self._pending.setdefault(host, {})
        _put_last(pending, _Sent(instruction, now_ms + RESEND_MS))
        self.send_to(session, instruction)
        return len(pending) <= PENDING_MAX

    def send_to(self, session: Session, instruction: Instruction) -> None:
        """Send it now, a long `HostSync` in parts if the agent knows parts."""
        if session.minor and type(instruction) is HostSync:
            for part in sync_parts(instruction):
                self._outbox.send(session, part)
        else:
            self._outbox.send(session, instruction)

    def confirm(self, host: str, instruction_id: str) -> None:
        pending = self._pending.get(host)
        if pending is None:
            return
        pending.pop(instruction_id, None)
        if not pending:
            del self._pending[host]

    def resend(self, now_ms: int) -> None:
        """Send again what was not confirmed in time, in its order."""
        for host, pending in self._pending.items():
            for sent in [each for each in pending.values() if each.due_ms <= now_ms]:
                sent.due_ms = now_ms + RESEND_MS
                _put_last(pending, sent)
                self.send_to(self._sessions[host], sent.instruction)

    def next_deadline_ms(self) -> int | None:
        if not self._pending:
            return None
        due = [next(iter(pending.values())).due_ms for pending in self._pending.values() if pending]
        return min(due, default=None)


def _put_last(pending: dict[str, _Sent], sent: _Sent) -> None:
    """Keep the one that is due first in the first place."""
    pending.pop(sent.instruction.instruction_id, None)
    pending[sent.instruction.instruction_id] = sent
