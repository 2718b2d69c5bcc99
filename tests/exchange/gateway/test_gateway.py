"""The gateway on virtual time, without a socket: sessions, hosts, deadlines, journalled rows."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec

from exchange.engine.engine import Engine
from exchange.gateway.batch import Batch
from exchange.gateway.gateway import ANONYMOUS_MAX, Gateway
from exchange.journal.replay import read_command, recorded_events
from exchange.journal.rows import JournalRow
from exchange.keys import public_key_b64, sign_b64, verify
from exchange.model.commands import (
    AdvanceTime,
    Genesis,
    HostBack,
    HostSilent,
    SessionDropped,
)
from exchange.model.config import default_config
from exchange.session.deliveries import Deliveries
from exchange.session.instructions import RESEND_MS
from exchange.session.outbox import Outbox
from exchange.session.session import LOGIN_MS
from exchange.wire.close_codes import CLOSE_BAD_LOGIN, CLOSE_HANDED_OVER
from exchange.wire.codec import CODECS, JSON, MSGPACK
from exchange.wire.frames import Hello
from exchange.wire.login import login_message
from exchange.wire.terms import SILENT_MS
from tests.exchange.support.harness import BIG, OPERATOR, SYMBOL, key_of

START_MS = 1_800_000_000_000
DECODE: dict[str, Callable[[bytes], Any]] = {
    "json": msgspec.json.decode,
    "msgpack": msgspec.msgpack.decode,
}


class Rig:
    """An exchange on virtual time: send dicts, read dicts; keeps every journalled row."""

    outbox: type[Outbox] = Outbox

    def __init__(self, make_engine: type[Engine] = Engine) -> None:
        self.now_ms = START_MS
        self.engine = make_engine(default_config())
        self.gateway = Gateway(self.engine, server_id="rig", verify=verify, outbox=self.outbox())
        self.rows: list[JournalRow] = []
        self.inbox: dict[int, list[dict[str, Any]]] = {}
        self.closed: dict[int, int] = {}
        self.codecs: dict[int, str] = {}
        genesis = Genesis(default_config(), public_key_b64(OPERATOR))
        self.gateway.internal(genesis, self.now_ms)
        self.gateway.start(self.now_ms)
        self.take()
        self._last_session = 0
        self._last_req_id = 0

    def take(self) -> Batch:
        batch = self.gateway.take()
        self.rows += batch.rows
        for number, items in self.sent(batch).items():
            decode = DECODE[self.codecs[number]]
            frames = [decode(item) for item in items if isinstance(item, bytes)]
            self.inbox.setdefault(number, []).extend(frames)
        self.closed |= {number: code for number, code, _ in batch.closes}
        return batch

    def sent(self, batch: Batch) -> Deliveries:
        return batch.deliveries

    def connect(self, codec: str = "json") -> int:
        self._last_session += 1
        self.codecs[self._last_session] = codec
        nonce = f"{self._last_session:064x}"
        self.gateway.connect(self._last_session, nonce, codec, "test", self.now_ms)
        self.take()
        return self._last_session

    def log_in(self, name: str, codec: str = "json") -> int:
        number = self.connect(codec)
        hello = self.inbox[number][-1]
        fields = {field: hello[field] for field in ("server_id", "nonce", "protocol", "ts_ms")}
        key = OPERATOR if name == "operator" else key_of(name)
        public_key = public_key_b64(key)
        message = login_message(public_key, lambda text: sign_b64(key, text), Hello(**fields))
        self.gateway.receive(number, CODECS[codec].encode(message), self.now_ms)
        self.take()
        return number

    def tell(self, number: int, tag: str, **fields: Any) -> None:
        data = CODECS[self.codecs[number]].encode({"type": tag, **fields})
        self.gateway.receive(number, data, self.now_ms)
        self.take()

    def ask(self, number: int, tag: str, **fields: Any) -> dict[str, Any]:
        self._last_req_id += 1
        self.tell(number, tag, req_id=self._last_req_id, **fields)
        return next(
            frame for frame in self.inbox[number] if frame.get("req_id") == self._last_req_id
        )

    def run_to(self, at_ms: int) -> None:
        """Wake at every deadline up to ``at_ms``, as a pump does."""
        while (due_ms := self.gateway.next_deadline_ms()) is not None and due_ms <= at_ms:
            self.now_ms = max(self.now_ms, due_ms)
            self.gateway.advance(self.now_ms)
            self.take()
        self.now_ms = at_ms

    def messages(self) -> list[Any]:
        return [read_command(row).message for row in self.rows]

    def frames(self, number: int, tag: str) -> list[dict[str, Any]]:
        return [frame for frame in self.inbox.get(number, []) if frame["type"] == tag]


def trading(make_engine: type[Engine] = Engine, make_rig: type[Rig] = Rig) -> tuple[Rig, int]:
    """Return a rig on which alice is logged in with money."""
    rig = make_rig(make_engine)
    operator = rig.log_in("operator")
    public_key = public_key_b64(key_of("alice"))
    rig.ask(operator, "admin.account", account="alice", name="Alice")
    rig.ask(
        operator,
        "admin.key",
        account="alice",
        key_id="alice-1",
        public_key=public_key,
        role="trader",
    )
    rig.ask(operator, "admin.deposit", account="alice", amount_ucr=10**9, ref="1")
    return rig, rig.log_in("alice")


def hosting(make_engine: type[Engine] = Engine, make_rig: type[Rig] = Rig) -> tuple[Rig, int, int]:
    """Return a rig, alice's session and the session of her live host."""
    rig, alice = trading(make_engine, make_rig)
    digest = sha256(b"secret").hexdigest()
    rig.ask(alice, "host.token", zone="eu-de", token_sha256=digest, uses=1, ttl_s=60)
    assert enroll(rig, "secret", "host")["result"]["status"] == "approved"
    host = rig.log_in("host")
    be_live(rig, host)
    return rig, alice, host


def enroll(rig: Rig, token: str, key: str, **more: Any) -> dict[str, Any]:
    public_key = public_key_b64(key_of(key))
    fields = {"name": "server", "hardware_id": "hw", "public_key": public_key, **more}
    return rig.ask(rig.connect(), "host.enroll", token=token, **fields)


def be_live(rig: Rig, host: int) -> None:
    (sync,) = rig.frames(host, "host.sync")[-1:]
    rig.tell(host, "host.synced", instruction_id=sync["instruction_id"], boot_id="b", vms=[])
    capacity = msgspec.to_builtins(BIG)
    reply = rig.ask(
        host,
        "host.announce",
        capacity=capacity,
        offered=capacity,
        classes=["small"],
        cpu_model="x",
        accel="simulated",
        agent_version="1",
        boot_id="b",
    )
    assert reply["type"] == "ack", reply


def order(rig: Rig, number: int, name: str, side: str = "buy", **more: Any) -> dict[str, Any]:
    fields = {"symbol": SYMBOL, "order_type": "limit", "qty": 1, "price_ucr": 100} | more
    return rig.ask(number, "order.place", client_order_id=name, side=side, **fields)


def test_the_secret_of_a_token_never_reaches_the_journal() -> None:
    rig, _, _ = hosting()
    assert not any(b"secret" in row.body for row in rig.rows)


def test_who_neither_logs_in_nor_subscribes_is_cut() -> None:
    rig = Rig()
    idle, listener = rig.connect(), rig.connect()
    rig.ask(listener, "subscribe", channel="instruments")
    rig.run_to(START_MS + LOGIN_MS)
    assert rig.closed == {idle: 1008}


def test_anonymous_connections_have_a_bound() -> None:
    rig = Rig()
    for _ in range(ANONYMOUS_MAX):
        rig.connect()
    assert not rig.closed
    late = rig.connect()
    assert rig.closed == {late: 1013}
    rig.gateway.disconnect(1, False, rig.now_ms)
    rig.connect()
    assert rig.closed == {late: 1013}


def test_heartbeats_go_to_listeners_once_a_second() -> None:
    rig = Rig()
    listener = rig.connect()
    rig.ask(listener, "subscribe", channel="instruments")
    rig.run_to(START_MS + 5_000)
    assert [beat["ts_ms"] - START_MS for beat in rig.frames(listener, "heartbeat")] == [
        1_000,
        2_000,
        3_000,
        4_000,
        5_000,
    ]
    rig.ask(listener, "unsubscribe", channel="instruments")
    rig.run_to(START_MS + 9_000)
    assert len(rig.frames(listener, "heartbeat")) == 5


def test_refusals_reads_and_duplicates_leave_no_row() -> None:
    rig, alice = trading()
    order(rig, alice, "a")
    before = len(rig.rows)
    state_hash = rig.engine.state_hash()
    assert order(rig, alice, "a")["result"]["duplicate"]
    assert order(rig, alice, "b", qty=10**6, price_ucr=10**9)["reason"] == "insufficient_funds"
    assert rig.ask(alice, "account.state")["type"] == "ack"
    assert rig.ask(alice, "order.cancel", order_id="o-99")["reason"] == "unknown_order"
    assert (len(rig.rows), rig.engine.state_hash()) == (before, state_hash)


def test_an_unconfirmed_instruction_is_sent_again_until_confirmed() -> None:
    rig, _, older = hosting()
    rig.gateway.disconnect(older, False, rig.now_ms)
    host = rig.log_in("host")
    rig.run_to(rig.now_ms + 2 * RESEND_MS)
    syncs = rig.frames(host, "host.sync")
    assert len(syncs) == 3
    assert len({sync["instruction_id"] for sync in syncs}) == 1
    be_live(rig, host)
    rig.run_to(rig.now_ms + 2 * RESEND_MS)
    assert len(rig.frames(host, "host.sync")) == 3


def test_the_newest_login_of_a_host_that_reports_counts() -> None:
    rig, _, older = hosting()
    newer = rig.log_in("host")
    be_live(rig, newer)
    assert rig.closed == {older: CLOSE_HANDED_OVER}
    rig.gateway.disconnect(older, False, rig.now_ms)
    rig.run_to(rig.now_ms + RESEND_MS)
    assert len(rig.frames(newer, "host.sync")) == 3, "the older session's end is not the host's"


def test_a_login_that_reports_nothing_ends_no_agent() -> None:
    """A command run with a host's key by mistake. (Seen to fail while the login alone counted.)"""
    rig, alice, agent = hosting()
    stray = rig.log_in("host")
    assert len(rig.frames(stray, "host.sync")) == 1, "it may be an agent: it learns what to run"
    assert rig.ask(stray, "account.state")["reason"] == "forbidden"
    assert rig.ask(stray, "directory.search")["type"] == "ack"
    assert rig.closed == {}
    rig.gateway.disconnect(stray, True, rig.now_ms)
    order(rig, alice, "ask", "sell")
    order(rig, alice, "bid", stp="cancel_oldest")
    rig.ask(alice, "host.offer", host="h-1", residual_below_pct=50)
    assert rig.frames(agent, "host.limit"), "instructions still go to the agent"


def test_logins_of_a_host_that_report_nothing_do_not_pile_up() -> None:
    """(Seen to fail while all of them were kept: hosts count for no bound of the account.)"""
    rig, _, _ = hosting()
    first, second = rig.log_in("host"), rig.log_in("host")
    assert rig.closed == {first: CLOSE_HANDED_OVER}
    rig.gateway.disconnect(first, False, rig.now_ms)
    third = rig.log_in("host")
    assert rig.closed == {first: CLOSE_HANDED_OVER, second: CLOSE_HANDED_OVER}
    be_live(rig, third)


def test_a_login_that_waits_takes_over_when_the_agent_is_gone() -> None:
    rig, _, older = hosting()
    newer = rig.log_in("host")
    rig.gateway.disconnect(older, False, rig.now_ms)
    rig.tell(newer, "host.heartbeat", load={"cpu_pct": 1, "mem_pct": 1}, vms=0)
    assert rig.closed == {}
    assert len(rig.frames(newer, "host.sync")) == 2, "what happened meanwhile is in the second"
    be_live(rig, newer)


def test_enrolling_again_ends_the_connections_of_the_key_before() -> None:
    """(Seen to fail while only `admin.key_revoke` closed them.)"""
    rig, alice, host = hosting()
    digest = sha256(b"again").hexdigest()
    rig.ask(alice, "host.token", zone="eu-de", token_sha256=digest, uses=1, ttl_s=60)
    assert enroll(rig, "wrong", "newer")["reason"] == "bad_token"
    assert rig.closed == {}
    assert enroll(rig, "again", "newer", take_over=True)["result"]["again"]
    assert rig.closed == {host: CLOSE_BAD_LOGIN}
    assert enroll(rig, "again", "newer")["type"] == "ack", "asked again, nothing more is closed"
    assert rig.closed == {host: CLOSE_BAD_LOGIN}
    rows = len(rig.rows)
    rig.tell(host, "host.synced", instruction_id="i", boot_id="b", vms=[])
    assert len(rig.rows) == rows, "the older one is not heard any more"
    be_live(rig, rig.log_in("newer"))


def test_a_connection_ends_when_its_key_has_expired() -> None:
    """(Seen to fail while only the next login was refused.)"""
    rig, alice = trading()
    operator = rig.log_in("operator")
    public_key, ends_ms = public_key_b64(key_of("guest")), rig.now_ms + 5_000
    fields = {"key_id": "guest", "account": "alice", "role": "viewer", "public_key": public_key}
    rig.ask(operator, "admin.key", **fields, not_after_ms=ends_ms)
    guest, gone = rig.log_in("guest"), rig.log_in("guest")
    rig.gateway.disconnect(gone, True, rig.now_ms)
    rig.run_to(ends_ms - 1)
    assert rig.closed == {}
    rig.run_to(ends_ms)
    assert rig.closed == {guest: CLOSE_BAD_LOGIN}
    late = rig.log_in("guest")
    assert rig.closed == {guest: CLOSE_BAD_LOGIN, late: CLOSE_BAD_LOGIN}
    assert rig.ask(alice, "order.list")["type"] == "ack"


def test_a_silent_host_loses_its_asks_and_comes_back() -> None:
    rig, alice, host = hosting()
    assert order(rig, alice, "ask", side="sell")["type"] == "ack"
    rig.run_to(rig.now_ms + SILENT_MS)
    silent = [message for message in rig.messages() if isinstance(message, HostSilent)]
    assert len(silent) == 1
    assert rig.ask(alice, "order.list")["result"]["orders"] == []
    rig.tell(host, "host.heartbeat", load={"cpu_pct": 1, "mem_pct": 1}, vms=0)
    assert isinstance(rig.messages()[-1], HostBack)
    be_live(rig, host)
    assert order(rig, alice, "again", side="sell")["type"] == "ack"


def test_a_drop_cancels_and_a_goodbye_does_not() -> None:
    for clean, left in ((False, 1), (True, 2)):
        rig, alice = trading()
        order(rig, alice, "kept")
        armed = rig.log_in("alice")
        assert rig.ask(armed, "order.cancel_on_disconnect", enabled=True)["type"] == "ack"
        order(rig, armed, "dropped")
        rig.gateway.disconnect(armed, clean, rig.now_ms)
        rig.take()
        assert isinstance(rig.messages()[-1], SessionDropped)
        assert len(rig.ask(alice, "order.list")["result"]["orders"]) == left


def test_deadlines_are_rows_and_the_rows_alone_give_the_same_events() -> None:
    rig, alice, host = hosting()
    order(rig, alice, "gtd", time_in_force="gtd", expire_ms=rig.now_ms + 1_000)
    order(rig, alice, "ask", side="sell")
    rig.now_ms += 60_000
    # A late timer: the refused order below must not leave the expiry unjournalled.
    assert order(rig, alice, "x", qty=10**6, price_ucr=10**9)["type"] == "error"
    assert any(isinstance(message, AdvanceTime) for message in rig.messages())
    rig.run_to(rig.now_ms + 2 * SILENT_MS)
    rig.tell(host, "host.heartbeat", load={"cpu_pct": 1, "mem_pct": 1}, vms=0)
    replayed = Engine(default_config())
    for _ in recorded_events(replayed.apply, rig.rows):
        pass
    assert replayed.state_hash() == rig.engine.state_hash()
    assert [row.seq for row in rig.rows] == list(range(1, len(rig.rows) + 1))


def test_msgpack_and_json_sessions_get_the_same_frames() -> None:
    rig, alice = trading()
    rig.ask(alice, "subscribe", channel="account")
    nonce = "0" * 64
    rig.gateway.connect(77, nonce, "msgpack", "test", rig.now_ms)
    rig.gateway.take()
    public_key = public_key_b64(key_of("alice"))
    sign = key_of("alice")
    hello = Hello("rig", nonce, 1, rig.now_ms)
    message = login_message(public_key, lambda text: sign_b64(sign, text), hello)
    rig.gateway.receive(77, MSGPACK.encode(message), rig.now_ms)
    subscribe = {"type": "subscribe", "req_id": 2, "channel": "account"}
    rig.gateway.receive(77, MSGPACK.encode(subscribe), rig.now_ms)
    rig.gateway.take()
    order_a = {
        "type": "order.place",
        "req_id": 9,
        "client_order_id": "a",
        "symbol": SYMBOL,
        "side": "buy",
        "order_type": "limit",
        "qty": 1,
        "price_ucr": 5,
    }
    rig.gateway.receive(alice, JSON.encode(order_a), rig.now_ms)
    deliveries = rig.gateway.take().deliveries
    json_bytes = [item for item in deliveries[alice] if isinstance(item, bytes)]
    pack_bytes = [item for item in deliveries[77] if isinstance(item, bytes)]
    json_frames = [msgspec.json.decode(item) for item in json_bytes]
    pack_frames = [msgspec.msgpack.decode(item) for item in pack_bytes]
    assert [frame["type"] for frame in json_frames] == ["ack", "order.update", "balance.update"]
    assert pack_frames == json_frames[1:]
