"""From a server's facts to its offer: reserve, override, classes, load, residual."""

import pytest

from exchange.wire.terms import DEFAULT_CLASSES
from exchange.wire.types import Capacity
from hostagent.core.inventory import (
    Facts,
    Override,
    advertised,
    facts,
    fitting_classes,
    load,
    smaller,
)
from hostagent.core.ports import Load
from hostagent.core.residual import CLOSE_AFTER_MS, OPEN_AFTER_MS, Residual

CPUINFO = "processor\t: 0\nmodel name\t: Some CPU @ 2GHz\nflags : vmx\n\nprocessor\t: 1\n"
MEMINFO = "MemTotal:       16384000 kB\nMemFree: 1 kB\nMemAvailable:    4096000 kB\n"


def test_facts_are_read_from_proc() -> None:
    assert facts(CPUINFO, MEMINFO, 5000) == Facts(2, 16000, 5000, "Some CPU @ 2GHz")
    assert facts("", "", 0) == Facts(0, 0, 0, "unknown")


@pytest.mark.parametrize(
    ("known", "offered"),
    [
        # The fixed reserve on a usual server, a tenth on a large one, never more than half.
        (Facts(4, 16384, 100_000, ""), Capacity(3500, 14746, 90_000)),
        (Facts(64, 262_144, 2_000_000, ""), Capacity(57_600, 235_930, 1_800_000)),
        (Facts(1, 1024, 6000, ""), Capacity(500, 512, 3000)),
        (Facts(0, 0, 0, ""), Capacity(0, 0, 0)),
    ],
)
def test_the_server_keeps_a_reserve_for_itself(known: Facts, offered: Capacity) -> None:
    assert advertised(known, Override()) == offered


def test_the_owner_may_say_otherwise_for_each_kind() -> None:
    known = Facts(4, 16384, 100_000, "")
    assert advertised(known, Override(mvcpu=0, disk_mib=7)) == Capacity(0, 14746, 7)


@pytest.mark.parametrize(
    ("capacity", "classes"),
    [
        (Capacity(3500, 14_746, 90_000), ["nano", "small", "medium"]),
        (Capacity(1000, 2148, 10_240), ["nano", "small"]),
        (Capacity(1000, 2147, 10_240), ["nano"]),  # the overhead of 100 MiB does not fit
        (Capacity(0, 0, 0), []),
    ],
)
def test_classes_fit_with_their_overhead(capacity: Capacity, classes: list[str]) -> None:
    assert fitting_classes(capacity, DEFAULT_CLASSES) == classes


def test_the_smaller_of_two_is_taken_kind_by_kind() -> None:
    assert smaller(Capacity(1, 5, 3), Capacity(2, 4, 9)) == Capacity(1, 4, 3)
    assert smaller(Capacity(1, 5, 3), None) == Capacity(1, 5, 3)


def test_load_is_what_was_busy_in_between() -> None:
    before = "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3\n"
    now = "cpu  150 0 125 775 150 0 0 0 0 0\n"
    assert load(before, now, MEMINFO) == Load(cpu_pct=37.5, mem_pct=75.0)
    assert load(now, now, MEMINFO).cpu_pct == 0.0


def test_a_residual_offer_opens_slowly_and_closes_quickly() -> None:
    """5 minutes below the owner's threshold open it, 1 minute above closes it (rules.md 8.3)."""
    residual = Residual()
    residual.limit(10)
    told = [(0, 5), (200_000, 5), (299_999, 5), (OPEN_AFTER_MS, 5)]
    assert [seen(residual, at_ms, pct) for at_ms, pct in told] == [False, False, False, True]
    begun_ms = OPEN_AFTER_MS + 10_000
    assert seen(residual, begun_ms, 50)
    assert seen(residual, begun_ms + CLOSE_AFTER_MS - 1, 50)
    assert not seen(residual, begun_ms + CLOSE_AFTER_MS, 50)


def test_a_moment_on_the_other_side_starts_the_wait_anew() -> None:
    residual = Residual()
    residual.limit(10)
    assert not seen(residual, 0, 5)
    assert not seen(residual, 200_000, 10)
    assert not seen(residual, 250_000, 5)
    assert not seen(residual, 250_000 + OPEN_AFTER_MS - 1, 5)
    assert seen(residual, 250_000 + OPEN_AFTER_MS, 5)


def test_without_a_threshold_it_is_always_open() -> None:
    residual = Residual()
    residual.limit(10)
    residual.limit(None)
    assert seen(residual, 0, 100)


def seen(residual: Residual, at_ms: int, pct: float) -> bool:
    residual.observe(pct, at_ms)
    return residual.open
