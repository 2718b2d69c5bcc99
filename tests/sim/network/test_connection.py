"""The client end of a virtual connection: what its node hears, and in which order."""

from random import Random
from typing import Any

from exchange.model.config import default_config
from exchange.wire.codec import JSON
from exchange.wire.frames import Ack, BalanceUpdate, Hello
from sim.network.clock import VirtualTime
from sim.network.connection import OWN_REQ_ID, Connection, Subscription
from sim.network.identity import Identity
from sim.network.marketplace import Marketplace
from sim.scenario.tables import Network


class Hearing:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def link_up(self, account_state: Any) -> None:
        self.heard.append(account_state)

    def link_down(self) -> None:
        self.heard.append("down")

    def receive(self, frame: Any) -> None:
        self.heard.append(frame)


def test_what_happens_behind_the_account_state_is_heard_behind_it() -> None:
    """While the other channels are still subscribed to. (Seen to fail: the node heard of a lease,
    then got the older state, and never gave that lease back.)"""
    env, node = VirtualTime(), Hearing()
    market = Marketplace(env, default_config(), Random(1))
    channels = [Subscription("account"), Subscription("fleet")]
    connection = Connection(market, Network(), node, Random(2), Identity(1, "ann"), channels)
    news = BalanceUpdate(account_seq=8, seq=9, ts_ms=0, available_ucr=1, held_ucr=0, why="trade")
    frames = [
        Hello(server_id="sim", nonce="00" * 32, protocol=1, ts_ms=0),
        Ack(req_id=OWN_REQ_ID + 1),
        Ack(req_id=OWN_REQ_ID + 2, result={"account_seq": 7}),
        news,
        Ack(req_id=OWN_REQ_ID + 3),
    ]
    connection._at_client([JSON.encode(frame) for frame in frames])
    assert node.heard == [{"account_seq": 7}, news]
