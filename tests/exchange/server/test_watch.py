"""The watch: which jobs run when, on a clock that the test turns; and when garbage is collected."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from exchange.server.watch import (
    COLLECT_GONE,
    COLLECT_MADE,
    IDLE_ROUNDS,
    RECLAIM_GONE,
    Garbage,
    Job,
    Watch,
)

BEGIN_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


class Times:
    """A clock, and what ran."""

    def __init__(self) -> None:
        self.now_ms, self.ran = BEGIN_MS, list[str]()
        jobs = (self._job("second", 1_000), self._job("tenth", 10_000), self._job("hour", HOUR_MS))
        self.watch = Watch(jobs, lambda: self.now_ms)

    def _job(self, name: str, every_ms: int) -> Job:
        return Job(name, every_ms, lambda: self.ran.append(name))

    def after(self, passed_ms: int) -> list[str]:
        """Return what runs at one look so much later."""
        self.now_ms += passed_ms
        self.ran.clear()
        asyncio.run(self.watch.look())
        return self.ran


def test_every_job_runs_at_first_and_then_once_in_its_period_in_order() -> None:
    times = Times()
    assert times.after(0) == ["second", "tenth", "hour"]
    assert times.after(0) == []
    assert times.after(1_000) == ["second"]
    assert times.after(9_000) == ["second", "tenth"]
    assert times.after(7 * HOUR_MS) == ["second", "tenth", "hour"]


def test_a_job_that_waits_is_waited_for_and_an_error_ends_the_watch() -> None:
    ran: list[str] = []

    async def slow() -> None:
        await asyncio.sleep(0)
        ran.append("slow")

    def broken() -> None:
        ran.append("broken")
        raise OSError("no disk")

    watch = Watch((Job("slow", 1_000, slow), Job("broken", 1_000, broken)), lambda: BEGIN_MS)
    with pytest.raises(OSError, match="no disk"):
        asyncio.run(watch.look())
    assert ran == ["slow", "broken"]


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector as a serving exchange has it, and as it was afterwards."""
    collects = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.unfreeze()
    if collects:
        gc.enable()


class Machine:
    """What `Garbage` asks for; ``after`` makes it one second later."""

    def __init__(self) -> None:
        self.rounds = self.gone = 0
        self._garbage = Garbage(lambda: self.rounds, lambda: self.gone)

    def after(self, rounds: int = 1, gone: int = 0) -> None:
        self.rounds, self.gone = self.rounds + rounds, self.gone + gone
        self._garbage.collect()


class Node:
    """Refers to itself."""

    def __init__(self) -> None:
        self.me = self


def is_walked(item: object) -> bool:
    return any(found is item for found in gc.get_objects())


CASES = {
    "idle": (IDLE_ROUNDS, 0, 0, True),
    "busy": (IDLE_ROUNDS + 1, 0, 0, False),
    "busy, many connections ended": (IDLE_ROUNDS + 1, COLLECT_GONE + 1, 0, True),
    "busy, much was made": (IDLE_ROUNDS + 1, 0, COLLECT_MADE + 1, True),
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_made_since_is_collected_and_the_rest_not_walked_again(
    case: str, collector: None
) -> None:
    """(Seen to fail without the freeze, and without the look at how much was made.)"""
    rounds, gone, made, is_collected = CASES[case]
    machine, lives, ended = Machine(), [object()], weakref.ref(Node())
    kept = [[number] for number in range(made)]
    assert ended() is not None
    machine.after(rounds, gone)
    assert (ended() is None, is_walked(lives)) == (is_collected, not is_collected)
    assert len(kept) == made


def test_a_cycle_that_was_frozen_is_collected_in_an_idle_second_in_the_end(
    collector: None,
) -> None:
    """(Seen to fail when nothing is ever unfrozen.)"""
    machine, connection = Machine(), Node()
    ended = weakref.ref(connection)
    machine.after()
    del connection
    machine.after(gone=RECLAIM_GONE)
    machine.after(rounds=IDLE_ROUNDS + 1, gone=1)
    assert ended() is not None
    machine.after()
    assert ended() is None
    lives = [object()]
    machine.after()
    assert not is_walked(lives)
