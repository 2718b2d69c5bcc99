"""Tables and patterns of the fleet commands."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.cli.fleet import pick, table, text
from exchange.cli.fleet.table import Column
from exchange.wire.text import uptime

NOW_MS = 1_800_000_000_000


def host(number: int, name: str, **more: Any) -> dict[str, Any]:
    offered = {"mvcpu": 4000, "mem_mib": 9216, "disk_mib": 50_000}
    row = {"host": f"h-{number}", "name": name, "status": "live", "offered": offered, "vms": 0}
    return row | more


def lease(number: int, host: str, **more: Any) -> dict[str, Any]:
    row = {"lease_id": f"l-{number}", "side": "sell", "symbol": "small.eu-de.flat.spot"}
    return row | {"host": host, "units": 2, "state": "active", "price_ucr": 25_000} | more


FLEET = [host(10, "r7-10"), host(9, "r7-09"), host(2, "db-1")]


@pytest.mark.parametrize(
    ("patterns", "ids", "useless"),
    [
        ((), ["h-2", "h-9", "h-10"], []),
        (("r7-*",), ["h-9", "h-10"], []),
        (("h-10", "r7-10"), ["h-10"], []),
        (("db-?", "h-9"), ["h-2", "h-9"], []),
        (("R7-*", "r8"), [], ["R7-*", "r8"]),
        (("r7-09", "r8"), ["h-9"], ["r8"]),
    ],
)
def test_which_hosts_a_pattern_means(
    patterns: tuple[str, ...], ids: list[str], useless: list[str]
) -> None:
    found, wrong = pick.hosts(FLEET, patterns)
    assert ([row["host"] for row in found], wrong) == (ids, useless)


def test_only_spot_leases_that_were_sold_and_go_on_can_be_recalled() -> None:
    leases = [
        lease(1, "h-1"),
        lease(2, "h-1", side="buy"),
        lease(3, "h-1", symbol="small.eu-de.flat.2026-11-23T18"),
        lease(4, "h-1", state="ending"),
        lease(5, "h-2"),
        lease(6, "h-3"),
    ]
    found = pick.leases(leases, ["l-5", "l-2"], [host(1, "a")])
    assert [row["lease_id"] for row in found] == ["l-1", "l-5"]
    assert pick.sold(leases) == {"h-1": 6, "h-2": 2, "h-3": 2}


def test_hosts_as_a_table_of_80_columns() -> None:
    """Numbers stand below each other; what has no room goes by rank."""
    busy = host(
        2,
        "r7-02",
        zone="eu-de",
        accel="kvm",
        vms=7,
        load={"cpu_pct": 93.6, "mem_pct": 1},
        contracted_unit_s=100_000,
        delivered_unit_s=99_999,
        heard_ms=NOW_MS - 3_500,
    )
    waits = host(12, "r7-12", zone="eu-de", status="pending")
    shown = list(text.host_lines([busy, waits], {"h-2": 12}, NOW_MS, 80))
    assert shown == [
        "HOST  NAME   ZONE   STATUS   VCPU  GIB  SOLD  VMS  LOAD  ACCEL   UPTIME  SEEN",
        "h-2   r7-02  eu-de  live      4.0  9.0    12    7  94 %  kvm    99.99 %   3 s",
        "h-12  r7-12  eu-de  pending   4.0  9.0     0    0     -  -            -     -",
        "2 hosts: 1 live, 1 pending",
    ]
    paused = [{**busy, "paused": "hypervisor_lost"}, {**waits, "paused": "a_newer_word"}]
    assert list(text.host_lines(paused, {}, NOW_MS, 80))[1:] == [
        "h-2   r7-02  eu-de  paused    4.0  9.0     0    7  94 %  kvm    99.99 %   3 s",
        "h-12  r7-12  eu-de  pending   4.0  9.0     0    0     -  -            -     -",
        "2 hosts: 1 paused, 1 pending",
        "paused: h-12: a_newer_word, so nothing more is sold",
        "paused: h-2: libvirtd does not answer, so nothing more is sold",
    ]
    narrow = list(text.host_lines([busy, waits], {}, NOW_MS, 40))
    assert narrow[0] == "HOST  NAME   STATUS   VCPU  SOLD  SEEN"
    assert list(text.host_lines([], {}, NOW_MS, 80)) == ["0 hosts"]


@given(
    st.lists(st.tuples(st.text("x", max_size=30), st.integers(0, 9)), min_size=1, max_size=9),
    st.integers(1, 120),
)
def test_a_table_fits_or_shows_only_what_always_stays(
    cells: list[tuple[str, int]], width: int
) -> None:
    columns = [Column(f"C{at}", rank) for at, (_, rank) in enumerate(cells)]
    shown = list(table.lines(columns, [[cell for cell, _ in cells]], width))
    dropped = [column.rank for column in columns if column.name not in shown[0].split()]
    kept = [column.rank for column in columns if column.name in shown[0].split()]
    assert max(map(len, shown)) <= width or set(kept) == {0} or not kept
    assert not dropped or min(dropped) >= max(kept, default=0)


@pytest.mark.parametrize(
    ("sold_s", "delivered_s", "shown"),
    [(0, 0, "-"), (10, 10, "100.00 %"), (1_000_000, 999_999, "99.99 %"), (3, 0, "0.00 %")],
)
def test_uptime_is_never_rounded_up(sold_s: int, delivered_s: int, shown: str) -> None:
    assert uptime(sold_s, delivered_s) == shown


@pytest.mark.parametrize(
    ("ms", "shown"),
    [(-5, "0 s"), (59_999, "59 s"), (60_000, "1 min"), (7_200_000, "2 h"), (10**9, "11 d")],
)
def test_how_long_ago(ms: int, shown: str) -> None:
    assert text.ago(ms) == shown
