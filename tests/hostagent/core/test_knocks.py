"""How often a guest that does not serve yet is connected to, and how soon it is found to serve."""

from itertools import pairwise

from hostagent.core.knocks import SHORTEST_S, Knocks

KEPT_S = 75.0
"""QEMU's user network gives a connection up when the guest has not answered it for so long."""
ASKED_AGAIN_S = (0, 6, 18, 30, 42, 54, 66)
"""When it asks the guest, after the connection has come."""
QUEUE = 9
"""How many connections the demo guest's server lets wait."""
BOOT_S = 600


def knocked() -> list[float]:
    """Return when a guest is connected to that does not serve for `BOOT_S`."""
    knocks = Knocks(begun_s=1_000.0)
    looks = [SHORTEST_S * number for number in range(int(BOOT_S / SHORTEST_S))]
    return [at_s for at_s in looks if knocks.due(1_000.0 + at_s)]


def test_a_slow_guest_does_not_find_a_queue_of_dead_callers() -> None:
    """Shown to fail with a knock at each look: 150 at once."""
    times = knocked()
    kept = [sum(one - KEPT_S < other <= one for other in times) for one in times]
    assert max(kept) <= 2 * QUEUE
    # So slow a guest may need seconds for each.
    late = [count for one, count in zip(times, kept, strict=True) if one > 2 * KEPT_S]
    assert max(late) < QUEUE


def test_a_guest_that_serves_is_asked_soon() -> None:
    """Within a second at first, later within a quarter of the time that it took to boot."""
    asked = sorted(one + after for one in knocked() for after in ASKED_AGAIN_S)
    for before, after in pairwise(asked):
        assert after - before <= SHORTEST_S + before / 4, before
