"""The gateway that the pumps call: connections and frames in, one batch out. Pure.

The live server and the simulator use it alike: both call `connect`, `receive`, `disconnect` and
`advance` with the time as an argument, then `take` the batch. The live pump makes the batch's rows
durable before it sends anything; the gateway does not know about that. Each request has a handler,
which gets a `context.Context`.
"""

from itertools import islice
from typing import Final

from exchange.engine.engine import Engine
from exchange.gateway import console_requests, image_requests, login
from exchange.gateway.batch import Batch
from exchange.gateway.context import Context
from exchange.gateway.host_sessions import alive, host_speaks, journal_silence
from exchange.gateway.requests import HANDLERS
from exchange.model import commands
from exchange.model.commands import Command, JournalMessage
from exchange.session.deliveries import Replay
from exchange.session.outbox import ImageJob, Outbox
from exchange.session.session import BAD_FRAMES_MAX, LOGIN_MS, Purpose, Session, refusal
from exchange.wire import frames, requests
from exchange.wire.close_codes import CLOSE_POLICY, CLOSE_TRY_LATER
from exchange.wire.codec import CODECS, JSON, Data, UnreadableError
from exchange.wire.frames import ErrorReply, Hello
from exchange.wire.login import Verify
from exchange.wire.results import Done, Refused
from exchange.wire.types import PROTOCOL_MINOR, PROTOCOL_VERSION

ANONYMOUS_MAX: Final = 1_000


class Gateway:
    """``verify(public_key, signature, text)`` checks an Ed25519 signature.

    ``private``: public channels need a login too. ``outbox``: a `GroupedOutbox` where other
    processes hold the sockets.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        server_id: str,
        verify: Verify,
        private: bool = False,
        outbox: Outbox | None = None,
    ) -> None:
        self.context = context = Context(engine, server_id, verify, private, outbox or Outbox())
        # Short names for what the shell reads.
        self.engine = engine
        self.sessions = context.sessions
        self.feed, self.accounts = context.streams.feed, context.streams.accounts
        self.guard, self.limits, self.uploads = context.guard, context.limits, context.uploads
        self.notes, self.sign_ups = context.notes, context.sign_ups

    def start(self, now_ms: int) -> None:
        """Journal the start of a run: first thing after the replay, exactly once."""
        context, now_ms = self.context, self.context.at(now_ms)
        started = commands.Started(self.engine.epoch + 1, self.engine.now_ms)
        context.apply(Command("", "", 0, started), now_ms)
        for host in self.engine.hosts():
            if host.status not in ("pending", "lost"):
                context.liveness.watch(host.host, now_ms, silent=host.status == "silent")

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
        context, now_ms = self.context, self.context.at(now_ms)
        session = Session(session_id, nonce_hex, spoken, peer, purpose, now_ms)
        context.outbox.join(context.everybody, session)
        if len(context.anonymous) >= ANONYMOUS_MAX:
            context.close(session, CLOSE_TRY_LATER, "too many connections that did not log in")
            return
        if not codec:
            text = f"this exchange speaks version {PROTOCOL_VERSION}"
            context.outbox.send(session, ErrorReply(0, "unsupported_version", text))
            context.close(session, CLOSE_POLICY, "unsupported_version")
            return
        context.anonymous[session_id] = session
        versions = PROTOCOL_VERSION, now_ms, PROTOCOL_MINOR
        context.outbox.send(session, Hello(context.server_id, nonce_hex, *versions, context.branch))

    def receive(self, session_id: int, data: Data, now_ms: int) -> None:
        """A frame arrived. Every content gets an answer; none makes this raise."""
        session = self.sessions.get(session_id)
        if session is None or session.closing:
            return
        context = self.context
        now_ms = context.at(now_ms)
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
            context.refuse(session, message, refused)
            self._rest(session)
            return
        weight = context.outbox.weight
        if session.host:
            host_speaks(context, session, message, now_ms)
        handler = HANDLERS.get(type(message))
        if handler is not None:
            handler(context, session, message, now_ms)
        else:
            context.command(session, message, now_ms)  # type: ignore[arg-type]
        self.guard.handling = None
        self.limits.answered(session, message, context.outbox.weight - weight, now_ms)

    def fall_behind(self, session_id: int) -> None:
        """The session reads too slowly: merge updates that can wait."""
        session = self.sessions.get(session_id)
        if session is not None and session.behind is None and not session.closing:
            self.feed.fall_behind(session)

    def catch_up(self, session_id: int) -> None:
        """The session has read everything it was sent: send it the merged updates with this
        batch."""
        session = self.sessions.get(session_id)
        if session is not None and session.behind is not None:
            self.feed.catch_up(session)

    def alive(self, session_ids: list[int], now_ms: int) -> None:
        """Each session's host said again what its last heartbeat said; its door kept it."""
        context, now_ms = self.context, self.context.at(now_ms)
        for session_id in session_ids:
            session = self.sessions.get(session_id)
            if session is not None and session.host and not session.closing:
                context.streams.fleet.heard_again(session.host, now_ms)
                alive(context, session, now_ms)

    def disconnect(self, session_id: int, clean: bool, now_ms: int) -> None:
        """The connection is gone; ``clean``: the client closed it with code 1000."""
        context = self.context
        context.at(now_ms)
        session = self.sessions.get(session_id)
        if session is None:
            return
        session.closing = True
        context.outbox.leave(context.everybody, session)
        context.key_expiry.forget(session_id)
        context.anonymous.pop(session_id, None)
        context.streams.leave_all(session)
        context.claims.release(session_id)
        if session.host:
            context.instructions.log_out(session)
            console_requests.cut_off(context, session)
        if session.cancels_on_drop:
            context.internal(commands.SessionDropped(session_id, clean), now_ms, session.account)

    def advance(self, now_ms: int) -> None:
        """Do what is due: `do_due`, then the tick of once a second."""
        self.do_due(now_ms)
        self.tick(now_ms)

    def do_due(self, now_ms: int) -> None:
        """Do what is due but the tick: the engine's deadlines, liveness, resends, late logins."""
        context = self.context
        now_ms = context.at(now_ms)
        context.settle(now_ms)
        context.liveness.ran(now_ms)
        journal_silence(context, now_ms)
        context.instructions.resend(now_ms)
        console_requests.advance(context, now_ms)
        login.close_expired(context, now_ms)
        self._cut_anonymous(now_ms)

    def tick(self, now_ms: int) -> None:
        """Once a second: heartbeats, and what changed in directory and fleet."""
        self.context.streams.advance(self.context.at(now_ms))

    def next_deadline_ms(self) -> int | None:
        """Return when to call `advance` next, None when nothing is waiting."""
        context = self.context
        routine = context.liveness.next_deadline_ms(), context.streams.next_deadline_ms()
        return _first(self.next_due_ms(), *routine)

    def next_due_ms(self) -> int | None:
        """Return when `do_due` next has anything to do, None when nothing is waiting.

        For a pump in virtual time, which cannot stall and leaves out ticks that tell nothing.
        """
        context = self.context
        late_login = [session.opened_ms + LOGIN_MS for session in _eldest(context.anonymous)]
        return _first(
            self.engine.next_deadline_ms(),
            context.liveness.silent_ms(),
            context.instructions.next_deadline_ms(),
            context.consoles.next_deadline_ms(),
            context.key_expiry.next_deadline_ms(),
            *late_login,
        )

    def take(self) -> Batch:
        """Return the batch and begin the next. ``rows`` are durable before anything leaves."""
        return self.context.take()

    def internal(self, message: JournalMessage, now_ms: int, account: str = "") -> Done | Refused:
        """Apply and journal what no session waits for, as the first row of a journal."""
        return self.context.internal(message, now_ms, account)

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
        self.context.now_ms = now_ms
        return outs

    def image_arrived(self, job: ImageJob, message: requests.ImagePut, now_ms: int) -> None:
        """The job's bytes are on disk and verified."""
        image_requests.arrived(self.context, job, message, self.context.at(now_ms))

    def shut_down(self) -> None:
        """Send every connection the shutdown frame; later requests are refused."""
        self.guard.shutting_down = True
        context = self.context
        context.outbox.broadcast(context.everybody, frames.Shutdown(context.now_ms))

    def _rest(self, session: Session) -> None:
        """A client that goes on sending refused requests is read more slowly."""
        if rest_ms := self.limits.rest_ms(session, self.context.now_ms):
            self.context.rests[session.number] = rest_ms

    def _unreadable(self, session: Session, reply: ErrorReply) -> None:
        self.context.outbox.send(session, reply)
        self._rest(session)
        session.bad_in_row += 1
        if session.bad_in_row >= BAD_FRAMES_MAX:
            text = f"{BAD_FRAMES_MAX} unreadable frames in a row"
            self.context.close(session, CLOSE_POLICY, text)

    def _cut_anonymous(self, now_ms: int) -> None:
        for session in list(self.context.anonymous.values()):
            if session.opened_ms + LOGIN_MS > now_ms:
                return
            text = "no login or subscription within 10 s"
            self.context.close(session, CLOSE_POLICY, text)


def _first(*times_ms: int | None) -> int | None:
    return min((ms for ms in times_ms if ms is not None), default=None)


def _eldest(sessions: dict[int, Session]) -> list[Session]:
    """Return the first of ``sessions``, which are in the order of their opening."""
    return list(islice(sessions.values(), 1))
