"""Hosts as rows: the tree by group, sums, what is asked for and sold on one of them."""

from msgspec.structs import replace

from exchange.wire.frames import BookSnapshot, HostUpdate, LeaseUpdate, OrderUpdate
from exchange.wire.types import HostStatus, ToldCapacity, ToldLoad
from manager.control.frames import AskRow, GroupRow, LoadRow, Snapshot
from tui.view.farm import Farm
from tui.view.host_rows import (
    HOST_COLUMNS,
    drain_words,
    group_at,
    host_rows,
    hosts_of,
    part_rows,
)
from tui.view.model import Model
from tui.view.table import Row, fitted

SPOT = "small.eu-de.flat.spot"
WINDOW = "small.eu-de.flat.2026-11-30T21"
HOUR_MS = 3_600_000
NOW_MS = 10 * HOUR_MS


def host(number: int, status: HostStatus = "live", used: int = 0, load: float = 4) -> HostUpdate:
    return HostUpdate(
        host=f"h-{number}",
        name=f"r7-{number:02d}",
        status=status,
        offered=ToldCapacity(8_000, 16_384, 102_400),
        used=ToldCapacity(used * 1_000, used * 2_048, used * 10_240),
        vms=used,
        load=ToldLoad(load, 10),
        contracted_unit_s=1_000 * used,
        delivered_unit_s=999 * used,
        heard_ms=NOW_MS - 3_000,
    )


def lease(number: int, where: str, units: int, symbol: str = SPOT) -> LeaseUpdate:
    starts_ms = NOW_MS - HOUR_MS if symbol == SPOT else NOW_MS + HOUR_MS
    return LeaseUpdate(
        *(number, number, NOW_MS),
        lease_id=f"l-{number}",
        trade_id=f"t-{number}",
        symbol=symbol,
        side="sell",
        host=where,
        units=units,
        price_ucr=20_000,
        state="active" if symbol == SPOT else "granted",
        start_ms=starts_ms,
        charged_ucr=0,
        ends_ms=None if symbol == SPOT else starts_ms + HOUR_MS,
    )


def ask(number: int, where: str, units: int) -> OrderUpdate:
    return OrderUpdate(
        *(number, number, NOW_MS),
        order_id=f"o-{number}",
        client_order_id=f"group/rack-7/{where}/1-{number}",
        symbol=SPOT,
        side="sell",
        exec="new",
        status="new",
        order_qty=units,
        filled_qty=0,
        leaves_qty=units,
        filled_notional_ucr=0,
        price_ucr=21_500,
    )


def market() -> Model:
    model = Model()
    rows = [host(10), host(2, used=3), host(1, "draining", load=55), host(3, "pending")]
    for row in rows:
        model.apply(row, NOW_MS)
    for frame in (lease(1, "h-2", 2), lease(2, "h-2", 1, WINDOW), ask(7, "h-2", 5)):
        model.apply(frame, NOW_MS)
    model.apply(BookSnapshot(SPOT, 0, NOW_MS, [(19_000, 1, 1)], [(21_500, 5, 1)], 0), NOW_MS)
    return model


def farm() -> Farm:
    found = Farm()
    rack = GroupRow(
        "rack-7", "residual", 3, [AskRow(SPOT, 5, 21_500)], members=["h-10", "h-2", "h-1"]
    )
    found.apply(Snapshot(0, LoadRow(1.0, 0), groups=[rack]))
    return found


def shown(row: Row) -> dict[str, str]:
    return {column.title: cell.text for column, cell in zip(HOST_COLUMNS, row.cells, strict=True)}


def test_without_a_manager_they_stand_by_number() -> None:
    rows = host_rows(market(), Farm(), NOW_MS)
    assert [(row.key, row.depth) for row in rows] == [
        ("h-1", 0),
        ("h-2", 0),
        ("h-3", 0),
        ("h-10", 0),
    ]


def test_one_that_starts_no_vm_says_why() -> None:
    here = market()
    for name, status in (("h-1", "live"), ("h-2", "silent")):
        here.fleet[name] = replace(here.fleet[name], status=status, paused="hypervisor_lost")
    rows = [shown(row)["status"] for row in host_rows(here, Farm(), NOW_MS)]
    assert rows[:2] == ["paused: libvirtd does not answer", "silent"]


def test_by_group_with_sums_and_the_rest_behind() -> None:
    rows = host_rows(market(), farm(), NOW_MS)
    assert [(row.key, row.depth) for row in rows] == [
        ("group/rack-7", 0),
        ("h-1", 1),
        ("h-2", 1),
        ("h-10", 1),
        ("group/", 0),
        ("h-3", 1),
    ]
    rack, one = shown(rows[0]), shown(rows[2])
    assert (rack["server"], rack["status"], rack["id"]) == ("rack-7", "residual", "3 hosts")
    assert (rack["cpu"], rack["cpu sold"], rack["cpu idle"]) == ("24.0", "2.0", "22.0")
    # Of the three units that it backs one is a window's, which has not begun.
    assert (rack["mem"], rack["mem sold"], rack["disk idle"]) == ("48.0", "4.2", "280")
    assert (one["server"], one["load"], one["heard"]) == ("r7-02", "4 %", "3 s")
    # Two units run at 0.02; the window's unit earns nothing yet.
    assert (one["a day"], one["delivered"], one["VMs"]) == ("0.96", "99.90 %", "3")
    assert shown(rows[1])["delivered"] == "–"


def test_at_80_cells_the_numbers_of_use_and_revenue_stay() -> None:
    rows = host_rows(market(), farm(), NOW_MS)
    names = [HOST_COLUMNS[at].title for at, _ in fitted(HOST_COLUMNS, rows, 78)]
    assert names[:3] == ["server", "status", "load"]
    assert {"cpu sold", "cpu idle", "a day"} <= set(names)
    assert len(fitted(HOST_COLUMNS, rows, 158)) == len(HOST_COLUMNS)


def test_what_is_on_a_host_and_in_a_group() -> None:
    on_host = part_rows(market(), farm(), "h-2", NOW_MS)
    assert [[cell.text for cell in row.cells] for row in on_host] == [
        ["ask", SPOT, "5", "0.0215", "0.0190", "0.0215", "–", "in the book", "o-7"],
        ["let", SPOT, "2", "0.0200", "0.0190", "0.0215", "0.96", "active", "l-1"],
        ["let", WINDOW, "1", "0.0200", "–", "–", "0.02", "in 1h 00m", "l-2"],
    ]
    in_group = part_rows(market(), farm(), "group/rack-7", NOW_MS)
    assert [row.cells[0].text for row in in_group] == ["ask", "let", "let"]
    assert part_rows(market(), farm(), "h-3", NOW_MS) == []


def test_what_a_row_means() -> None:
    model, known = market(), farm()
    assert [each.host for each in hosts_of(model, known, "group/rack-7")] == ["h-1", "h-2", "h-10"]
    assert [each.host for each in hosts_of(model, known, "h-3")] == ["h-3"]
    assert hosts_of(model, known, "h-99") == []
    names = [group_at(known, key) for key in ("h-2", "group/rack-7", "h-3", "group/")]
    assert [row.name if row else None for row in names] == ["rack-7", "rack-7", None, None]


def test_draining_says_what_ends_and_what_runs_on() -> None:
    model = market()
    assert drain_words(model, [model.fleet["h-2"]]) == (
        "Asks for 5 units are withdrawn. 3 sold units run on until their renters release them; "
        "the last window ends at 12:00 UTC."
    )
    assert drain_words(model, [model.fleet["h-10"]]) == (
        "Its asks are withdrawn. Nothing is sold on it now."
    )
