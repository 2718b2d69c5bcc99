"""What the log says of each event."""

from typing import Any

import pytest

from exchange.gateway import log_events
from exchange.gateway.log_events import HostLog, Who
from exchange.gateway.notes import NOTES_MAX, Note, Notes, UnknownVms
from exchange.log.line import LogLine, as_json, as_text
from exchange.model import commands
from exchange.wire import admin_requests, frames, requests
from exchange.wire.results import Done, Refused
from exchange.wire.types import Capacity
from tests.exchange.support.harness import ROOT

AT_MS = 1_795_984_846_123
SECRET = "fL4g-never-logged"
ROOM = Capacity(mvcpu=1, mem_mib=1, disk_mib=1)
LIVE = Done({"host": "h-3", "status": "live"})
ENROLL = requests.HostEnroll(
    req_id=1, token=SECRET, name="r1", hardware_id=SECRET, public_key="A" * 43 + "="
)
ANNOUNCE = requests.HostAnnounce(
    req_id=1,
    capacity=ROOM,
    offered=ROOM,
    classes=[],
    cpu_model=SECRET,
    accel="kvm",
    agent_version="1",
    boot_id=SECRET,
)
APPLY = requests.AccountApply(
    req_id=1, name=SECRET, contact=SECRET, public_key="A" * 43 + "=", side="buy"
)
AUTH = requests.Auth(req_id=1, key_id="k-3-with-a-tail", signature=SECRET)
STORED = commands.ImageStored("acme", "ab" * 32, 9, "raw")


def recall(units: int) -> tuple[str, Any]:
    return "acme", frames.Notice(1, 2, 3, "recall", "l-7", "h-3", units, 4)


def note(message: Any, reply: Any = None, **who: Any) -> Note:
    return Note(message, reply or Done(), **who)


def refused(message: Any, reason: Any, **who: Any) -> Note:
    return Note(message, Refused(reason, SECRET, SECRET), "192.0.2.7", **who)


ops = admin_requests
NOTES: list[tuple[Note, list[str]]] = [
    (note(commands.HostSilent("h-3", 5)), ["warning host_silent: host r1-01 (h-3) is silent"]),
    (
        note(UnknownVms(2), host="h-3"),
        [
            "warning host_unknown_vms: host r1-01 (h-3) runs VMs of another copy of this exchange, "
            "which end in a minute: 2"
        ],
    ),
    (note(commands.HostBack("h-3")), ["info host_back: host r1-01 (h-3) is back"]),
    (
        note(commands.HostLost("h-3"), outs=[("b", frames.Notice(1, 2, 3, "host_lost", "l-7"))]),
        ["error host_lost: host r1-01 (h-3) is lost; leases that end: 1"],
    ),
    (
        note(
            commands.EnrollHost(SECRET, "r1", SECRET, "key"),
            Done({"host": "h-3", "status": "pending"}),
        ),
        ["info host_enrolled: host r1-01 (h-3) enrolled, pending"],
    ),
    (
        note(requests.HostApprove(req_id=1, host="h-3")),
        ["info host_approved: host r1-01 (h-3) is approved"],
    ),
    (
        note(requests.HostDrain(req_id=1, host="h-3", enabled=True)),
        ["info host_drain: host r1-01 (h-3) drains"],
    ),
    (
        note(
            requests.HostOffer(req_id=1, host="h-3", residual_below_pct=7),
            Done({"host": "h-3", "offered": None, "residual_below_pct": 7}),
        ),
        ["info host_limit: host r1-01 (h-3) may offer all it has, while its own load is below 7 %"],
    ),
    (note(ANNOUNCE, LIVE, host="h-3"), ["info host_live: host r1-01 (h-3) is live"]),
    (
        note(ANNOUNCE, Done({"host": "h-3", "status": "syncing"}), host="h-3", outs=[recall(2)]),
        ["info recall: recall of 2 units of l-7 on h-3"],
    ),
    (
        note(requests.LeaseRecall(req_id=1, lease_id="l-7"), outs=[recall(4)]),
        ["info recall: recall of 4 units of l-7 on h-3"],
    ),
    (note(ops.AdminHalt(req_id=1, halted=True)), ["warning halt: trading of all is halted"]),
    (
        note(ops.AdminHalt(req_id=1, halted=False, symbol="s")),
        ["warning halt_lifted: trading of s goes on"],
    ),
    (
        note(ops.AdminKillSwitch(req_id=1, enabled=True, account="acme")),
        ["warning kill_switch: kill switch of acme is on"],
    ),
    (
        note(ops.AdminKillSwitch(req_id=1, enabled=False)),
        ["warning kill_switch_lifted: kill switch of all is off"],
    ),
    (note(ops.AdminKeyRevoke(req_id=1, key_id="k-3")), ["info key_revoked: key k-3 revoked"]),
    (
        note(ops.AdminDeposit(req_id=1, account="acme", amount_ucr=5, ref=SECRET)),
        ["info deposit: deposit of 5 ucr for acme"],
    ),
    (note(STORED), [f"info image_stored: image {'ab' * 6} of acme stored, 9 bytes"]),
    (
        note(commands.ImageDeleted("acme", "ab" * 32)),
        [f"info image_deleted: image {'ab' * 6} deleted by acme"],
    ),
    (
        note(AUTH, Done({"role": "trader"}), peer="192.0.2.7", account="acme", key_id="k-3"),
        ["debug login: login: 192.0.2.7, key k-3 of acme, trader"],
    ),
    (
        note(APPLY, Done({"application": "a-1"}), peer="192.0.2.7"),
        ["info application: application a-1 for an account waits, from 192.0.2.7"],
    ),
    (
        refused(AUTH, "bad_signature"),
        ["warning login_refused: login refused: 192.0.2.7, key k-3-with...: bad_signature"],
    ),
    (
        refused(ENROLL, "bad_token"),
        ["warning enroll_refused: enrollment refused: 192.0.2.7: bad_token"],
    ),
    (
        refused(ops.AdminHalt(req_id=1, halted=True, symbol="x"), "unknown_symbol", account="op"),
        ["info request_refused: admin.halt of op refused: unknown_symbol"],
    ),
    (
        refused(requests.OrderCancel(req_id=1, client_order_id=SECRET), "internal", account="a"),
        ["warning request_refused: order.cancel of a refused: internal"],
    ),
]


def brief(told: LogLine) -> str:
    return f"{told.level} {told.event}: {told.text}"


@pytest.mark.parametrize(("taken", "said"), NOTES)
def test_a_note_is_one_sentence_and_quotes_nobody(taken: Note, said: list[str]) -> None:
    lines = HostLog({"h-3": "r1-01"}.__getitem__).lines(taken)
    assert [brief(told) for told in lines] == said
    assert SECRET not in "".join(as_json(told, AT_MS) + as_text(told, AT_MS) for told in lines)


def test_a_host_is_told_to_be_live_once_until_it_falls_silent() -> None:
    hosts = HostLog({"h-3": "r1-01"}.__getitem__)
    live, silent = note(ANNOUNCE, LIVE, host="h-3"), note(commands.HostSilent("h-3", 5))
    events = [[told.event for told in hosts.lines(one)] for one in (live, live, silent, live)]
    assert events == [["host_live"], [], ["host_silent"], ["host_live"]]


OWN: list[tuple[LogLine, str]] = [
    (
        log_events.started("1.2", "compiled", "market", "ws://x", 9, 40, 7),
        "info started: headroom 1.2 (compiled) serves market at ws://x: row 9, from the snapshot",
    ),
    (log_events.standing_by("ws://b", 7), "info standing_by: standby at ws://b: row 7"),
    (log_events.journal_away("no"), "warning journal_away: the journal cannot be read, going on"),
    (log_events.took_over(7), "warning took_over: nobody serves this exchange any more"),
    (log_events.stopped(0, "asked"), "info stopped: the exchange stops, exit code 0: asked"),
    (log_events.stopped(70, "disk"), "error stopped: the exchange stops, exit code 70: disk"),
    (
        log_events.quarantine(2),
        "warning quarantine: requests that stopped the exchange before and are refused: 2",
    ),
    (
        log_events.slow_batch(300, 20, 5),
        "warning slow_batch: a batch of 5 rows took 300 ms, 20 of them before its commit",
    ),
    (
        log_events.lease_awaited("a:7", 900),
        "info leader: a:7 leads for another 900 ms; waiting",
    ),
    (log_events.snapshot_written(9, 100, 8), "info snapshot: snapshot of row 9: 100 bytes in 8 ms"),
    (
        log_events.past_unchecked(7, "x"),
        "warning rows_unchecked: the rows up to 7 are not checked: x",
    ),
    (log_events.sealed(1, 9, 80), "info sealed: rows 1 to 9 are sealed: 80 bytes"),
    (log_events.seal_failed("x"), "warning seal_failed: no rows are sealed: x"),
    (log_events.snapshot_failed("x"), "warning snapshot_failed: no snapshot: x"),
    (log_events.disk("d", "cancel_only"), "error disk: d: free disk space: cancel only"),
    (log_events.disk("d", "ok"), "info disk: d: free disk space: ok"),
    (log_events.images_swept(3), "info images_swept: 3 images without an owner deleted"),
    (log_events.images_failed("x"), "warning images_failed: images: x"),
    (log_events.turned_away("::1", 429), "info turned_away: ::1 turned away: HTTP 429"),
    (log_events.opened("::1", 7), "debug connected: connection 7 from ::1"),
    (
        log_events.history_rebuilt("h"),
        "warning history_rebuilt: h: built anew from all rows of the journal",
    ),
]


@pytest.mark.parametrize(("told", "said"), OWN)
def test_what_the_process_says_of_itself(told: LogLine, said: str) -> None:
    assert brief(told).startswith(said)


def test_every_event_is_on_the_operators_page() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    lines = [told for one, _ in NOTES for told in HostLog({"h-3": "r"}.__getitem__).lines(one)]
    events = {told.event for told in lines} | {told.event for told, _ in OWN}
    assert [event for event in sorted(events) if f"`{event}`" not in page] == []


CLOSED: list[tuple[int, str, bool, str]] = [
    (1013, "reads too slowly", True, "info cut: connection 7 from ::1 of acme cut: reads too sl"),
    (4401, "the key was revoked", True, "info cut: connection 7 from ::1 of acme cut: the key"),
    (1008, "", False, "debug disconnected: connection 7 from ::1 of acme ended, code 1008"),
    (1000, "", False, "debug disconnected: connection 7 from ::1 of acme ended, code 1000"),
    (1001, "shutting down", True, "debug disconnected: connection 7 from ::1 of acme ended"),
]


@pytest.mark.parametrize(("code", "reason", "by_us", "said"), CLOSED)
def test_only_what_we_end_for_a_fault_is_a_cut(
    code: int, reason: str, by_us: bool, said: str
) -> None:
    told = log_events.closed(7, Who("::1", "acme", "k-3"), code, reason, by_us)
    assert brief(told).startswith(said)
    assert told.fields["key_id"] == "k-3"


def test_trading_leaves_no_note_and_the_rest_is_bounded() -> None:
    notes = Notes()
    cancel = requests.OrderCancel(req_id=1, client_order_id="a")
    order = commands.Command("acme", "", 1, cancel)
    notes.accepted(order, Done(), [])
    assert notes.take() == []
    silent = commands.Command("", "", 0, commands.HostSilent("h-1", 1))
    for _ in range(NOTES_MAX + 1):
        notes.accepted(silent, Done(), [])
    assert len(notes.take()) == NOTES_MAX
    assert notes.take() == []
