"""The rows of the Leases screen, rates out of readings, its questions, a followed console."""

from typing import Any

import pytest
from msgspec.structs import replace

from exchange.wire.frames import InstrumentUpdate, LeaseUpdate, Notice, VmUpdate
from exchange.wire.requests import LeaseRecall, LeaseRelease, VmStart
from exchange.wire.types import Endpoint
from manager.control.frames import VmRow
from tests.tui.market import SYMBOL, WINDOW, instrument, lease
from tui.user_data import user_data
from tui.view.console import GAP, LINES_MAX, Console, console_rows
from tui.view.entry import Fault
from tui.view.lease_acts import Images, full, recalled, released, start_form, started, when_ms
from tui.view.lease_rows import LEASE_COLUMNS, VM_COLUMNS, lease_rows, sums_text, vm_rows
from tui.view.model import Model
from tui.view.table import ListView, Row
from tui.view.usage import Rate, bytes_text, rates

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DIGESTS = ("a" * 64, "ab" + "c" * 62)


def vm(number: int = 1, lease_id: str = "l-1", ready: bool = True) -> VmUpdate:
    ends = [Endpoint(guest_port=80, address="fd00::7", port=30_080)]
    state: Any = "running" if ready else "launching"
    ready_ms = 5 if ready else None
    who = (f"v-{number}", lease_id, f"web-{number}")
    return VmUpdate(1, 1, 0, *who, state, ends if ready else [], ready_ms=ready_ms)


def model(*frames: Any) -> Model:
    found = Model()
    shown: InstrumentUpdate = instrument()
    found.instruments[SYMBOL] = shown
    for frame in frames:
        found.account.apply(frame)
    return found


def texts(row: Row) -> list[str]:
    return [cell.text for cell in row.cells]


def test_rented_before_let_with_what_is_owed_so_far() -> None:
    known = model(lease(2, "sell", 3), replace(lease(1), ends_ms=HOUR_MS), vm())
    first, second = lease_rows(known, HOUR_MS // 2)
    assert texts(first) == [
        "l-1", "rent", SYMBOL, "4", "0.0312", "0.0624", "0.0000", "active", "30m 00s", "1",
        "30m 00s", "h-1",
    ]  # fmt: skip
    assert texts(second)[1:4] == ["let", SYMBOL, "3"]
    assert texts(second)[8:10] == ["–", "–"]
    assert sums_text(known.account) == "4 rented at 0.1248/h, 3 let at 0.0936/h"


STATES = [
    (Notice(1, 1, 0, "recall", "l-1", None, 2, 120_000), "recall: 2 in 1m 00s"),
    (Notice(1, 1, 0, "host_silent", "l-1", "h-1", None, 20_000), "host silent 40 s"),
    (Notice(1, 1, 0, "funds_low", "l-1"), "money short"),
]


@pytest.mark.parametrize(("notice", "said"), STATES)
def test_what_is_wrong_with_a_lease_is_its_state(notice: Notice, said: str) -> None:
    (row,) = lease_rows(model(lease(1), notice), 60_000)
    assert row.cells[7].text == said
    assert row.cells[7].ink == "warn"


def test_vms_by_lease_with_endpoints_rates_and_cost() -> None:
    known = model(lease(1), lease(2), vm(2, "l-2", ready=False), vm(1))
    first, second = vm_rows(known, {"v-1": Rate(87.6, 1_234, 2_500_000, 0)})
    assert texts(first) == [
        "web-1", "l-1", "ready", "80 at [fd00::7]:30080", "88 %", "1.2 kB/s", "2.5 MB/s",
        "0.0312", "v-1",
    ]  # fmt: skip
    assert texts(second)[2:7] == ["launching", "–", "–", "–", "–"]


def test_of_a_metered_lease_the_price_is_the_most() -> None:
    metered = replace(lease(1), symbol="small.eu-de.metered.spot")
    known = model(metered, vm())
    assert lease_rows(known, HOUR_MS)[0].cells[5].text == "≤0.1248"
    assert vm_rows(known, {})[0].cells[7].text == "≤0.0312"


@pytest.mark.parametrize("width", [58, 78, 118, 158])
@pytest.mark.parametrize("columns", [LEASE_COLUMNS, VM_COLUMNS])
def test_numbers_are_whole_at_every_width(columns: Any, width: int) -> None:
    known = model(replace(lease(1, units=99_999), charged_ucr=123_456_789_000), vm())
    rows = lease_rows(known, 0) if columns is LEASE_COLUMNS else vm_rows(known, {})
    view = ListView("x", columns)
    view.take(rows)
    lines = ["".join(text for text, _, _ in line) for line in view.lines(width, 4)]
    assert all(len(line) == width for line in lines)
    for column, cell in zip(columns, rows[0].cells, strict=True):
        if column.number and column.title in lines[1]:
            assert cell.text in lines[2]


def reading(at_ms: int, cpu_ms: int, boot: int = 1, vm_id: str = "v-1") -> dict[str, Any]:
    row = {"ts_ms": at_ms, "seq": at_ms, "vm_id": vm_id, "boot": boot, "cpu_ms_total": cpu_ms}
    return row | {"mem_mib": 1, "net_rx_total": cpu_ms * 10, "net_tx_total": None}


def test_rates_are_between_the_last_two_readings_of_one_boot() -> None:
    rows = [reading(0, 0), reading(1_000, 900), reading(3_000, 1_900)]
    rows += [reading(0, 0, vm_id="v-2"), reading(5, 1, boot=2, vm_id="v-3")]
    rows += [reading(0, 9_000, boot=1, vm_id="v-3")]
    assert rates(rows) == {"v-1": Rate(50.0, 5_000, 0, 3_000)}
    assert [bytes_text(each) for each in (0, 999, 1_000, 10**9)] == [
        "0 B/s", "999 B/s", "1.0 kB/s", "1.0 GB/s",
    ]  # fmt: skip


# --- what is asked ---

RELEASES = [
    ("4", "", LeaseRelease(req_id=1, lease_id="l-1"), "Kills 1 VM: web-1. Owed at least 0.0104"),
    ("3", "", LeaseRelease(req_id=1, lease_id="l-1", units=3), "No VM dies. They owe at least"),
    (
        "4",
        "+1h30m",
        LeaseRelease(req_id=1, lease_id="l-1", at_ms=DAY_MS + 90 * 60_000),
        "Kills 1 VM",
    ),
    ("4", "02:00", LeaseRelease(req_id=1, lease_id="l-1", at_ms=DAY_MS + 2 * HOUR_MS), "Kills"),
    ("5", "", None, "the lease has 4 units"),
    ("0", "", None, "a quantity is a whole number"),
    ("1,0", "", None, "',' is in no number"),
    ("4", "tomorrow", None, "when: nothing for now"),
]


@pytest.mark.parametrize(("units", "at", "wanted", "told"), RELEASES)
def test_a_release_says_who_dies_and_what_is_owed(
    units: str, at: str, wanted: LeaseRelease | None, told: str
) -> None:
    found = released(lease(1), [vm()], False, {"units": units, "at": at}, DAY_MS)
    if wanted is None:
        assert isinstance(found, str)
        assert told in found
    else:
        assert not isinstance(found, str)
        assert found.request == wanted
        assert told in found.more


def test_only_units_without_a_vm_go_now() -> None:
    vms = [vm(number) for number in (1, 2, 3)]
    found = released(lease(1), vms, False, {"units": "2", "at": ""}, 0)
    assert found == "VMs run on 3 of 4 units: stop some first"
    later = released(lease(1), vms, False, {"units": "2", "at": "+1h"}, 0)
    assert not isinstance(later, str)
    assert "the newest VMs die" in later.more


def test_a_window_stays_owed() -> None:
    window = replace(lease(1), symbol=WINDOW)
    found = released(window, [], False, {"units": "4", "at": ""}, 0)
    assert not isinstance(found, str)
    assert found.more == "No VM runs on it. The window's 0.1248 stay owed."


def test_a_recall_costs_the_bond_in_the_first_hour() -> None:
    let = lease(1, "sell", 2)
    found = recalled(let, {"units": "1"}, HOUR_MS - 1)
    assert not isinstance(found, str)
    assert found.request == LeaseRecall(req_id=1, lease_id="l-1", units=1)
    assert "the bond of 0.0052 goes to the buyer" in found.more
    found = recalled(let, {"units": "2"}, HOUR_MS)
    assert not isinstance(found, str)
    assert found.request == LeaseRecall(req_id=1, lease_id="l-1")
    assert "no bond is paid" in found.more


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("", None),
        ("+90min", 5_400_000),
        ("+45s", 45_000),
        ("+2h", 2 * HOUR_MS),
        ("+1d", DAY_MS),
        ("01:00", HOUR_MS),
        ("00:00", DAY_MS),
    ],
)
def test_when(text: str, passed: int | None) -> None:
    assert when_ms(text, DAY_MS) == (None if passed is None else DAY_MS + passed)
    assert isinstance(when_ms("25:00", 0), Fault)
    assert isinstance(when_ms("+", 0), Fault)


STORED = (VmRow("shop", "small", DIGESTS[0], [80, 443]), VmRow("new", "small"))
STARTS = [
    ("shop", "", "", (DIGESTS[0], [80, 443], None)),
    (
        "shop",
        "8080",
        "10.0.0.0/8, 10.1.0.0/16",
        (DIGESTS[0], [8080], ["10.0.0.0/8", "10.1.0.0/16"]),
    ),
    ("ab", "", "", (DIGESTS[1], None, None)),
    ("f" * 64, "1", "", ("f" * 64, [1], None)),
    ("a", "", "", "image: a stored VM"),
    ("new", "", "", "new is not uploaded yet"),
    ("", "", "", "image: a stored VM"),
    ("shop", "0", "", "ports"),
    ("shop", "80;1", "", "ports: such as"),
]


@pytest.mark.parametrize(("image", "ports", "allow", "wanted"), STARTS)
def test_what_is_started(image: str, ports: str, allow: str, wanted: Any) -> None:
    images = Images(STORED, DIGESTS)
    values = {"image": image, "name": "web-1", "ports": ports, "allow": allow, "user_data": ""}
    found = started(lease(1), images, values, user_data)
    if isinstance(wanted, str):
        assert isinstance(found, str)
        assert wanted in found
        assert not start_form(lease(1), images, "x", user_data).check(values).ok
    else:
        assert isinstance(found, VmStart)
        assert (found.image, found.ports, found.allow_from) == wanted


def test_stored_vms_are_offered_first_and_images_once() -> None:
    assert Images(STORED, DIGESTS).choices() == ("shop", DIGESTS[1][:12])
    assert start_form(lease(1), Images(), "web", user_data).fields[0].value == ""
    two: LeaseUpdate = lease(1, units=2)
    assert not full(two, [vm(1), vm(2, "l-2")])
    assert full(two, [vm(1), vm(2)])


# --- the console ---


def test_a_console_comes_in_pieces_and_a_line_may_be_cut_by_them() -> None:
    console = Console("v-1", "web-1")
    assert console.request().after == ""
    assert console.took({"text": "boot\nlog", "next": "1"})
    assert console.request().after == "1"
    assert console.took({"text": "in: \x1b[2J", "next": "2"})
    assert not console.took({"text": "", "next": "2"})
    assert console.took({"text": "late\n", "next": "3", "gap": True})
    assert console.took({"text": "after\n", "next": "4"})
    assert console.lines == ["boot", "login: \ufffd[2J", GAP, "late", "after"]
    assert console_rows(console)[0].key == "web-1:1"
    assert console.took({"text": "\n\nlast", "next": "5"})
    assert console.lines[-3:] == ["", "", "last"]


def test_a_console_keeps_its_last_lines_and_their_numbers() -> None:
    console = Console("v-1", "web-1")
    console.took({"text": "".join(f"{number}\n" for number in range(LINES_MAX + 50)), "next": "1"})
    rows = console_rows(console)
    assert len(rows) == LINES_MAX
    assert (rows[0].key, rows[0].cells[0].text) == ("web-1:51", "50")


def test_an_agent_that_cannot_be_followed_is_told() -> None:
    console = Console("v-1")
    console.took({"text": "old"})
    assert console.ended
    assert "too old" in console.trouble
