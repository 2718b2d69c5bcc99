"""Heartbeats that say nothing new, kept at a door: the exchange ends up where it does without."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.session.heartbeats import BYTES_MAX, Heartbeats
from exchange.wire.codec import CODECS, JSON
from exchange.wire.terms import SILENT_MS
from tests.exchange.gateway.test_gateway import Rig, hosting

BEAT: dict[str, Any] = {"type": "host.heartbeat", "load": {"cpu_pct": 1, "mem_pct": 1}, "vms": 0}


@pytest.mark.parametrize("codec", CODECS.values(), ids=list(CODECS))
def test_only_the_same_heartbeat_again_is_kept(codec: Any) -> None:
    """(Seen to fail when every frame that names a heartbeat is taken for one.)"""
    heartbeats = Heartbeats()
    beat, other = codec.encode(BEAT), codec.encode(BEAT | {"vms": 1})
    named = codec.encode({"type": "order.cancel", "req_id": 1, "order_id": "host.heartbeat"})
    broken = codec.encode(BEAT | {"vms": -1})
    long = codec.encode(BEAT | {"padding": "x" * BYTES_MAX})
    told = [beat, beat, named, named, beat, broken, broken, long, long, other, beat, beat]
    kept = [heartbeats.kept(1, codec, data) for data in told]
    assert [index for index, one in enumerate(kept) if one] == [1, 4, 11]
    assert heartbeats.take() == [1]
    assert heartbeats.take() == []


def test_a_session_that_is_gone_is_not_alive() -> None:
    heartbeats, beat = Heartbeats(), JSON.encode(BEAT)
    for session in (1, 2):
        assert [heartbeats.kept(session, JSON, beat) for _ in range(2)] == [False, True]
    heartbeats.drop(1)
    assert heartbeats.take() == [2]
    assert not heartbeats.kept(1, JSON, beat)


ACT = st.one_of(
    st.tuples(st.just("beat"), st.sampled_from([1, 1, 1, 2])),
    st.tuples(st.just("beat"), st.sampled_from([1, 1, 1, 2])),
    st.tuples(st.just("wait"), st.sampled_from([1_000, 2_500, SILENT_MS])),
)


def told(acts: list[tuple[str, int]], at_a_door: bool) -> tuple[Rig, int]:
    """Let a host say and not say that it lives, through a door that keeps heartbeats or not."""
    rig, alice, host = hosting()
    heartbeats = Heartbeats()
    rig.ask(alice, "subscribe", channel="fleet")
    rig.ask(alice, "subscribe", channel="directory")
    for what, value in acts:
        if what == "wait":
            rig.run_to(rig.now_ms + value)
            continue
        data = JSON.encode(BEAT | {"load": {"cpu_pct": value, "mem_pct": 1}})
        if not (at_a_door and heartbeats.kept(host, JSON, data)):
            rig.gateway.receive(host, data, rig.now_ms)
        rig.gateway.alive([*heartbeats.take(), 99], rig.now_ms)
        rig.take()
    return rig, alice


@settings(max_examples=15)
@given(st.lists(ACT, min_size=4, max_size=15))
def test_state_rows_and_frames_are_the_same(acts: list[tuple[str, int]]) -> None:
    """(Seen to fail when the fleet is not told, and when nobody is heard.)"""
    (plain, _), (kept, _) = told(acts, at_a_door=False), told(acts, at_a_door=True)
    assert plain.rows == kept.rows
    assert plain.inbox == kept.inbox
    assert plain.engine.state_hash() == kept.engine.state_hash()
