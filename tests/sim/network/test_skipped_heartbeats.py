"""A run goes the same way with and without the heartbeats and ticks that tell nothing."""

from pathlib import Path
from random import Random
from typing import Final

import pytest

from exchange.feed.fleet import FleetChannel
from exchange.wire.requests import HostHeartbeat
from sim.network.clock import VirtualTime
from sim.network.network import Link
from sim.network.skipped_heartbeats import JITTER_MAX_MS, SkippedHeartbeats
from sim.run.world import World
from tests.sim.scenes import RULES, loaded, scene

FAULTS: Final = """
[random_faults]
kinds = ["host_crash", "partition", "boot_failures", "exchange_restart", "seller_withdraw"]
per_hour = 40.0
"""

SLOW: Final = "[network]\nlatency_ms = 2000\njitter_ms = 50\n"
"""Something is under way at most times."""
CRASHES: Final = "".join(
    f'[[fault]]\nkind = "host_crash"\nat_s = {300 + host}\nfor_s = 40\nseller = "uni-lab"\n'
    f"hosts = [{host}]\n"
    for host in (1, 2, 3)
)
PARTITIONS: Final = "".join(
    f'[[fault]]\nkind = "partition"\nat_s = {at_s}\nfor_s = 40\nbetween = ["uni-lab", "exchange"]\n'
    for at_s in range(300, 560, 61)
)


class Counting(FleetChannel):
    """Counts the heartbeats that come."""

    count = 0

    def heard(self, host: str, beat: HostHeartbeat, now_ms: int) -> None:
        super().heard(host, beat, now_ms)
        self.count += 1


@pytest.mark.parametrize("seed", range(4))
def test_a_run_goes_the_same_way(tmp_path: Path, seed: int) -> None:
    found = loaded(tmp_path, scene(duration_s=1800, rules=RULES) + FAULTS)
    full = World(found, "threshold", seed, keep_rows=True, leaves_out=False)
    lean = World(found, "threshold", seed, keep_rows=True)
    assert lean.run().digest == full.run().digest
    assert lean.stage.marketplace.rows == full.stage.marketplace.rows


@pytest.mark.parametrize("faults", [CRASHES, PARTITIONS])
def test_what_was_under_way_arrives_where_a_host_falls_silent(tmp_path: Path, faults: str) -> None:
    found = loaded(tmp_path, scene(SLOW + faults, duration_s=600, rules=RULES))
    full = World(found, "threshold", 1, keep_rows=True, leaves_out=False)
    lean = World(found, "threshold", 1, keep_rows=True)
    assert lean.run().digest == full.run().digest
    assert lean.stage.marketplace.rows == full.stage.marketplace.rows


def heartbeats(tmp_path: Path, more: str) -> list[int]:
    """Return how many come in a full run, and in one in which they may be skipped."""
    found = loaded(tmp_path, scene(more, duration_s=1800))
    heard = []
    for leaves_out in (False, True):
        world = World(found, "no_burst", 1, leaves_out=leaves_out)
        fleet = Counting(
            world.stage.marketplace.engine, world.stage.marketplace.gateway.context.outbox
        )
        world.stage.marketplace.gateway.context.streams.fleet = fleet
        world.run()
        heard.append(fleet.count)
    return heard


def test_skipped_heartbeats_do_not_come(tmp_path: Path) -> None:
    """Otherwise the tests above would compare a run with itself."""
    full, lean = heartbeats(tmp_path, "")
    assert lean * 10 < full


def test_none_is_skipped_where_they_may_come_in_another_order(tmp_path: Path) -> None:
    jitter_ms = JITTER_MAX_MS + 1
    full, lean = heartbeats(tmp_path, f"[network]\njitter_ms = {jitter_ms}\n")
    assert lean == full


def test_what_has_arrived_and_what_is_under_way() -> None:
    env = VirtualTime(1_000_000)
    skipped = SkippedHeartbeats(Link(env, lambda _: None, 20, 0, Random(1)), 1_000_000, 5_000)
    assert skipped.heard_ms(1_000_000, 1_000_010) is None
    assert skipped.under_way(1_000_000, 1_000_010) == [1_000_020]
    assert skipped.under_way(999_999, 1_000_010) == [], "it was not sent before this"
    assert skipped.heard_ms(1_011_000, 1_011_000) == 1_010_020
    assert skipped.heard_ms(1_010_010, 1_010_010) == 1_005_020
    assert skipped.under_way(1_010_020, 1_010_020) == [1_010_020], "behind what happens just now"
    assert skipped.heard_ms(1_010_020, 1_010_020) == 1_005_020, "not heard yet, then"
