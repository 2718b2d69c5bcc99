"""A grouped outbox sends each session the same bytes, in the same order, as an `Outbox`.

Two exchanges get the same commands; the entries of the one are added up naively.
"""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.gateway.batch import Batch
from exchange.gateway.streams import CHANNELS
from exchange.links.members import Members
from exchange.session.deliveries import Deliveries, Delivery, ForGroup, ForOne, Joined, Left
from exchange.session.grouped_outbox import GroupedOutbox
from exchange.units import MS_PER_HOUR
from exchange.wire.codec import CODECS
from tests.exchange.feed.test_forgetting import open_bob, window_of
from tests.exchange.gateway.test_gateway import Rig, hosting
from tests.exchange.support.harness import SYMBOL

LISTENER = 3
"""The place of the first; before it are alice, bob and the operator."""
HOURS = 30
"""After so many the first window is forgotten."""


class GroupedRig(Rig):
    """Adds the entries up: each group a set of sessions, each frame to all that are in it."""

    outbox = GroupedOutbox

    def __init__(self, *args: Any) -> None:
        self.members: dict[int, set[int]] = {}
        self.quick = Members[Delivery]()
        self.entered: set[int] = set()
        self.gone: set[int] = set()
        super().__init__(*args)

    def sent(self, batch: Batch) -> Deliveries:
        found = self.naive(batch)
        assert self.by_members(batch) == {
            who: items for who, items in found.items() if items and who in self.entered
        }
        batch.entries = []
        return found

    def by_members(self, batch: Batch) -> Deliveries:
        """The same as it is done where the sockets are."""
        for number in self.codecs.keys() - self.entered - self.gone:
            self.entered.add(number)
            self.quick.enter(number, CODECS[self.codecs[number]].index)
        for entry in batch.entries:
            match entry:
                case ForOne(session, items):
                    self.quick.one(session, items)
                case Joined(group, session):
                    self.quick.join(group, session)
                case Left(group, session):
                    self.quick.leave(group, session)
                case ForGroup(group, frames):
                    self.quick.show(group, frames)
        return {who: items for who, items in self.quick.take().items() if items}

    def drop(self, number: int) -> None:
        """The socket is gone."""
        self.gone.add(number)
        self.entered.discard(number)
        self.quick.drop(number)

    def naive(self, batch: Batch) -> Deliveries:
        assert batch.deliveries == {}
        found: Deliveries = {}
        for entry in batch.entries:
            match entry:
                case ForOne(session, items):
                    found.setdefault(session, []).extend(items)
                case Joined(group, session):
                    members = self.members.setdefault(group, set())
                    assert session not in members
                    members.add(session)
                case Left(group, session):
                    self.members[group].remove(session)
                case ForGroup(group, frames):
                    for session in self.members[group]:
                        data = frames[CODECS[self.codecs[session]].index]
                        found.setdefault(session, []).append(data)
        return found


class Twins:
    """Two exchanges that get the same commands: alice sells from her host, bob buys, the operator
    looks on, and listeners come and go."""

    def __init__(self) -> None:
        self.rigs: list[Rig] = []
        for make_rig in (Rig, GroupedRig):
            rig, alice, host = hosting(make_rig=make_rig)
            open_bob(rig)
            self.sessions = [alice, rig.log_in("bob", "msgpack"), rig.log_in("operator")]
            self.rigs.append(rig)
        self.host = host
        self.symbols = [SYMBOL, window_of(self.rigs[0])]
        self._last_req_id = 10_000
        for number in range(4):
            self.connect("msgpack" if number % 2 else "json")
        for who in range(LISTENER, 7):
            for channel in ("book", "trades", "ticker", "candles", "instruments"):
                self.subscribe(who, channel, 0, who % 2)
        self.take()

    def do(self, what: str, *args: Any) -> None:
        getattr(self, what)(*args)

    def tell(self, number: int, tag: str, **fields: Any) -> None:
        self._last_req_id += 1
        for rig in self.rigs:
            message = {"type": tag, "req_id": self._last_req_id, **fields}
            data = CODECS[rig.codecs[number]].encode(message)
            rig.gateway.receive(number, data, rig.now_ms)

    # --- what may happen ---

    def connect(self, codec: str) -> None:
        self.take()
        numbers = [rig.connect(codec) for rig in self.rigs]
        self.sessions.append(numbers[0])

    def order(self, side: str, price: int, qty: int, symbol: int) -> None:
        self.tell(
            self.sessions[side == "buy"],
            "order.place",
            client_order_id=f"o-{self._last_req_id}",
            symbol=self.symbols[symbol],
            side=side,
            order_type="limit",
            qty=qty,
            price_ucr=100 + price,
        )

    def cancel(self, who: int) -> None:
        self.tell(self.sessions[who % 2], "order.mass_cancel")

    def subscribe(self, who: int, channel: str, symbol: int, extra: int) -> None:
        fields = self._channel(channel, symbol)
        if channel == "book" and extra:
            fields["depth"] = 0
        if channel == "candles":
            fields["interval_ms"] = 1_000 if extra else 60_000
        if channel == "account" and extra:
            fields["resume_from"] = 0
        self.tell(self._any(who), "subscribe", **fields)

    def unsubscribe(self, who: int, channel: str, symbol: int) -> None:
        self.tell(self._any(who), "unsubscribe", **self._channel(channel, symbol))

    def slow(self, who: int) -> None:
        for rig in self.rigs:
            rig.gateway.fall_behind(self._any(who))

    def drained(self, who: int) -> None:
        for rig in self.rigs:
            rig.gateway.catch_up(self._any(who))

    def drop(self, who: int, clean: bool) -> None:
        if len(self.sessions) > LISTENER:
            number = self.sessions.pop(LISTENER + who % (len(self.sessions) - LISTENER))
            for rig in self.rigs:
                if isinstance(rig, GroupedRig):
                    rig.drop(number)
                rig.gateway.disconnect(number, clean, rig.now_ms)

    def beat(self, load: int) -> None:
        fields = {"load": {"cpu_pct": load, "mem_pct": 1}, "vms": 0}
        for rig in self.rigs:
            data = CODECS["json"].encode({"type": "host.heartbeat", **fields})
            rig.gateway.receive(self.host, data, rig.now_ms)

    def halt(self, on: bool) -> None:
        self.tell(self.sessions[2], "admin.halt", symbol=SYMBOL, halted=on)

    def wait(self, ms: int) -> None:
        self.take()
        for rig in self.rigs:
            rig.run_to(rig.now_ms + ms)
        self.take()

    def hours(self) -> None:
        """Without a wake-up in between, windows end and are forgotten."""
        for _ in range(HOURS):
            for rig in self.rigs:
                rig.now_ms += MS_PER_HOUR
                rig.gateway.advance(rig.now_ms)
            self.take()

    def end(self) -> None:
        for rig in self.rigs:
            rig.gateway.shut_down()
        self.take()
        assert self.rigs[0].rows == self.rigs[1].rows
        assert self.rigs[0].engine.state_hash() == self.rigs[1].engine.state_hash()

    # --- what is compared ---

    def take(self) -> None:
        """End the batch of both, and compare all of it."""
        batches = [rig.gateway.take() for rig in self.rigs]
        sent = [rig.sent(batch) for rig, batch in zip(self.rigs, batches, strict=True)]
        ours, theirs = ({who: items for who, items in one.items() if items} for one in sent)
        assert ours == theirs
        for batch in batches:
            batch.deliveries = {}
        assert batches[0] == batches[1]
        weights = [rig.gateway.context.outbox.weight for rig in self.rigs]
        assert weights[0] == weights[1]
        unpaid = [
            [session.unpaid for session in rig.gateway.sessions.values()] for rig in self.rigs
        ]
        assert unpaid[0] == unpaid[1]
        # What a rig took by itself, when it connected or waited.
        assert self.rigs[0].inbox == self.rigs[1].inbox
        for rig in self.rigs:
            rig.inbox.clear()

    def _channel(self, channel: str, symbol: int) -> dict[str, Any]:
        if channel in ("instruments", "directory", "account", "fleet"):
            return {"channel": channel}
        if channel == "ticker" and symbol == 2:
            return {"channel": channel}
        return {"channel": channel, "symbol": self.symbols[symbol % 2]}

    def _any(self, who: int) -> int:
        return self.sessions[who % len(self.sessions)]


WHO = st.integers(0, 6)
CHANNEL = st.sampled_from([*CHANNELS, "book", "ticker"])
SYMBOLS = st.integers(0, 2)
ORDER = st.tuples(
    st.just("order"),
    st.sampled_from(["buy", "sell"]),
    st.integers(0, 3),
    st.integers(1, 3),
    st.integers(0, 1),
)
ACT = st.one_of(
    ORDER,
    ORDER,
    ORDER,
    st.tuples(st.just("subscribe"), WHO, CHANNEL, SYMBOLS, st.integers(0, 1)),
    st.tuples(st.just("subscribe"), WHO, CHANNEL, SYMBOLS, st.integers(0, 1)),
    st.tuples(st.just("unsubscribe"), WHO, CHANNEL, SYMBOLS),
    st.tuples(st.just("slow"), WHO),
    st.tuples(st.just("drained"), WHO),
    st.tuples(st.just("take")),
    st.tuples(st.just("take")),
    st.tuples(st.just("wait"), st.sampled_from([0, 1_000, 1_500, 61_000])),
    st.tuples(st.just("drop"), WHO, st.booleans()),
    st.tuples(st.just("connect"), st.sampled_from(["json", "msgpack"])),
    st.tuples(st.just("cancel"), WHO),
    st.tuples(st.just("beat"), st.integers(0, 99)),
    st.tuples(st.just("halt"), st.booleans()),
    st.tuples(st.just("hours")),
)


@settings(max_examples=40)
@given(st.lists(ACT, min_size=40, max_size=80))
def test_each_session_is_sent_the_same_bytes_in_the_same_order(acts: list[tuple[Any, ...]]) -> None:
    twins = Twins()
    for act in acts:
        twins.do(*act)
    twins.take()
    twins.end()
