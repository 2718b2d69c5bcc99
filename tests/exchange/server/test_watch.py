"""The watch: which jobs run when, on a clock that the test turns; and when garbage is collected."""

import asyncio
import gc

import pytest

from exchange.server.watch import COLLECT_GONE, COLLECT_MS, Garbage, Job, Watch

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


class Machine:
    def __init__(self) -> None:
        self.round = self.gone = 0
        self.now_ms = BEGIN_MS


CASES: list[tuple[str, int, int, int, int | None]] = [
    ("idle", 2, 0, 1_000, 2),
    ("busy", 3, 0, 1_000, None),
    ("busy, many connections ended", 3, COLLECT_GONE + 1, 1_000, 1),
    ("busy for long", 3, 0, COLLECT_MS + 1, 1),
]


@pytest.mark.parametrize(("rounds", "gone", "passed_ms", "expected"), [row[1:] for row in CASES])
def test_garbage_is_collected_in_idle_seconds_or_when_there_is_much(
    monkeypatch: pytest.MonkeyPatch, rounds: int, gone: int, passed_ms: int, expected: int | None
) -> None:
    at, collected = Machine(), list[int]()
    monkeypatch.setattr(gc, "collect", collected.append)
    garbage = Garbage(lambda: at.round, lambda: at.gone, lambda: at.now_ms)
    at.round, at.gone, at.now_ms = rounds, gone, at.now_ms + passed_ms
    garbage.collect()
    assert collected == ([] if expected is None else [expected])
