"""Heartbeats to host_silent, host_back and host_lost; our own outage never loses a host."""

from exchange.model.commands import HostBack, HostLost, HostSilent
from exchange.session.liveness import STALL_MS, Liveness
from exchange.wire.terms import SILENT_MS

LOST_MS = 300_000


def run_until(liveness: Liveness, from_ms: int, to_ms: int) -> list[object]:
    """Wake like a pump does: whenever a deadline is due."""
    told: list[object] = []
    now_ms = from_ms
    while now_ms < to_ms:
        liveness.ran(now_ms)
        told += liveness.due(now_ms)
        next_ms = liveness.next_deadline_ms()
        now_ms = to_ms if next_ms is None else min(max(next_ms, now_ms + 1), to_ms)
    return told


def watching(host: str = "h-1") -> Liveness:
    liveness = Liveness(lambda _: LOST_MS)
    liveness.watch(host, 0)
    return liveness


def test_a_host_falls_silent_and_is_lost_in_time() -> None:
    assert run_until(watching(), 0, SILENT_MS) == []
    liveness = watching()
    assert run_until(liveness, 0, SILENT_MS + 1) == [HostSilent("h-1", 0)]
    assert run_until(liveness, SILENT_MS + 1, LOST_MS) == []
    assert run_until(liveness, LOST_MS, LOST_MS + 1) == [HostLost("h-1")]
    assert run_until(liveness, LOST_MS + 1, 10 * LOST_MS) == []


def test_heartbeats_keep_a_host_live_and_bring_it_back() -> None:
    liveness = watching()
    for now_ms in range(0, 100_000, 5_000):
        assert run_until(liveness, now_ms, now_ms + 5_000) == []
        assert liveness.heard("h-1", now_ms + 5_000) is None
    assert run_until(liveness, 100_000, 200_000) == [HostSilent("h-1", 100_000)]
    assert liveness.heard("h-1", 200_000) == HostBack("h-1")
    assert liveness.heard("h-1", 200_001) is None


def test_a_lost_host_that_is_heard_again_is_back() -> None:
    liveness = watching()
    assert run_until(liveness, 0, 2 * LOST_MS)[-1] == HostLost("h-1")
    assert liveness.heard("h-1", 3 * LOST_MS) == HostBack("h-1")
    assert run_until(liveness, 3 * LOST_MS, 4 * LOST_MS)[0] == HostSilent("h-1", 3 * LOST_MS)


def test_after_a_stall_every_host_has_its_full_time_again() -> None:
    liveness = watching()
    liveness.ran(0)
    stalled_ms = SILENT_MS + 10 * STALL_MS
    liveness.ran(stalled_ms)
    assert liveness.due(stalled_ms) == []
    assert run_until(liveness, stalled_ms, stalled_ms + SILENT_MS) == []
    later = run_until(liveness, stalled_ms + SILENT_MS, stalled_ms + SILENT_MS + 1)
    assert later == [HostSilent("h-1", stalled_ms)]


def test_a_zone_may_be_more_patient() -> None:
    liveness = Liveness(lambda host: 1_000_000 if host == "h-2" else LOST_MS)
    liveness.watch("h-1", 0)
    liveness.watch("h-2", 0, silent=True)
    told = run_until(liveness, 0, 900_000)
    assert HostLost("h-1") in told
    assert HostLost("h-2") not in told
    assert run_until(liveness, 900_000, 1_000_001) == [HostLost("h-2")]
