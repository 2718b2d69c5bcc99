"""The network and the pump: nothing lost, nothing out of order, deadlines on the millisecond."""

import asyncio
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sim.network.clock import VirtualTime
from sim.network.network import Link
from sim.network.pump import Pump, run_paced


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(0, 2**32))
def test_a_link_keeps_the_order_and_loses_nothing(gaps_ms: list[int], seed: int) -> None:
    env = VirtualTime()
    arrived: list[tuple[int, int]] = []
    link = Link(env, lambda n: arrived.append((n, int(env.now))), 20, 15, Random(seed))

    def sender() -> Any:
        for number, gap_ms in enumerate(gaps_ms):
            link.send(number)
            yield env.timeout(gap_ms)

    env.process(sender())
    env.run()
    assert [number for number, _ in arrived] == list(range(len(gaps_ms)))


def test_latency_without_jitter_is_exact() -> None:
    env = VirtualTime(1000)
    arrived: list[int] = []
    link = Link(env, lambda _: arrived.append(int(env.now)), 20, 0, Random(1))
    link.send("x")
    env.run()
    assert arrived == [1020]


def test_a_partition_holds_messages_back_in_order_and_closing_drops_them() -> None:
    env = VirtualTime()
    arrived: list[str] = []
    link = Link(env, arrived.append, 10, 0, Random(1))
    link.send("under way")
    link.cut_off = True
    link.send("during")
    env.run(until=100)
    assert arrived == []
    link.heal()
    link.send("after")
    env.run(until=200)
    assert arrived == ["under way", "during", "after"]
    link.send("too late")
    link.close()
    link.send("never")
    env.run(until=300)
    assert len(arrived) == 3


class Alarm:
    """A core that wants to be woken at fixed times and notes what it is given."""

    def __init__(self, times_ms: list[int]) -> None:
        self.times_ms = sorted(times_ms)
        self.seen: list[tuple[int, Any]] = []

    def handle(self, messages: list[Any], now_ms: int) -> None:
        while self.times_ms and self.times_ms[0] <= now_ms:
            self.seen.append((now_ms, self.times_ms.pop(0)))
        self.seen += [(now_ms, message) for message in messages]

    def next_deadline_ms(self) -> int | None:
        return self.times_ms[0] if self.times_ms else None


def test_deadlines_come_at_their_millisecond_and_messages_between() -> None:
    env = VirtualTime()
    core = Alarm([50, 200])
    pump = Pump(env, core.handle, core.next_deadline_ms)
    pump.ring()
    env.timeout(120, "hello").callbacks.append(lambda event: pump.put(event.value))
    env.run(until=1000)
    assert core.seen == [(50, 50), (120, "hello"), (200, 200)]


def test_a_deadline_that_moves_forward_is_met_and_one_that_goes_away_wakes_nobody() -> None:
    env = VirtualTime()
    core = Alarm([500])
    pump = Pump(env, core.handle, core.next_deadline_ms)
    pump.ring()
    core.times_ms = [100]
    pump.ring()
    env.run(until=300)
    core.times_ms = []
    env.run(until=1000)
    assert core.seen == [(100, 100)]


def test_what_a_core_sends_itself_comes_after_what_it_is_handling() -> None:
    env = VirtualTime()
    seen: list[list[int]] = []

    def handle(messages: list[int], now_ms: int) -> None:
        seen.append(messages)
        if messages == [1]:
            pump.put(2)
            pump.put(3)

    pump = Pump(env, handle, lambda: None)
    pump.put(1)
    assert seen == [[1], [2, 3]]


def test_the_pace_changes_nothing() -> None:
    fast, slow = Alarm([10, 20, 30]), Alarm([10, 20, 30])
    for core, paced in ((fast, False), (slow, True)):
        env = VirtualTime()
        pump = Pump(env, core.handle, core.next_deadline_ms)
        pump.ring()
        if paced:
            asyncio.run(run_paced(env, 40, speed=10.0))
        else:
            env.run(until=40)
        assert env.now == 40
    assert fast.seen == slow.seen
