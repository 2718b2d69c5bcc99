"""Looks that are made ahead, or left out, leave a host where each look at its time would."""

from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.wire.frames import Ack
from exchange.wire.instructions import HostLimit
from exchange.wire.terms import DEFAULT_CLASSES
from exchange.wire.types import Capacity
from hostagent.core.core import HostConfig, HostCore
from hostagent.core.ports import LinkUp, Load, Observed, Out, Send
from hostagent.core.vm import USAGE_EVERY_MS
from sim.actors.looks_ahead import LOOKS_MAX, LastLook, LooksAhead
from sim.run.world import World
from sim.scenario.file import Loaded
from tests.hostagent.rig import Rig, kill, launch
from tests.sim.scenes import RULES, loaded, scene

EVERY_MS: Final = 30_000
CAPACITY: Final = Capacity(mvcpu=4000, mem_mib=8192, disk_mib=65536)
CONFIG: Final = HostConfig(
    capacity=CAPACITY,
    classes=DEFAULT_CLASSES,
    boot_id="b",
    host_mvcpu=4000,
    host_mem_mib=16384,
    shared=("mvcpu", "mem_mib"),
    observe_ms=EVERY_MS,
)

BURST: Final = """
[[seller]]
name = "office"
hosts = 2
host = {mvcpu = 4000, mem_mib = 8192, disk_mib = 65536}
price = 0.02
offer = {kind = "residual", below_pct = 30}
[seller.own_load]
kind = "flash"
base = 0.05
peak = 0.9
at_s = 500
ramp_s = 60
hold_s = 400
decay_s = 60
"""
FAULTS: Final = """
[random_faults]
kinds = ["host_crash", "partition", "boot_failures", "exchange_restart"]
per_hour = 40.0
"""


class Loads:
    """The load of a server by time: a value holds for so many looks."""

    def __init__(self, drawn: list[tuple[int, int]]) -> None:
        self._values = [pct for pct, count in drawn for _ in range(count)]

    def at(self, at_ms: int) -> Load:
        pct = self._values[at_ms // EVERY_MS % len(self._values)]
        return Load(cpu_pct=float(pct), mem_pct=float(pct) / 2)

    def seen(self, at_ms: int) -> Observed:
        """Return what is seen at a time of a server without VMs."""
        return Observed(at_ms, [], self.at(at_ms), {})


def host(limit: HostLimit, load: Load) -> HostCore:
    """Return a host that is connected, without news."""
    core = HostCore(CONFIG)
    core.apply(Observed(0, [], load, {}), 0)
    for message in (LinkUp(), limit):
        told(core, core.apply(message, 0))
    core.beats.end()
    return core


def told(core: HostCore, outs: list[Out]) -> list[Out]:
    """Let the exchange take in what ``core`` sends."""
    for out in outs:
        req_id = getattr(out.message, "req_id", None) if isinstance(out, Send) else None
        if req_id is not None:
            core.apply(Ack(req_id=req_id), 0)
    return outs


def look(core: HostCore, loads: Loads) -> list[Out]:
    at_ms = core.looks.due_ms
    assert at_ms is not None
    return told(core, core.apply(loads.seen(at_ms), at_ms))


def where(core: HostCore) -> tuple[object, ...]:
    return core.offer.offering(), core.offer.load(), core.offer.kept(), core.looks.due_ms


LIMITS: Final = st.builds(
    HostLimit,
    instruction_id=st.just("i"),
    epoch=st.just(1),
    offered=st.none(),
    residual_below_pct=st.none() | st.integers(1, 100),
)
LOADS: Final = st.lists(
    st.tuples(st.integers(0, 100), st.integers(1, 40)), min_size=1, max_size=12
).map(Loads)
PAUSES_MS: Final = st.lists(st.integers(0, 2 * LOOKS_MAX * EVERY_MS), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(LIMITS, LOADS, PAUSES_MS)
def test_a_host_is_where_each_look_would_have_led(
    limit: HostLimit, loads: Loads, pauses_ms: list[int]
) -> None:
    each, ahead = host(limit, loads.at(0)), host(limit, loads.at(0))
    left_out = LooksAhead(ahead, loads.seen)
    said: list[list[Out]] = [[], []]
    now_ms = 0
    for pause_ms in pauses_ms:
        now_ms += pause_ms
        while (each.looks.due_ms or 0) <= now_ms:
            said[0] += [out for out in look(each, loads) if isinstance(out, Send)]
        while (due_ms := left_out.due_ms() or 0) <= now_ms:
            left_out.settle(due_ms - 1)
            said[1] += [out for out in look(ahead, loads) if isinstance(out, Send)]
        left_out.settle(now_ms)
        assert where(ahead) == where(each)
        assert said[0] == said[1]


def test_a_steady_host_wakes_once_in_many_looks() -> None:
    loads = Loads([(5, 1)])
    core = host(HostLimit(instruction_id="i", epoch=1), loads.at(0))
    left_out = LooksAhead(core, loads.seen)
    wakes_ms = [0]
    while len(wakes_ms) < 12:
        due_ms = left_out.due_ms() or 0
        assert left_out.covers(due_ms - 1)
        left_out.settle(due_ms - 1)
        look(core, loads)
        wakes_ms.append(due_ms)
    assert wakes_ms[-1] - wakes_ms[-2] == (LOOKS_MAX + 1) * EVERY_MS
    left_out.due_ms()
    left_out.settle(wakes_ms[-1] + EVERY_MS)
    assert left_out.due_ms() == wakes_ms[-1] + 2 * EVERY_MS, "it was disturbed"


def with_vms() -> Rig:
    """Return a host in memory on which two VMs serve."""
    rig = Rig()
    rig.connect()
    for number in ("1", "2"):
        rig.tell(launch(f"v-{number}", f"i-{number}"))
    rig.run(177_000)
    return rig


@pytest.mark.parametrize("kind", [LastLook, LooksAhead])
@settings(max_examples=15, deadline=None)
@given(pause_ms=st.integers(0, USAGE_EVERY_MS - 200_000))
def test_meters_are_where_each_look_would_have_led(
    kind: type[LastLook | LooksAhead], pause_ms: int
) -> None:
    each, lean = with_vms(), with_vms()

    def look_at(at_ms: int) -> Observed:
        lean.now_ms = at_ms
        return lean.server.observed()

    left_out, until_ms = kind(lean.core, look_at), lean.now_ms + pause_ms
    each.run(pause_ms)
    lean.core.beats.pass_over(until_ms)
    while True:
        due_ms = left_out.due_ms()
        if due_ms is None or due_ms > until_ms:
            break
        left_out.settle(due_ms - 1)
        lean.core.apply(look_at(due_ms), due_ms)
    left_out.settle(until_ms)
    for vm_id, vm in lean.core.vms.items():
        assert vm.meter == each.core.vms[vm_id].meter
    assert lean.core.looks.due_ms == each.core.looks.due_ms


def test_looks_at_vms_that_run_wait_for_the_next_thing_due() -> None:
    core = with_vms().core
    left_out = LastLook(core, lambda at_ms: Observed(at_ms, []))
    assert left_out.due_ms() == core.vms_due_ms
    assert left_out.covers((core.vms_due_ms or 0) - 1)
    assert not left_out.covers(core.vms_due_ms or 0)


@pytest.mark.parametrize("kind", [LastLook, LooksAhead])
def test_each_look_is_made_while_a_vm_stops(kind: type[LastLook | LooksAhead]) -> None:
    rig = with_vms()
    rig.tell(kill(grace_ms=60_000))
    left_out = kind(rig.core, lambda at_ms: rig.server.observed())
    assert left_out.due_ms() == rig.core.looks.due_ms
    assert not left_out.covers(rig.now_ms)


def runs(found: Loaded, seed: int) -> tuple[World, World]:
    full = World(found, "threshold", seed, keep_rows=True, leaves_out=False)
    lean = World(found, "threshold", seed, keep_rows=True)
    return full, lean


@pytest.mark.parametrize("more", [BURST, BURST + FAULTS])
def test_a_run_goes_the_same_way(tmp_path: Path, more: str) -> None:
    # So long that VMs report what they used, which is counted once an hour.
    found = loaded(tmp_path, scene(more, duration_s=7500, rules=RULES.replace("< 40", "< 2")))
    full, lean = runs(replace(found, check="laws"), 3)
    assert lean.run().digest == full.run().digest
    assert lean.stage.marketplace.rows == full.stage.marketplace.rows
