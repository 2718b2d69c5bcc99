"""The client end of a virtual WebSocket: login, subscriptions, bytes, reconnecting.

What the network library and `exchange.client` do on a real connection, on virtual time. The node
above it sees messages only. Source: protocol.md, "Login" and "Public channels".
"""

from random import Random
from typing import Any, Protocol

import simpy
from msgspec import Struct

from exchange.units import MS_PER_SECOND
from exchange.wire.codec import JSON
from exchange.wire.frames import (
    Ack,
    BalanceUpdate,
    Charge,
    ErrorReply,
    Heartbeat,
    Hello,
    LeaseUpdate,
    Notice,
    OrderUpdate,
    VmUpdate,
)
from exchange.wire.login import login_message
from exchange.wire.requests import HostHeartbeat, Subscribe
from exchange.wire.types import Channel, Request
from sim.network.identity import Identity
from sim.network.marketplace import Arrived, Hangup, Marketplace, Opened
from sim.network.network import Link
from sim.network.skipped_heartbeats import JITTER_MAX_MS, SkippedHeartbeats
from sim.scenario.tables import Network

RETRY_MIN_MS, RETRY_MAX_MS = MS_PER_SECOND, 5 * MS_PER_SECOND
OWN_REQ_ID = 10**12
"""The connection's own requests are numbered from here; nodes number theirs from 1."""
OF_ACCOUNT = (BalanceUpdate, Charge, LeaseUpdate, Notice, OrderUpdate, VmUpdate)


class Subscription(Struct, frozen=True):
    channel: Channel
    symbol: str | None = None


class Node(Protocol):
    """What sits on a connection."""

    def link_up(self, account_state: Any) -> None:
        """Logged in and subscribed; ``account_state`` is None without an account channel."""

    def link_down(self) -> None: ...

    def receive(self, frame: Any) -> None: ...


class Skipping(Protocol):
    """Who sends no heartbeats for a while, because everybody knows what they would say."""

    def heartbeats_resume(self, after_ms: int) -> None:
        """Those due after ``after_ms`` are to be sent again."""


class Connection:
    """Stays connected until `close`. ``identity`` None: it never logs in (enrollment)."""

    def __init__(
        self,
        marketplace: Marketplace,
        network: Network,
        node: Node,
        random: Random,
        identity: Identity | None,
        subscriptions: list[Subscription],
    ) -> None:
        self._marketplace = marketplace
        self._env = marketplace.env
        self._network = network
        self._node = node
        self._random = random
        self._identity = identity
        self._subscriptions = subscriptions
        self._links: list[Link] = []
        self._session = 0
        self._waiting: dict[int, Subscription | None] = {}
        self._account_state: Any = None
        self._early: list[Any] = []
        """Of the account, from behind its state and before `Node.link_up`."""
        self._last_req_id = OWN_REQ_ID
        self._wanted = False
        self._partitions = 0
        self._skipping: tuple[Skipping, Arrived] | None = None
        self.cut_off = False
        self.up = False

    def open(self) -> None:
        """Dial; after a lost connection this happens by itself."""
        self._wanted = True
        if self.cut_off or not self._marketplace.up:
            self._retry()
            return
        uplink, downlink = (self._link(self._marketplace.pump.put), self._link(self._at_client))
        self._links = [uplink, downlink]
        self._session = self._marketplace.accept(downlink)
        uplink.send(Opened(self._session, "json"))

    def close(self) -> None:
        """Hang up for good; the exchange hears of it."""
        self._wanted = False
        if self._links:
            self._lose(clean=True)

    def lose(self) -> None:
        """The connection breaks, for both ends at once; it is dialed again."""
        if self._links:
            self._lose(clean=False)
        if self._wanted:
            self._retry()

    def give_up(self, partition: int) -> None:
        """Pings went unanswered: if that partition still lasts, the connection breaks."""
        if self.cut_off and self._links and partition == self._partitions:
            self.lose()

    def may_skip_heartbeats(self) -> bool:
        """Tell whether heartbeats may be worked out instead of sent; see `skipped_heartbeats`."""
        calm = self.up and not self.cut_off and self._marketplace.leaves_out
        return calm and self._network.jitter_ms <= JITTER_MAX_MS

    def skip_heartbeats(
        self, who: Skipping, heartbeat: HostHeartbeat, first_ms: int, every_ms: int
    ) -> bool:
        """From ``first_ms`` on each says ``heartbeat``: none is sent until `resume_heartbeats`.

        Return whether that is so: the exchange must think that the host lives.
        """
        skipped = SkippedHeartbeats(self._links[0], first_ms, every_ms)
        if not self._marketplace.skip_heartbeats(self._session, skipped):
            return False
        self._skipping = who, Arrived(self._session, JSON.encode(heartbeat))
        return True

    def resume_heartbeats(self) -> None:
        """The node has something to say: heartbeats are sent again."""
        self._resume_heartbeats(self._env.now_ms)

    def _struck(self) -> None:
        """Something happens to the connection, before what its node does at this time."""
        self._resume_heartbeats(self._env.now_ms - 1)

    def _resume_heartbeats(self, after_ms: int) -> None:
        """Those sent up to ``after_ms`` have arrived, or are under way from now on."""
        if self._skipping is None:
            return
        who, heartbeat = self._skipping
        self._skipping = None
        for arrival_ms in self._marketplace.resume_heartbeats(self._session, after_ms):
            self._links[0].under_way(heartbeat, arrival_ms)
        who.heartbeats_resume(after_ms)

    def vanish(self) -> None:
        """The client's machine is gone; the exchange notices only that nothing comes any more."""
        self._struck()
        self._wanted = self.up = False
        for link in self._links:
            link.close()
        self._links = []

    def partition(self) -> int:
        """Begin a partition between this client and the exchange; return its number."""
        self._struck()
        self.cut_off = True
        self._partitions += 1
        for link in self._links:
            link.cut_off = True
        return self._partitions

    def heal(self) -> None:
        """End the partition."""
        self.cut_off = False
        for link in self._links:
            link.heal()

    def send(self, message: Any) -> None:
        """Encode and send a message; without a connection it is dropped, as a socket would."""
        if self._links:
            self.resume_heartbeats()
            self._links[0].send(Arrived(self._session, JSON.encode(message)))

    def send_heartbeat(self, message: HostHeartbeat) -> None:
        if self._links:
            self._links[0].send_background(Arrived(self._session, JSON.encode(message)))

    def _link(self, deliver: Any) -> Link:
        network = self._network
        return Link(self._env, deliver, network.latency_ms, network.jitter_ms, self._random)

    def _at_client(self, deliveries: Any) -> None:
        if isinstance(deliveries, Hangup):
            self._struck()
            for link in self._links:
                link.close()
            self._links = []
            self._down()
            self._retry()
            return
        for data in deliveries:
            frame = JSON.decode_frame(data)
            if frame is not None:
                self._receive(frame)

    def _receive(self, frame: Any) -> None:
        match frame:
            case Heartbeat():
                return  # the virtual network says itself when it breaks
            case Hello() if self._identity is not None:
                req_id = self._next_req_id(None)
                key_id = self._identity.public_key
                self.send(login_message(key_id, self._identity.sign, frame, req_id))
            case Hello():
                self._ready()
            case Ack() | ErrorReply() if frame.req_id in self._waiting:
                self._answered(frame)
            case _ if isinstance(frame, OF_ACCOUNT) and not self.up:
                self._early.append(frame)
            case _:
                self._node.receive(frame)

    def _answered(self, reply: Ack | ErrorReply) -> None:
        asked = self._waiting.pop(reply.req_id)
        assert isinstance(reply, Ack), f"the exchange refused a simulated login: {reply}"
        if asked is None:
            for subscription in self._subscriptions:
                channel, symbol = subscription.channel, subscription.symbol
                req_id = self._next_req_id(subscription)
                self.send(Subscribe(req_id=req_id, channel=channel, symbol=symbol))
        elif asked.channel == "account":
            self._account_state = reply.result
        if not self._waiting:
            self._ready()

    def _ready(self) -> None:
        self.up = True
        early, self._early = self._early, []
        self._node.link_up(self._account_state)
        for frame in early:
            self._node.receive(frame)

    def _next_req_id(self, subscription: Subscription | None) -> int:
        self._last_req_id += 1
        self._waiting[self._last_req_id] = subscription
        return self._last_req_id

    def _lose(self, clean: bool) -> None:
        self._struck()
        for link in self._links:
            link.close()
        self._links = []
        self._marketplace.forget(self._session, clean)
        self._down()

    def _down(self) -> None:
        self._waiting.clear()
        self._account_state = None
        self._early.clear()
        if self.up:
            self.up = False
            self._node.link_down()

    def _retry(self) -> None:
        delay_ms = self._random.randint(RETRY_MIN_MS, RETRY_MAX_MS)
        self._env.call_in(delay_ms, self._dial_again)

    def _dial_again(self, _: None) -> None:
        if self._wanted and not self._links:
            self.open()


class RequestNode:
    """Sends requests and collects their results, in order: operators, enrolling hosts.

    ``done`` fires when all are answered. A refusal is an error of the simulation itself.
    """

    def __init__(self, env: simpy.Environment, requests: list[Request]) -> None:
        self.done = env.event()
        self.connection: Connection | None = None
        self._requests = requests
        self._results: list[Any] = []

    def link_up(self, account_state: Any) -> None:
        assert self.connection is not None
        for request in self._requests[len(self._results) :]:
            self.connection.send(request)

    def link_down(self) -> None:
        """On a slow network the login may come too late; what is unanswered is sent again."""

    def receive(self, frame: Any) -> None:
        assert isinstance(frame, Ack), f"the exchange refused a step of the set-up: {frame}"
        self._results.append(frame.result)
        if len(self._results) == len(self._requests):
            self.done.succeed(self._results)
