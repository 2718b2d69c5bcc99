"""What the log of a host says of what comes in, goes out and becomes of VMs."""

import ast
import asyncio
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from exchange.log.line import LogLine, as_json, as_text
from exchange.wire.instructions import HostLimit, HostSync, VmKill, VmLaunch
from exchange.wire.requests import HostAnnounce, VmStatus
from exchange.wire.types import Capacity, ToldCapacity, VmState
from hostagent.core import log_events, offer_log
from hostagent.core.log_events import VmLog
from hostagent.core.memory_hypervisor import MemoryHypervisor
from hostagent.core.offer import NOTHING
from hostagent.core.offer_log import ResidualLog
from hostagent.core.offering import Offering
from hostagent.core.own_use import Used
from hostagent.core.ports import (
    ConsoleSeen,
    DomainStarted,
    FetchImage,
    GuestReady,
    HypervisorError,
    ImageFailed,
    Load,
    Observe,
    ObservedDomain,
    Send,
    StartDomain,
)
from hostagent.core.vm import ordered
from hostagent.machine.forwarder import Forwarder
from hostagent.machine.images import ImageCache
from hostagent.machine.machine import Machine
from tests.exchange.support.harness import ROOT

MAKERS = {"line", "vm_trouble"}
FOR_DEVELOPERS = {"guest_connection", "not_for_a_host"}
"""Events of level debug."""
SECRET = "fL4g-never-logged"
ROOM = Capacity(mvcpu=4_000, mem_mib=9_000, disk_mib=50_000)
LAUNCH = VmLaunch(
    instruction_id="i-1",
    epoch=1,
    vm_id="v-3",
    lease_id="l-7",
    class_="small",
    shape=ToldCapacity(1_000, 1_024, 10_240),
    image="ab" * 32,
    cmdline=f"password={SECRET} quiet",
    user_data=SECRET,
    ports=[80],
    allow_from=[],
)
SPEC = ordered(LAUNCH, "boot-1").spec
OFFER = HostAnnounce(
    req_id=1,
    capacity=ROOM,
    offered=ROOM,
    classes=["nano", "small"],
    cpu_model="x",
    accel="kvm",
    agent_version="1",
    boot_id="b",
)
LIMIT = HostLimit("i-2", 1, ToldCapacity(1_000, 2, 3))

MESSAGES: list[tuple[Any, str]] = [
    (LAUNCH, "info launch: told to run v-3 of l-7, small, image abababababab"),
    (VmKill("i-1", 1, "v-3", 500), "info kill: told to stop v-3, grace 500 ms"),
    (LIMIT, "info limit: the owner's limit: at most 1000 mvcpu, 2 MiB memory, 3 MiB disk"),
    (HostLimit("i-2", 1), "info limit: the owner's limit: no limit"),
    (HostSync("s-1", 1, [], [LAUNCH]), "info sync: told all there is to run: 1 VM of 0 leases"),
    (GuestReady("v-3"), "info vm_ready: v-3 serves"),
    (
        ImageFailed("ab" * 32, "image_invalid"),
        "warning image_failed: image abababababab cannot be used: image_invalid",
    ),
    (ConsoleSeen("r-1", SECRET), ""),
    (DomainStarted("v-3"), ""),
]
OUTS: list[tuple[Any, str]] = [
    (Send(OFFER), ""),
    (FetchImage("ab" * 32), "info image_fetch: fetching image abababababab"),
    (StartDomain(SPEC), ""),
    (Observe(), ""),
    (Send(VmStatus(req_id=1, vm_id="v-3", state="running")), ""),
]


def brief(told: LogLine | None) -> str:
    if told is None:
        return ""
    assert SECRET not in as_json(told, 1) + as_text(told, 1)
    return f"{told.level} {told.event}: {told.text}"


@pytest.mark.parametrize(("message", "said"), MESSAGES)
def test_what_a_message_is_to_the_owner(message: Any, said: str) -> None:
    assert brief(log_events.of_message(message)) == said


@pytest.mark.parametrize(("out", "said"), OUTS)
def test_what_an_effect_is_to_the_owner(out: Any, said: str) -> None:
    assert brief(log_events.of_out(out)) == said


OFFERING = Offering(ROOM, ROOM, Used(5000, 10_000), Used(400, 2000), 12.5)
TOTAL = "the server has 5000 mvcpu and 10000 MiB; its reserve is 1000 mvcpu and 1000 MiB"
OWN = "its own work takes 400 mvcpu and 2000 MiB"


def test_an_offer_says_where_its_numbers_come_from() -> None:
    """(Seen to fail: only the numbers were told.)"""
    room = "4000 mvcpu, 9000 MiB memory, 50000 MiB disk"
    assert brief(offer_log.offer(OFFERING, ["nano", "small"])) == (
        f"info offer: offers {room}, classes nano, small; {TOTAL}; "
        f"{OWN} (measured over 12.5 of 24 h); no limit"
    )
    unknown = replace(OFFERING, hours=0, limit=ToldCapacity(1, 2, 3))
    assert brief(offer_log.capacity(unknown, "tcg")) == (
        f"info capacity: offering {room} (tcg); {TOTAL}; "
        f"{OWN} (not measured yet); the owner's limit is 1 mvcpu, 2 MiB memory, 3 MiB disk"
    )


def test_a_residual_offer_says_when_it_opens_and_closes_and_why() -> None:
    said = ResidualLog()
    closed = replace(OFFERING, offered=NOTHING, below_pct=10, open=False)
    opened = replace(OFFERING, below_pct=10)
    told = [brief(one) for now in (closed, closed, opened, opened) for one in said.changes(now)]
    assert [one.partition(":")[0] for one in told] == ["info residual_closed", "info residual_open"]
    assert "own load below 10 % for 5 min" in told[1]
    assert "400 mvcpu" in told[1]
    assert "offering 4000 mvcpu" in told[1]
    assert brief(said.changes(closed)[0]).endswith("offering nothing")
    assert "the threshold is lifted" in brief(said.changes(OFFERING)[0])


def test_a_vm_is_told_at_each_stage_once() -> None:
    told, vm = VmLog(), ordered(LAUNCH, "boot-1")
    vms = {"v-3": vm}

    def said() -> list[str]:
        return [brief(line) for line in told.changes(vms, adopting=False)]

    assert said() == ["info vm_starting: v-3 is starting"]
    assert said() == []
    vm.state = "running"
    assert said() == ["info vm_running: v-3 is running"]
    vm.reap_ms = 60_000
    assert said() == ["warning orphan: nobody wants v-3: it will be ended"]
    vm.state, vm.reason = "failed", "crashed"
    assert said() == ["warning vm_failed: v-3 is failed: crashed"]
    vms.clear()
    assert said() == []


def test_a_vm_that_was_found_is_adopted() -> None:
    vm = ordered(LAUNCH, "boot-1")
    vm.state = "running"
    lines = VmLog().changes({"v-3": vm}, adopting=True)
    assert [brief(line) for line in lines] == ["info adopted: adopted v-3, running"]


def test_a_hypervisors_complaint_quotes_nothing_of_the_renters() -> None:
    spec = replace(SPEC, user_data=f"line\n{SECRET}-2")
    why = f"qemu: -append '{spec.cmdline}': no such option, {spec.user_data}, password={SECRET}"
    assert "v-3 does not start: qemu: -append " in brief(log_events.not_started(spec, why))


class Restarting(MemoryHypervisor):
    """A hypervisor that does not answer while it is ``away``."""

    away = True

    def observe(self) -> list[ObservedDomain]:
        if self.away:
            raise HypervisorError("cannot connect to libvirtd")
        return super().observe()


def test_a_hypervisor_that_goes_and_comes_is_told_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However often the core looks meanwhile. (Seen to fail: a line a look, none at the end.)"""

    async def nothing(sha256: str, path: Path) -> str:
        raise AssertionError("no image is fetched here")

    async def story() -> None:
        forwarder = Forwarder("127.0.0.1", 33_000, 33_001)
        hypervisor = Restarting(lambda: 0)
        here = Machine(hypervisor, ImageCache(tmp_path, nothing), forwarder, Load, lambda: 0)
        for away in (True, True, True, False, False):
            hypervisor.away = away
            await here.carry_out(Observe())
        await here.close()

    caplog.set_level("INFO", "headroom")
    asyncio.run(story())
    assert caplog.messages == [
        "the hypervisor does not answer: cannot connect to libvirtd",
        "the hypervisor answers again",
    ]


def events(source: str) -> set[str]:
    """Return the events that ``source`` names: the second argument of what makes a line."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    makers = [call for call in calls if ast.unparse(call.func).split(".")[-1] in MAKERS]
    words = [call.args[1] for call in makers if len(call.args) > 1]
    return {str(word.value) for word in words if isinstance(word, ast.Constant)}


def test_every_event_is_on_the_owners_page() -> None:
    """(Seen to fail with a row of the table taken out.)"""
    sources = [path.read_text() for path in (ROOT / "hostagent").rglob("*.py")]
    found = {event for source in sources for event in events(source)} - FOR_DEVELOPERS
    found |= {f"vm_{state}" for state in get_args(VmState) if state != "requested"}
    assert {"started", "residual_open", "unreached", "vm_failed", "swept"} <= found
    page = (ROOT / "docs" / "hosts.md").read_text()
    assert [event for event in sorted(found) if f"`{event}`" not in page] == []
