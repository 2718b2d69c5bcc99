"""The console's text, made of the agent's own log lines."""

import json
from typing import Any

import pytest

from exchange.log.line import as_json
from exchange.wire.types import Capacity
from hostagent.core import log_events, offer_log
from hostagent.core.exchange_time import SkewLog
from hostagent.core.offering import Offering
from hostagent.core.own_use import Used
from hostagent.live.status import Status, host_of, said_plainly, screen, told, why_not_joined
from manager.core import log_events as manager_log

ROOM = Capacity(mvcpu=1, mem_mib=2, disk_mib=3)
OFFERING = Offering(ROOM, ROOM, Used(2, 3), Used(1, 1), 0)
URL = "wss://headroom.example/v1/ws"


def entry(line: Any) -> dict[str, Any]:
    return dict(json.loads(as_json(line, 0)))


STEPS: list[tuple[Any, dict[str, Any]]] = [
    (log_events.connected(URL, "a-1"), {"state": "connected", "account": "a-1"}),
    (log_events.listed("h-1", "pending"), {"state": "pending"}),
    (log_events.listed("h-1", "syncing"), {"state": "connected"}),
    (log_events.listed("h-1", "live"), {"state": "live"}),
    (log_events.disconnected("gone"), {"state": "away", "why": "disconnected: gone"}),
    (log_events.unreachable("no route"), {"state": "away", "why": "no route; dialing again"}),
    (log_events.hypervisor_lost("x"), {"why": "the hypervisor does not answer: x"}),
    (log_events.acceleration("KVM works"), {"accel": "KVM works"}),
    (offer_log.capacity(OFFERING, "tcg"), {}),
    (
        offer_log.offer(OFFERING, ["nano"]),
        {"offers": "1 mvcpu, 2 MiB memory, 3 MiB disk, classes nano"},
    ),
]


@pytest.mark.parametrize(("line", "fields"), STEPS)
def test_a_line_of_the_agent_changes_the_status(line: Any, fields: dict[str, Any]) -> None:
    """Seen to fail with another name of an event than the agent's."""
    after = told(Status(), entry(line))
    assert {name: getattr(after, name) for name in fields} == fields


def test_a_wrong_clock_is_noted_until_it_is_right() -> None:
    """Seen to fail: only the log said so, which nobody can read on a booted server."""
    log = SkewLog()
    wrong, right = log.look(-3_600_000), log.look(0)
    status = told(Status(role="host"), entry(wrong))
    assert "  ! this server's clock is 3,600.0 s behind the exchange's" in screen(status, "")
    assert "clock" not in screen(told(status, entry(right)), "")


def test_a_vm_counts_until_it_ends() -> None:
    status = Status()
    for event in ("vm_starting", "vm_running", "vm_ready"):
        status = told(status, {"event": event, "vm": "v-1", "text": ""})
    assert status.vms == {"v-1": "ready"}
    assert told(status, {"event": "vm_failed", "vm": "v-1"}).vms == {}


def test_the_screen_holds_no_control_characters_and_fits() -> None:
    status = Status(state="away", role="host", name="r\x1b[2J", why="x" * 500, notes=("n\x07",))
    shown = screen(status, "0.1")
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_screen() -> None:
    status = Status(
        state="live", role="host", name="live-1", host="h-1", url=URL, vms={"v-1": "ready"}
    )
    assert screen(status, "0.5 of 2 CPUs").splitlines()[1:8] == [
        "  Headroom host",
        "",
        "  name       live-1",
        "  host       h-1",
        f"  exchange   {URL}",
        "  state      live",
        "  sold       1 VM",
    ]


@pytest.mark.parametrize(
    ("said", "host"),
    [
        ("enrolled as h-1, pending", "h-1"),
        ("enrolled again as h-12, approved; its earlier key no longer works", "h-12"),
        ("something else", ""),
    ],
)
def test_the_hosts_id_in_what_enroll_prints(said: str, host: str) -> None:
    assert host_of(said) == host


def test_a_server_that_joins_anew_is_told_what_it_waits_for() -> None:
    """Seen to fail: it said to stop an agent that was gone with the boot before."""
    refused = "invalid_field: hardware_id: h-1 has this hardware and is live; stop its agent first"
    shown = why_not_joined(f"headroom: enroll: {refused}, or take_over")
    assert shown.startswith("h-1, this server before it was booted, still counts as live; waiting")
    assert why_not_joined("headroom: enroll: bad_token") == "bad_token"


MANAGER: list[tuple[Any, dict[str, Any]]] = [
    (
        manager_log.started("1.0", URL, "a-1", 3),
        {"state": "live", "account": "a-1", "rules": 3, "url": URL},
    ),
    (manager_log.disconnected("gone"), {"state": "away", "why": "disconnected: gone"}),
    (manager_log.connected(), {"state": "live", "why": ""}),
    (manager_log.load("no figure"), {"state": "starting", "why": "no figure"}),
    (manager_log.load(""), {"state": "starting", "why": ""}),
    (manager_log.stopped(), {"state": "starting"}),
]


@pytest.mark.parametrize(("line", "fields"), MANAGER)
def test_a_line_of_the_manager_changes_the_status(line: Any, fields: dict[str, Any]) -> None:
    """Seen to fail: ``connected`` was read as the host agent's."""
    after = told(Status(role="manager"), entry(line))
    assert {name: getattr(after, name) for name in fields} == fields


def test_the_managers_screen_says_only_what_there_is() -> None:
    status = Status(
        state="live",
        role="manager",
        name="m-1",
        url=URL,
        account="a-1",
        rules=2,
        balancer="HAProxy is ready",
    )
    assert screen(status, "0.5").splitlines()[1:10] == [
        "  Headroom manager",
        "",
        "  name       m-1",
        f"  exchange   {URL}",
        "  account    a-1",
        "  state      live",
        "  rules      2",
        "  balancer   HAProxy is ready",
        "  load       0.5",
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("headroom: run: m.pem: no such file\n", "run: m.pem: no such file"),
        ("\n", "before"),
        ("x" * 500, "x" * 160),
    ],
)
def test_why_a_program_ended_is_shown(line: str, why: str) -> None:
    assert said_plainly(Status(why="before"), line).why == why
