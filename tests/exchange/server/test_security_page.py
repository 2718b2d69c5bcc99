"""The bounds that security.md, "Limits", tells are those of the code."""

from typing import Any

import pytest

from exchange import bucket, units
from exchange.feed import directory
from exchange.gateway import console_requests, gateway
from exchange.log import rate
from exchange.model import records
from exchange.server import (
    admission,
    backlog,
    connection,
    history_server,
    image_server,
    inflow,
    listening,
    pump,
    turns,
)
from exchange.session import addresses, consoles, limits, session, sign_ups, uploads
from exchange.wire import session_requests, types
from tests.exchange.support.harness import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
BOUNDS = PAGE.partition("## Limits")[2].partition("\n## ")[0].splitlines()
MIB = 1024 * 1024

ROWS: list[tuple[str, list[Any]]] = [
    ("frame to `/v1/ws`", [types.MAX_FRAME_BYTES]),
    ("frame to a client", [types.SENT_FRAME_BYTES]),
    ("unreadable frames in a row", [session.BAD_FRAMES_MAX]),
    ("TLS and upgrade", [listening.OPEN_TIMEOUT_S, admission.HANDSHAKES_MAX]),
    ("connections", [admission.CONNECTIONS_MAX]),
    (
        "connections without a login or subscription",
        [gateway.ANONYMOUS_MAX, session.LOGIN_MS // 1000],
    ),
    ("connections of an account, hosts not counted", [limits.CONNECTIONS_PER_ACCOUNT_MAX]),
    (
        "connections of one remote address",
        [addresses.REMOTE.open_max, addresses.REMOTE.connects_per_s],
    ),
    (
        "failed logins and enrollments of one remote address",
        [addresses.REMOTE.failures_per_s],
    ),
    (
        "applications for an account",
        [units.MS_PER_MINUTE // addresses.APPLY_EVERY_MS, sign_ups.PENDING_MAX],
    ),
    ("frames before login of one remote address", [addresses.REMOTE.frames_per_s]),
    (
        "orders, and separately cancels, of an account",
        [records.Limits().orders_per_s],
    ),
    ("all other changes of an account", [limits.CHANGES_SAVED_S]),
    ("orders canceled at once, by one request or a lost connection", [bucket.DEBT_S]),
    (
        "orders gone through without being changed: a `fok`, `min_qty` or replace in a deep book, "
        "a mass cancel that finds few, a host's asks",
        [limits.LOOKED_AT_PER_TOKEN, bucket.DEBT_S],
    ),
    ("what a host says", [limits.HOST_PER_S, limits.HOST_SAVED_S]),
    ("changes by the operator's keys", [limits.OPERATOR_PER_S, limits.OPERATOR_SAVED_S]),
    (
        "questions and subscriptions of a connection",
        [limits.COSTLY_PER_S, limits.COSTLY_SAVED_S],
    ),
    ("answers to an account", [limits.ANSWERS_PER_S // 1024, limits.ANSWERS_SAVED_S]),
    (
        "rows gone through to find the first of a page, or to tell an account's from others'",
        [limits.LOOKED_AT_BYTES],
    ),
    (
        "answers to a connection without a login",
        [limits.STRANGER_PER_S // 1024, limits.STRANGER_SAVED_S],
    ),
    ("searches of the directory, of an account or an address", [directory.SEARCHES_PER_S]),
    (
        "requests refused or unreadable, of an account or a connection",
        [limits.REFUSALS_PER_S, limits.REFUSALS_SAVED_S],
    ),
    ("questions about the past under way", [history_server.WAITING_MAX]),
    ("enrollments of one address", [addresses.ENROLLMENTS_PER_S, addresses.ENROLLMENTS_SAVED_S]),
    (
        "handshakes of all addresses together",
        [admission.HANDSHAKES_PER_S, admission.HANDSHAKES_SAVED_S, admission.HANDSHAKE_GAP_MS],
    ),
    ("images moved at once on a connection", [1]),
    (
        "chunks of an upload that wait for the disk",
        [image_server.QUEUED_MAX_BYTES // 1024],
    ),
    (
        "reads of consoles under way, of a VM and of a host",
        [consoles.PER_VM_MAX, types.CONSOLE_READS_MAX, console_requests.ANSWER_MS // 1000],
    ),
    ("a console's text", [types.CONSOLE_LINES_MAX, types.CONSOLE_MAX_BYTES]),
    ("subscriptions of a connection", [session.SUBSCRIPTIONS_MAX]),
    ("request line and headers", [inflow.HANDSHAKE_MAX_BYTES]),
    (
        "pings, pongs, fragments and upload chunks below 1,024 bytes, of a connection",
        [inflow.SMALL_PER_S, inflow.SMALL_SAVED_S],
    ),
    ("frames of a connection parsed in one turn", [inflow.TURN_FRAMES]),
    ("frames of a connection taken at once", [inflow.PENDING_MAX]),
    ("work for connections without a login, all together", [round(turns.STRANGERS_S * 1000)]),
    ("frames of a connection handled before it is another's turn", [turns.TURN_ITEMS]),
    ("read off a connection's socket at once", [connection.READ_BYTES // 1024]),
    ("work of one batch", [round(pump.TURN_S * 1000), round(pump.TURN_MAX_S * 1000)]),
    ("a connection told to close", [round(connection.ABORT_AFTER_S)]),
    ("names that a connection claims", [session_requests.CLAIMS_MAX]),
    ("work waiting in the exchange", [pump.QUEUE_MAX]),
    (
        "frames waiting for a slow reader",
        [backlog.BACKLOG_MAX_MS // 1000, backlog.BACKLOG_MAX_BYTES // MIB],
    ),
    ("frames waiting for all slow readers", [admission.BACKLOG_TOTAL_MAX_BYTES // MIB]),
    ("a peer that takes nothing of what was written", [int(admission.STALLED_MAX_S)]),
    ("addresses remembered", [addresses.ADDRESSES_MAX]),
    (
        "lines of one event in the log",
        [rate.PER_S * rate.SAVED_S, rate.PER_S],
    ),
    ("images of an account, uploads under way included", [uploads.QUOTA_BYTES // MIB // 1024]),
]


@pytest.mark.parametrize(("what", "bounds"), ROWS, ids=[what for what, _ in ROWS])
def test_a_row_of_the_table(what: str, bounds: list[int]) -> None:
    (row,) = [line for line in BOUNDS if line.startswith(f"| {what} |")]
    bound = row.split("|")[2]
    assert [f"{number:,}" for number in bounds if f"{number:,}" not in bound] == []


def test_every_row_names_a_test_that_exists() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = [line.split("|")[4].strip(" `") for line in BOUNDS if line.startswith("| ")]
    missing = [name for name in named[1:] if f"def test_{name}(" not in tests]
    assert missing == []


def test_every_row_is_checked() -> None:
    rows = [line for line in BOUNDS if line.startswith("| ")]
    assert len(rows) == len(ROWS) + 1
    assert f"saved up for {addresses.REMOTE.saved_s} s" in PAGE
