"""The one place that turns frames into commands, runs the engine and routes what comes out.

Pure, and the same for the live server and the simulator: both feed it `connect`, `receive`,
`disconnect` and `advance` with the time as an argument, then `take` the batch. The live pump makes
the batch's rows durable before a single delivery leaves; nothing here knows about that.

Refusals and duplicates are not journalled, yet deadlines settle before every command. So whenever
one is due, an `AdvanceTime` is applied and journalled first: the rows replayed one by one give the
same outs. Source: architecture.md, "One shape: a pure core in a thin shell".
"""

from typing import Any, Final

from exchange.feed.account_channel import AccountChannel
from exchange.feed.directory import Directory
from exchange.feed.feed import Feed
from exchange.feed.fleet import Fleet
from exchange.gateway import channels, console_requests, image_requests, login
from exchange.gateway.batch import Batch
from exchange.gateway.host_sessions import host_speaks, tell_silence
from exchange.gateway.notes import Notes
from exchange.gateway.ports import EngineView
from exchange.gateway.requests import HANDLERS
from exchange.gateway.routing import CANCEL_MANY, ROUTES, TO_ACCOUNT, TO_PUBLIC, canceled
from exchange.journal.rows import JournalRow
from exchange.model import commands
from exchange.model.commands import AdvanceTime, Command, JournalMessage
from exchange.session import consoles, key_expiry
from exchange.session.guard import Guard
from exchange.session.instructions import Instructions
from exchange.session.limits import Limits
from exchange.session.liveness import Liveness
from exchange.session.outbox import ImageJob, Job, Outbox, Replay
from exchange.session.session import (
    BAD_FRAMES_MAX,
    CLOSE_POLICY,
    CLOSE_TRY_LATER,
    LOGIN_MS,
    Purpose,
    Session,
    refusal,
)
from exchange.session.sign_ups import SignUps
from exchange.session.uploads import Uploads
from exchange.units import MS_PER_SECOND
from exchange.wire import frames, requests
from exchange.wire.codec import CODECS, JSON, MSGPACK, Data, UnreadableError
from exchange.wire.frames import Ack, ErrorReply, Hello
from exchange.wire.login import Verify
from exchange.wire.paging import TOO_LONG
from exchange.wire.results import Done, Refused
from exchange.wire.types import PROTOCOL_MINOR, PROTOCOL_VERSION, SENT_FRAME_BYTES

ANONYMOUS_MAX: Final = 1_000
HEARTBEAT_MS: Final = MS_PER_SECOND


class Gateway:
    """``verify(public_key, signature, text)`` checks an Ed25519 signature.

    ``private``: public channels need a login too.
    """

    def __init__(
        self, engine: EngineView, *, server_id: str, verify: Verify, private: bool = False
    ) -> None:
        self.engine = engine
        self.server_id = server_id
        self.verify = verify
        self.private = private
        self.outbox = Outbox()
        self.feed = Feed(engine, self.outbox)
        self.directory = Directory(engine, self.outbox)
        self.fleet = Fleet(engine, self.outbox)
        self.sign_ups = SignUps()
        self.accounts = AccountChannel(self.outbox)
        self.instructions = Instructions(self.outbox)
        self.consoles = consoles.Consoles()
        self.key_ends = key_expiry.KeyEnds()
        self.liveness = Liveness(engine.lost_after_ms)
        self.guard = Guard()
        self.uploads = Uploads()
        self.limits = Limits(lambda account: engine.limits(account).orders_per_s)
        self.sessions: dict[int, Session] = {}
        self.listeners: dict[int, Session] = {}
        self.jobs: list[Job] = []
        self.notes = Notes()
        self._anonymous: dict[int, Session] = {}
        self._rows: list[JournalRow] = []
        self._closes: list[tuple[int, int, str]] = []
        self._rests: dict[int, int] = {}
        self._heartbeat_ms: int | None = None
        self._now_ms = engine.now_ms

    # --- what the pumps call ---

    def start(self, now_ms: int) -> None:
        """Journal the start of a run: first thing after the replay, exactly once."""
        self._apply(Command("", "", 0, commands.Started(self.engine.epoch + 1)), self._at(now_ms))
        for host in self.engine.hosts():
            if host.status not in ("pending", "lost"):
                self.liveness.watch(host.host, self._now_ms, silent=host.status == "silent")

    def connect(
        self,
        session_id: int,
        nonce_hex: str,
        codec: str,
        peer: str,
        now_ms: int,
        purpose: Purpose = "trade",
    ) -> None:
        """A connection opened; queues its `Hello`. ``nonce_hex``: 32 fresh random bytes;
        ``codec`` "": the client speaks only other versions of the protocol."""
        spoken = CODECS.get(codec, JSON)
        session = Session(session_id, nonce_hex, spoken, peer, purpose, self._at(now_ms))
        self.sessions[session_id] = session
        if len(self._anonymous) >= ANONYMOUS_MAX:
            self.close(session, CLOSE_TRY_LATER, "too many connections that did not log in")
            return
        if not codec:
            text = f"this exchange speaks version {PROTOCOL_VERSION}"
            self.outbox.send(session, ErrorReply(0, "unsupported_version", text))
            self.close(session, CLOSE_POLICY, "unsupported_version")
            return
        self._anonymous[session_id] = session
        versions = PROTOCOL_VERSION, self._now_ms, PROTOCOL_MINOR
        self.outbox.send(session, Hello(self.server_id, nonce_hex, *versions))

    def receive(self, session_id: int, data: Data, now_ms: int) -> None:
        """A frame arrived. Whatever it holds is answered; this never raises for its content."""
        session = self.sessions.get(session_id)
        if session is None or session.closing:
            return
        now_ms = self._at(now_ms)
        try:
            message = session.codec.decode_request(data)
        except UnreadableError as error:
            self._unreadable(session, error.reply)
            return
        session.bad_in_row = 0
        refused = (
            refusal(session, type(message))
            or self.limits.refusal(session, message, now_ms)
            or self.guard.refusal(session.account, message)
        )
        if refused is not None:
            self.refuse(session, message, refused)
            self._rest(session)
            return
        weight = self.outbox.weight
        if session.host:
            host_speaks(self, session, message, now_ms)
        handler = HANDLERS.get(type(message))
        if handler is not None:
            handler(self, session, message, now_ms)
        else:
            self.command(session, message, now_ms)  # type: ignore[arg-type]
        self.guard.handling = None
        self.limits.answered(session, message, self.outbox.weight - weight, now_ms)

    def fall_behind(self, session_id: int) -> None:
        """The session does not read as fast as it is told: merge what it may be told later."""
        session = self.sessions.get(session_id)
        if session is not None and session.behind is None and not session.closing:
            self.feed.fall_behind(session)

    def catch_up(self, session_id: int) -> None:
        """The session has read all it was sent: tell it the rest, merged, with this batch."""
        session = self.sessions.get(session_id)
        if session is not None and session.behind is not None:
            self.feed.catch_up(session)

    def disconnect(self, session_id: int, clean: bool, now_ms: int) -> None:
        """The connection is gone; ``clean``: the client closed it with code 1000."""
        self._at(now_ms)
        session = self.sessions.pop(session_id, None)
        if session is None:
            return
        session.closing = True
        self.key_ends.forget(session_id)
        self._anonymous.pop(session_id, None)
        self.leave_all(session)
        if session.host:
            self.instructions.log_out(session)
            console_requests.cut_off(self, session)
        if session.cancels_on_drop:
            self.internal(commands.SessionDropped(session_id, clean), now_ms, session.account)

    def advance(self, now_ms: int) -> None:
        """Do what is due: the engine's deadlines, liveness, resends, heartbeats, late logins."""
        now_ms = self._at(now_ms)
        self._settle(now_ms)
        self.liveness.ran(now_ms)
        tell_silence(self, now_ms)
        self.instructions.resend(now_ms)
        console_requests.advance(self, now_ms)
        login.close_expired(self, now_ms)
        self._heartbeats(now_ms)
        self._cut_anonymous(now_ms)

    def next_deadline_ms(self) -> int | None:
        """Return when `advance` wants to be called, None when nothing is waiting."""
        due = [
            self.engine.next_deadline_ms(),
            self.liveness.next_deadline_ms(),
            self.instructions.next_deadline_ms(),
            self.consoles.next_deadline_ms(),
            self.key_ends.next_deadline_ms(),
            self._heartbeat_ms if self._ticking() else None,
        ]
        for session in self._anonymous.values():
            due.append(session.opened_ms + LOGIN_MS)
            break  # they are in the order of their opening
        return min((ms for ms in due if ms is not None), default=None)

    def take(self) -> Batch:
        """Return the batch and begin the next. ``rows`` are durable before anything leaves."""
        self.feed.flush(self._now_ms)
        accounts = self.accounts.take(self._now_ms)
        for row in accounts:
            self.directory.touch(row.account)
        sent, notes = self.outbox.take(), self.notes.take()
        batch = Batch(self._rows, accounts, sent, self._closes, self.jobs, notes, self._rests)
        self._rows, self._closes, self.jobs, self._rests = [], [], [], {}
        return batch

    def internal(self, message: JournalMessage, now_ms: int, account: str = "") -> Done | Refused:
        """Apply and journal what no session waits for: mostly the exchange's own messages."""
        now_ms = self._at(now_ms)
        self._settle(now_ms)
        return self._apply(Command(account, "", 0, message), now_ms)

    def caught_up(self, session_id: int, replay: Replay) -> None:
        """A page of stored account frames went out to the session."""
        session = self.sessions.get(session_id)
        if session is not None and self.accounts.is_paging(session_id, replay):
            account_seq = self.engine.account_seq(session.account)
            self.accounts.resume(session, replay.upto, account_seq)

    def replay(self, command: Command, now_ms: int) -> list[commands.Out]:
        """Apply a journalled command again at the start: state and feed memory, no deliveries."""
        outs = self.engine.apply(command, now_ms)
        self.feed.replayed(outs, now_ms)
        self._now_ms = now_ms
        return outs

    def image_arrived(self, job: ImageJob, message: requests.ImagePut, now_ms: int) -> None:
        """The job's bytes are on disk and verified."""
        image_requests.arrived(self, job, message, self._at(now_ms))

    def shut_down(self) -> None:
        """Tell every connection that the exchange goes down; what they ask after it is refused."""
        self.guard.shutting_down = True
        self.outbox.broadcast(self.sessions.values(), frames.Shutdown(self._now_ms))

    # --- what the handlers in requests.py call ---

    def command(
        self, session: Session, message: JournalMessage, now_ms: int, request: Any = None
    ) -> Done | Refused:
        """Settle, apply, journal, answer, route: in this order.

        ``request`` is what the client sent, when the command is another message.
        """
        self._settle(now_ms)
        command = Command(session.account, session.host, session.number, message, session.key_id)
        return self._apply(command, now_ms, session, request or message)

    def ack(self, session: Session, message: Any, result: Any = None) -> None:
        self.notes.answered(session, message, result)
        self.outbox.send(session, Ack(message.req_id, None, self._now_ms, result))

    def refuse(self, session: Session, message: Any, refused: Refused) -> None:
        """Answer with an error; a report without ``req_id`` gets none."""
        self.notes.refused(session, message, refused)
        req_id = getattr(message, "req_id", None)
        if req_id is not None:
            reason, text = refused.reason, refused.message
            reply = ErrorReply(req_id, reason, text, refused.field, refused.retry_after_ms)
            self.outbox.send(session, reply)
        if refused is TOO_LONG:  # It was put together before it was too long.
            self.outbox.weight += SENT_FRAME_BYTES

    def close(self, session: Session, code: int, reason: str) -> None:
        """End the connection once what it was sent has left; the first reason counts."""
        if session.closing:
            return
        session.closing = True
        self._anonymous.pop(session.number, None)
        self._closes.append((session.number, code, reason))

    def known(self, session: Session) -> None:
        """The session logged in or subscribed: it may stay."""
        self._anonymous.pop(session.number, None)

    def leave_all(self, session: Session) -> None:
        for channel, symbol in list(session.channels):
            channels.leave(self, session, channel, symbol)

    def listens(self, session: Session, public: bool) -> None:
        """The session has a subscription that ticks; heartbeats are for public ones."""
        if self._heartbeat_ms is None or not self._ticking():
            self._heartbeat_ms = self._now_ms + HEARTBEAT_MS
        if public:
            self.listeners[session.number] = session

    # --- inside ---

    def _at(self, now_ms: int) -> int:
        # The pump's clock is monotone; the journal may yet be a moment ahead of it after a start.
        if now_ms > self._now_ms:
            self._now_ms = now_ms
        return self._now_ms

    def _settle(self, now_ms: int) -> None:
        due_ms = self.engine.next_deadline_ms()
        if due_ms is not None and due_ms <= now_ms:
            self._apply(Command("", "", 0, AdvanceTime(forget=True)), now_ms)

    def _apply(
        self, command: Command, now_ms: int, session: Session | None = None, request: Any = None
    ) -> Done | Refused:
        outs = self.engine.apply(command, now_ms)
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
            self._rows.append(JournalRow(self.engine.seq, now_ms, MSGPACK.encode(command)))
            if type(command.message) in CANCEL_MANY:
                self.limits.canceled(command.account, canceled(outs), now_ms)
            if command.account or type(command.message) is not AdvanceTime:
                self.directory.touch(command.account)
        if session is not None:
            self._acknowledge(session, request, reply)
        self._route(outs, now_ms)
        return reply

    def _acknowledge(self, session: Session, message: Any, reply: Done) -> None:
        req_id = getattr(message, "req_id", None)
        if req_id is not None:
            ack = Ack(req_id, self.engine.seq, self._now_ms, reply.result)
            self.outbox.send(session, ack)

    def _route(self, outs: list[commands.Out], now_ms: int) -> None:
        """Account frames before public ones; the reply, at index 0, went out already."""
        public: list[Any] = []
        for index in range(1, len(outs)):
            address, message = outs[index]
            route = ROUTES[type(message)]
            if route == TO_ACCOUNT:
                self.accounts.tell(address, message)  # type: ignore[arg-type]
            elif route == TO_PUBLIC:
                public.append(message)
            else:
                self._instruct(address, message, now_ms)
        for message in public:
            if type(message) is frames.Trade:
                self.feed.trade(message)
            elif type(message) is commands.Forgotten:
                channels.forget(self, message.symbol, now_ms)
            else:
                self.feed.instrument(message)

    def _instruct(self, host: str, instruction: Any, now_ms: int) -> None:
        if not self.instructions.send(host, instruction, now_ms):
            session = self.instructions.session(host)
            assert session is not None, "only a connected host has unconfirmed instructions"
            self.close(session, CLOSE_POLICY, "instructions are not confirmed")

    def _rest(self, session: Session) -> None:
        """Who goes on sending what is refused is read more slowly."""
        if rest_ms := self.limits.rest_ms(session, self._now_ms):
            self._rests[session.number] = rest_ms

    def _unreadable(self, session: Session, reply: ErrorReply) -> None:
        self.outbox.send(session, reply)
        self._rest(session)
        session.bad_in_row += 1
        if session.bad_in_row >= BAD_FRAMES_MAX:
            self.close(session, CLOSE_POLICY, f"{BAD_FRAMES_MAX} unreadable frames in a row")

    def _heartbeats(self, now_ms: int) -> None:
        if self._heartbeat_ms is None or self._heartbeat_ms > now_ms:
            return
        self._heartbeat_ms = now_ms + HEARTBEAT_MS
        self.feed.heartbeat(self.listeners.values(), now_ms)
        self.directory.tick(now_ms)
        self.fleet.tick()

    def _ticking(self) -> bool:
        return bool(self.listeners or self.fleet.sessions)

    def _cut_anonymous(self, now_ms: int) -> None:
        for session in list(self._anonymous.values()):
            if session.opened_ms + LOGIN_MS > now_ms:
                return
            self.close(session, CLOSE_POLICY, "no login or subscription within 10 s")
