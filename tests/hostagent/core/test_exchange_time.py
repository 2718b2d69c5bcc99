"""The exchange's time on a host whose clock is wrong (hosts.md, "The clock")."""

from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.wire.requests import HostHeartbeat, UsageReport, VmStatus
from hostagent.core.core import HostCore
from hostagent.core.exchange_time import SKEW_MAX_MS, ExchangeClock, SkewLog, TimeTold
from hostagent.core.ports import (
    DestroyDomain,
    DomainStarted,
    ImageReady,
    KeepNotes,
    LinkUp,
    Message,
    Observe,
    Observed,
    ObservedDomain,
    Out,
    Reading,
    Send,
    StartDomain,
    Tick,
)
from hostagent.core.vm import WORD_MS
from tests.hostagent.rig import CONFIG, HOUR_MS, IMAGE, START_MS, Rig, launch, sync

MINUTE_MS = 60_000
WRONG = [HOUR_MS, -5 * MINUTE_MS, 70 * MINUTE_MS, -HOUR_MS, 1]
"""How far a host's clock is ahead of the exchange's."""


class Host:
    """A core whose clock is ``wrong_ms`` ahead; times here are the exchange's."""

    def __init__(self, wrong_ms: int) -> None:
        self.core = HostCore(CONFIG)
        self.wrong_ms = wrong_ms

    def apply(self, message: Message, at_ms: int) -> list[Out]:
        return self.core.apply(message, at_ms + self.wrong_ms)

    def told(self, at_ms: int, took_ms: int = 0) -> TimeTold:
        """An answer that the exchange wrote half of ``took_ms`` ago."""
        return TimeTold(at_ms - took_ms // 2, took_ms, at_ms + self.wrong_ms)

    def wake_ms(self) -> int:
        due_ms = self.core.next_deadline_ms()
        assert due_ms is not None
        return due_ms - self.wrong_ms

    def seen(self, at_ms: int) -> Observed:
        """Everything that was started runs."""
        up = [vm.spec for vm in self.core.vms.values() if vm.domain == "up"]
        return Observed(at_ms + self.wrong_ms, [ObservedDomain(spec, "running") for spec in up])

    def until(self, at_ms: int) -> list[tuple[int, Out]]:
        """Wake it whenever it wants, up to ``at_ms``; returns what it did, with the times."""
        done: list[tuple[int, Out]] = []
        while (wake_ms := self.wake_ms()) <= at_ms:
            outs = self.apply(Tick(), wake_ms)
            if Observe() in outs:
                outs += self.apply(self.seen(wake_ms), wake_ms)
            done += [(wake_ms, out) for out in outs]
        return done


@pytest.mark.parametrize("wrong_ms", WRONG)
def test_a_window_starts_and_ends_at_the_exchanges_time(wrong_ms: int) -> None:
    """(Seen to fail with the core's own time: it started and ended an hour early.)"""
    host = Host(wrong_ms)
    begins_ms, ends_ms = START_MS + 10 * MINUTE_MS, START_MS + 70 * MINUTE_MS
    order = launch(not_before_ms=begins_ms, until_ms=ends_ms)
    host.apply(Observed(START_MS + wrong_ms, []), START_MS)
    for message in (host.told(START_MS, 80), LinkUp(), sync(order), ImageReady(IMAGE)):
        host.apply(message, START_MS)
    done = host.until(begins_ms)
    assert [at for at, out in done if isinstance(out, StartDomain)] == [begins_ms]
    beats = [at for at, _ in sent(done, HostHeartbeat)]
    assert beats == list(range(START_MS + 5_000, begins_ms + 1, 5_000))
    seen = ObservedDomain(host.core.vms["v-1"].spec, "running")
    host.apply(Observed(begins_ms + wrong_ms, [seen]), begins_ms)
    host.core.vms["v-1"].domain = "up"
    ended = [at for at, out in host.until(ends_ms + WORD_MS) if isinstance(out, DestroyDomain)]
    assert ended == [ends_ms + WORD_MS]


@pytest.mark.parametrize("wrong_ms", WRONG)
def test_an_adopted_vm_waits_for_the_time_to_be_told(wrong_ms: int) -> None:
    """A wrong clock at the agent's start ends no VM before the exchange could be asked."""
    until_ms = START_MS + 30 * MINUTE_MS
    spec = launch(until_ms=until_ms, ports=[])
    before = Rig()
    before.core.apply(Observed(START_MS, []), START_MS)
    before.core.apply(spec, START_MS)
    domain = before.core.vms["v-1"].spec
    host = Host(wrong_ms)
    reading = Reading(START_MS + wrong_ms, 1, 1)
    seen = Observed(START_MS + wrong_ms, [ObservedDomain(domain, "running", reading=reading)])
    assert not any(isinstance(out, DestroyDomain) for out in host.apply(seen, START_MS))
    host.until(START_MS + 59_000)
    host.apply(host.told(START_MS + 59_000), START_MS + 59_000)
    ended = [at for at, out in host.until(until_ms) if isinstance(out, DestroyDomain)]
    assert ended[:1] == [until_ms]


def test_without_an_exchange_the_wall_clock_ends_it_after_a_minute() -> None:
    rig = Rig()
    rig.core.apply(Observed(START_MS, []), START_MS)
    rig.core.apply(launch(until_ms=START_MS - 1), START_MS)
    host = Host(0)
    seen = ObservedDomain(rig.core.vms["v-1"].spec, "running")
    host.apply(Observed(START_MS, [seen]), START_MS)
    done = host.until(START_MS + 2 * MINUTE_MS)
    assert next(at for at, out in done if isinstance(out, DestroyDomain)) == START_MS + MINUTE_MS


@pytest.mark.parametrize("wrong_ms", WRONG)
def test_what_is_reported_has_the_exchanges_time(wrong_ms: int) -> None:
    host = Host(wrong_ms)
    host.apply(Observed(START_MS + wrong_ms, []), START_MS)
    for message in (host.told(START_MS), LinkUp(), sync(launch(ports=[])), ImageReady(IMAGE)):
        host.apply(message, START_MS)
    host.apply(DomainStarted("v-1"), START_MS)
    spec = host.core.vms["v-1"].spec
    seen = ObservedDomain(spec, "running", reading=Reading(START_MS + 9_000 + wrong_ms, 5, 5))
    host.apply(Observed(START_MS + 9_000 + wrong_ms, [seen]), START_MS + 9_000)
    done = host.until(START_MS + HOUR_MS)
    ready = [status.ready_ms for _, status in sent(done, VmStatus)]
    assert set(ready) == {START_MS + 10_000}
    kept = [out.notes.ready_ms for _, out in done if isinstance(out, KeepNotes)]
    assert set(kept) == {START_MS + 10_000}
    used = [(at, report.at_ms) for at, report in sent(done, UsageReport)]
    assert used == [(START_MS + HOUR_MS, START_MS + 9_000)]


T = TypeVar("T")


def sent(done: list[tuple[int, Out]], kind: type[T]) -> list[tuple[int, T]]:
    """Return the messages of one kind among ``done``, with their times."""
    messages = [(at, out.message) for at, out in done if isinstance(out, Send)]
    return [(at, message) for at, message in messages if isinstance(message, kind)]


@given(
    wrong_ms=st.integers(-(10**10), 10**10),
    answers=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000)), min_size=1),
)
def test_the_exchanges_time_is_known_as_well_as_answers_tell_it(
    wrong_ms: int, answers: list[tuple[int, int]]
) -> None:
    """Ways there and back of any length: never wrong by more than half of the longest round."""
    clock, now_ms = ExchangeClock(), START_MS
    for there_ms, back_ms in answers:
        now_ms += there_ms
        ts_ms = now_ms
        now_ms += back_ms
        clock.hear(TimeTold(ts_ms, there_ms + back_ms, now_ms + wrong_ms))
        off_ms = abs(clock.theirs(now_ms + wrong_ms) - now_ms)
        assert off_ms <= max(map(sum, answers)) // 2 + 1
        assert clock.ours(clock.theirs(now_ms)) == now_ms
    assert clock.known


def test_an_answer_that_agrees_changes_nothing_and_a_slow_one_neither() -> None:
    clock = ExchangeClock()
    clock.hear(TimeTold(1_000, 100, 500))
    assert clock.ahead_ms == 550
    clock.hear(TimeTold(2_000, 40, 1_485))
    assert clock.ahead_ms == 550, "535 within 20"
    clock.hear(TimeTold(90_000, 11_000, 5_000))
    assert clock.ahead_ms == 550, "it took too long"
    clock.hear(TimeTold(9_000, 10, 5_000))
    assert clock.ahead_ms == 4_005, "the exchange's clock is another now"


def test_a_wrong_clock_is_told_once_and_that_it_is_right_again_once() -> None:
    log = SkewLog()
    skews = [0, SKEW_MAX_MS, HOUR_MS, HOUR_MS, -HOUR_MS, 0, 0, -SKEW_MAX_MS - 1]
    told = [log.look(skew) for skew in skews]
    assert [line and line.event for line in told] == [
        *(None, None, "clock_skewed", None, None, "clock_right", None, "clock_skewed")
    ]
    assert told[2] is not None
    assert told[2].text == "this server's clock is 3,600.0 s ahead of the exchange's; set it by NTP"
    assert told[7] is not None
    assert "5.0 s behind the exchange's" in told[7].text
