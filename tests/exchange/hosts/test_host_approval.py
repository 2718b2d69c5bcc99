"""A host that enrolled with a token of many uses waits for its owner, connected or not."""

from hashlib import sha256

import msgspec

from tests.exchange.gateway.test_gateway import Rig, be_live, enroll, order, trading
from tests.exchange.support.harness import BIG

ANNOUNCE = {
    "capacity": msgspec.to_builtins(BIG),
    "offered": msgspec.to_builtins(BIG),
    "classes": ["small"],
    "cpu_model": "x",
    "accel": "simulated",
    "agent_version": "1",
    "boot_id": "b",
}


def waiting() -> tuple[Rig, int, int]:
    """Return a rig, alice's session and that of her host, which she has not let in."""
    rig, alice = trading()
    digest = sha256(b"many").hexdigest()
    rig.ask(alice, "host.token", zone="eu-de", token_sha256=digest, uses=2, ttl_s=60)
    assert enroll(rig, "many", "host")["result"]["status"] == "pending"
    return rig, alice, rig.log_in("host")


def test_a_connected_host_is_synced_again_when_it_is_let_in() -> None:
    """It learns so that it was let in. (Seen to hang in `syncing` while nothing told it.)"""
    rig, alice, host = waiting()
    (sync,) = rig.frames(host, "host.sync")
    rig.tell(host, "host.synced", instruction_id=sync["instruction_id"], boot_id="b", vms=[])
    assert rig.ask(host, "host.announce", **ANNOUNCE)["reason"] == "not_approved"
    assert rig.ask(alice, "host.approve", host="h-1")["result"]["status"] == "approved"
    assert len(rig.frames(host, "host.sync")) == 2
    be_live(rig, host)
    assert order(rig, alice, "ask", "sell")["type"] == "ack", "it is live"
    assert rig.ask(alice, "host.approve", host="h-1")["type"] == "ack"
    assert len(rig.frames(host, "host.sync")) == 2, "let in already: nothing is new"


def test_a_host_that_is_away_learns_it_at_its_next_login() -> None:
    rig, alice, host = waiting()
    rig.gateway.disconnect(host, False, rig.now_ms)
    assert rig.ask(alice, "host.approve", host="h-1")["type"] == "ack"
    host = rig.log_in("host")
    assert len(rig.frames(host, "host.sync")) == 1
    be_live(rig, host)
    assert order(rig, alice, "ask", "sell")["type"] == "ack"
