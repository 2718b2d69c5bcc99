"""What the lease and VM commands print, without an exchange."""

from typing import Any

import pytest

from exchange.cli.lease_text import Cost, cost, lease_lines, release_lines, vm_lines
from exchange.units import MS_PER_HOUR

NOW_MS = 1_800_000_000_000
WIDTH = 80
MINUTE_MS = 60_000


def lease(symbol: str = "small.eu-de.flat.spot", **more: Any) -> dict[str, Any]:
    row = {"lease_id": "l-1", "side": "buy", "symbol": symbol, "units": 2, "price_ucr": 25_000}
    row |= {"charged_ucr": 0, "state": "active", "host": "h-1", "start_ms": NOW_MS - MS_PER_HOUR}
    return row | more


def vm(number: int, lease_id: str = "l-1", **more: Any) -> dict[str, Any]:
    row = {"vm_id": f"v-{number}", "lease_id": lease_id, "name": "web", "state": "running"}
    return row | {"endpoints": []} | more


@pytest.mark.parametrize(
    ("row", "units", "owed"),
    [
        (lease(), 2, Cost(4_167, 50_000, full=False)),
        (lease(start_ms=NOW_MS), 2, Cost(4_167, 4_167, full=False)),
        (lease(start_ms=NOW_MS + 5), 2, Cost(4_167, 4_167, full=False)),
        (lease(), 1, Cost(2_084, 50_000, full=False)),
        (lease(charged_ucr=60_000), 2, Cost(60_000, 60_000, full=False)),
        (lease(silent_since_ms=NOW_MS - 1), 2, Cost(0, 50_000, full=False)),
        (lease("small.eu-de.metered.spot"), 2, Cost(4_167, None, full=False)),
        (lease("small.eu-de.flat.2026-11-23T18"), 2, Cost(50_000, None, full=True)),
        (lease("small.eu-de.flat.2026-11-23T18"), 1, Cost(50_000, None, full=True)),
        (lease("small.eu-de.metered.2026-11-23T18"), 2, Cost(0, None, full=False)),
    ],
)
def test_what_a_release_leaves_to_pay(row: dict[str, Any], units: int, owed: Cost) -> None:
    assert cost(row, units, NOW_MS) == owed


@pytest.mark.parametrize(
    ("units", "at", "vms", "line"),
    [
        (None, False, [vm(1)], "this VM dies: v-1 web"),
        (2, True, [vm(1), vm(2)], "these VMs die: v-1 web, v-2 web"),
        (9, False, [vm(1)], "this VM dies: v-1 web"),
        (1, False, [vm(1)], "only units without a VM can go now; these stay: v-1 web"),
        (1, True, [vm(1)], "the newest VMs die if too few units are without one then: v-1 web"),
        (None, False, [vm(1, "l-2")], "no VM runs on it"),
    ],
)
def test_a_release_says_what_dies(units: int | None, at: bool, vms: list[Any], line: str) -> None:
    _, dying, _ = release_lines(lease(), vms, units, at, NOW_MS)
    assert dying.strip() == line


def test_a_release_says_what_is_owed() -> None:
    first, _, owed = release_lines(lease(), [], None, False, NOW_MS)
    assert first == "l-1: gives back 2 of 2 units of small.eu-de.flat.spot at 0.025000 an hour"
    assert owed.strip() == "at least 0.004167 credits are owed in all, about 0.050000 by now"
    *_, owed = release_lines(lease("small.eu-de.flat.2026-11-23T18"), [], None, False, NOW_MS)
    assert owed.strip() == "a window is owed in full: 0.050000 credits"


def test_leases_fit_a_terminal_and_are_summed() -> None:
    window = lease("medium.eu-de.flat.2026-11-23T18", side="sell", ends_ms=NOW_MS + MS_PER_HOUR)
    lines = list(lease_lines([lease(), window], [vm(1)], NOW_MS, WIDTH))
    assert max(map(len, lines)) <= WIDTH
    assert lines[-1] == (
        "2 leases: 2 units rented at 0.050000 an hour, 2 units let at 0.050000 an hour"
    )
    assert ("0.025000" in lines[2], " 1 h" in lines[2]) == (True, True)
    dear = list(lease_lines([window | {"price_ucr": 10**9}], [], NOW_MS, WIDTH))
    assert ("1000.000000" in dear[1], len(dear[1]) <= WIDTH) == (True, True)
    assert list(lease_lines([], [], NOW_MS, WIDTH)) == ["0 leases"]


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, "active"),
        ({"recalls": [{"units": 1, "at_ms": NOW_MS + 90_000}]}, "1 end in 1 min"),
        ({"silent_since_ms": NOW_MS - 20_000, "recalls": []}, "host silent 20 s"),
    ],
)
def test_a_lease_tells_what_its_buyer_must_know(more: dict[str, Any], state: str) -> None:
    lines = list(lease_lines([lease(**more)], [], NOW_MS, WIDTH))
    assert f"  {state}  " in lines[1]
    assert max(map(len, lines)) <= WIDTH


def test_each_port_of_a_vm_has_a_row() -> None:
    ends = [
        {"guest_port": 80, "address": "127.0.0.1", "port": 30_000},
        {"guest_port": 443, "address": "2001:db8::1", "port": 30_001},
    ]
    told = list(vm_lines([vm(1, endpoints=ends, ready_ms=NOW_MS), vm(2)], WIDTH))
    assert told == [
        "VM   LEASE  NAME  STATE    PORT  REACHED AT",
        "v-1  l-1    web   ready      80  127.0.0.1:30000",
        "                            443  [2001:db8::1]:30001",
        "v-2  l-1    web   running     -  -",
        "2 VMs",
    ]
