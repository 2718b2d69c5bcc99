"""The context passed to request handlers: the engine, the registries, and ways to answer. Pure.

A handler reads the registries and the engine, then does one of four things: `ack`, `refuse`,
`command` (settle due deadlines, apply, journal, answer, route) or leave a job for the shell. The
results are collected here until `take` returns them as the batch.

Refusals and duplicates are not journalled, yet deadlines settle before every command. So whenever
one is due, an `AdvanceTime` is applied and journalled first: the rows replayed one by one give the
same outs. Source: architecture.md, "One shape: a pure core in a thin shell".
"""

from typing import Any

from exchange.engine.engine import Engine
from exchange.gateway.batch import Batch
from exchange.gateway.notes import Notes
from exchange.gateway.routing import CANCEL_MANY, ROUTES, TO_ACCOUNT, TO_PUBLIC, canceled
from exchange.gateway.streams import Streams
from exchange.journal.command_layout import command_body
from exchange.journal.rows import JournalRow
from exchange.model import commands
from exchange.model.commands import AdvanceTime, Command, JournalMessage
from exchange.session.claims import Claims
from exchange.session.consoles import Consoles
from exchange.session.group import Group
from exchange.session.guard import Guard
from exchange.session.instructions import Instructions
from exchange.session.key_expiry import KeyExpiry
from exchange.session.limits import Limits
from exchange.session.liveness import Liveness
from exchange.session.outbox import Job, Outbox
from exchange.session.session import Session
from exchange.session.sign_ups import SignUps
from exchange.session.uploads import Uploads
from exchange.wire import frames
from exchange.wire.close_codes import CLOSE_POLICY
from exchange.wire.frames import Ack, ErrorReply
from exchange.wire.login import Verify
from exchange.wire.paging import TOO_LONG
from exchange.wire.results import Done, Refused
from exchange.wire.types import SENT_FRAME_BYTES


class Context:
    """One exchange's registries and the batch under way; ``now_ms`` never runs backwards."""

    def __init__(
        self, engine: Engine, server_id: str, verify: Verify, private: bool, outbox: Outbox
    ) -> None:
        self.engine = engine
        self.server_id = server_id
        self.branch: str | None = None
        """Which copy of the journal this is."""
        self.verify = verify
        self.private = private
        """Public channels need a login too."""
        self.now_ms = engine.now_ms
        self.outbox = outbox
        self.streams = Streams(engine, outbox)
        self._accounts, self._directory = self.streams.accounts, self.streams.directory
        self.instructions = Instructions(self.outbox)
        self.consoles = Consoles()
        self.claims = Claims()
        self.sign_ups = SignUps()
        self.key_expiry = KeyExpiry()
        self.liveness = Liveness(engine.lost_after_ms)
        self.guard = Guard()
        self.uploads = Uploads()
        self.limits = Limits(lambda account: engine.limits(account).orders_per_s)
        self.notes = Notes()
        self.everybody = Group(("everybody", "", 0))
        self.sessions = self.everybody.sessions
        self.anonymous: dict[int, Session] = {}
        """Sessions that have neither logged in nor subscribed, in the order of opening."""
        self.jobs: list[Job] = []
        self.rests: dict[int, int] = {}
        self._rows: list[JournalRow] = []
        self._closes: list[tuple[int, int, str]] = []

    # --- what handlers do ---

    def ack(self, session: Session, message: Any, result: Any = None) -> None:
        self.notes.answered(session, message, result)
        self.outbox.send(session, Ack(message.req_id, None, self.now_ms, result))

    def refuse(self, session: Session, message: Any, refused: Refused) -> None:
        """Answer with an error; a report without ``req_id`` gets none."""
        self.notes.refused(session, message, refused)
        req_id = getattr(message, "req_id", None)
        if req_id is not None:
            reply = ErrorReply(
                req_id,
                refused.reason,
                refused.message,
                refused.field,
                refused.retry_after_ms,
                refused.amounts,
            )
            self.outbox.send(session, reply)
        if refused is TOO_LONG:  # The answer had to be built before its size was known.
            self.outbox.weight += SENT_FRAME_BYTES

    def command(
        self, session: Session, message: JournalMessage, now_ms: int, request: Any = None
    ) -> Done | Refused:
        """Settle, apply, journal, answer, route: in this order.

        ``request`` is what the client sent, when the command is another message.
        """
        self.settle(now_ms)
        command = Command(session.account, session.host, session.number, message, session.key_id)
        return self.apply(command, now_ms, session, request or message)

    def internal(self, message: JournalMessage, now_ms: int, account: str = "") -> Done | Refused:
        """Apply and journal a command that no session waits for: mostly the exchange's own
        messages."""
        now_ms = self.at(now_ms)
        self.settle(now_ms)
        return self.apply(Command(account, "", 0, message), now_ms)

    def close(self, session: Session, code: int, reason: str) -> None:
        """End the connection after its queued frames are sent; the first reason counts."""
        if session.closing:
            return
        session.closing = True
        self.anonymous.pop(session.number, None)
        self._closes.append((session.number, code, reason))

    def known(self, session: Session) -> None:
        """The session logged in or subscribed: it may stay."""
        self.anonymous.pop(session.number, None)

    # --- what the gateway does with it ---

    def at(self, now_ms: int) -> int:
        """Return the later of the pump's monotone clock and the journal's time."""
        if now_ms > self.now_ms:
            self.now_ms = now_ms
        return self.now_ms

    def settle(self, now_ms: int) -> None:
        """Journal an `AdvanceTime` if a deadline is due."""
        if not self.engine.may_be_due(now_ms):
            return
        due_ms = self.engine.next_deadline_ms()
        if due_ms is not None and due_ms <= now_ms:
            self.apply(Command("", "", 0, AdvanceTime(forget=True)), now_ms)

    def apply(
        self, command: Command, now_ms: int, session: Session | None = None, request: Any = None
    ) -> Done | Refused:
        """Apply, journal, answer the session if there is one, route."""
        outs = self.engine.apply(command, now_ms)
        if count := self.engine.looked_at:
            self._pay_looks(command, session, request, count)
        reply = outs[0][1]
        if type(reply) is Refused:
            assert len(outs) == 1, "a refusal changes nothing"
            if session is not None:
                self.refuse(session, request, reply)
            return reply
        assert type(reply) is Done, "the reply comes first"
        self.notes.count(command.message, "duplicate" if reply.duplicate else "done")
        if not reply.duplicate:
            self.notes.accepted(command, reply, outs)
            self._rows.append(JournalRow(self.engine.seq, now_ms, command_body(command)))
            if type(command.message) in CANCEL_MANY:
                self.limits.canceled(command.account, canceled(outs), now_ms)
            if command.account or type(command.message) is not AdvanceTime:
                self._directory.touch(command.account)
        if session is not None:
            self._acknowledge(session, request, reply)
        self._route(outs, now_ms)
        return reply

    def take(self) -> Batch:
        """Return the batch and begin the next."""
        self.streams.feed.flush(self.now_ms)
        accounts = self.streams.accounts.take(self.now_ms)
        for row in accounts:
            self.streams.directory.touch(row.account)
        sent, entries, notes = self.outbox.take(), self.outbox.take_entries(), self.notes.take()
        parts = self._closes, self.jobs, notes, self.rests
        batch = Batch(self._rows, accounts, sent, *parts, entries)
        self._rows, self._closes, self.jobs, self.rests = [], [], [], {}
        return batch

    # --- inside ---

    def _pay_looks(
        self, command: Command, session: Session | None, request: Any, count: int
    ) -> None:
        if session is not None:
            self.limits.looked_at(session, type(request), count, self.now_ms)
        elif type(command.message) is commands.SessionDropped:
            self.limits.looked_at_end(command.account, count, self.now_ms)

    def _acknowledge(self, session: Session, message: Any, reply: Done) -> None:
        req_id = getattr(message, "req_id", None)
        if req_id is not None:
            ack = Ack(req_id, self.engine.seq, self.now_ms, reply.result)
            self.outbox.send(session, ack)

    def _route(self, outs: list[commands.Out], now_ms: int) -> None:
        """Account frames before public ones; the reply, at index 0, went out already."""
        public: list[Any] = []
        for index in range(1, len(outs)):
            address, message = outs[index]
            route = ROUTES[type(message)]
            if route == TO_ACCOUNT:
                self._accounts.send(address, message)  # type: ignore[arg-type]
            elif route == TO_PUBLIC:
                public.append(message)
            else:
                self._instruct(address, message, now_ms)
        for message in public:
            if type(message) is frames.Trade:
                self.streams.feed.trade(message)
            elif type(message) is commands.Forgotten:
                self.streams.forget(message.symbol, self.sessions, now_ms)
            else:
                self.streams.feed.instrument(message)

    def _instruct(self, host: str, instruction: Any, now_ms: int) -> None:
        if not self.instructions.send(host, instruction, now_ms):
            session = self.instructions.session(host)
            assert session is not None, "only a connected host has unconfirmed instructions"
            self.close(session, CLOSE_POLICY, "instructions are not confirmed")
