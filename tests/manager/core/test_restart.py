"""A Manager that starts again knows of its leases what the one before it knew.

The same plan is played with and without restarts; what was released, what waits for its bond, what
was started and what counts as capacity must be equal. Pauses after failures are ended at once: from
charges a restart can only estimate them (test_backoff.py). Seen to fail with `Account._match`
ignoring a lease's ``recalls``, ``silent_since_ms`` or ``idle``, and before a lease in its notice
kept its units.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.wire.frames import LeaseUpdate, Notice, VmUpdate
from exchange.wire.requests import LeaseRelease, OrderPlace, VmStart, VmStop
from exchange.wire.types import IdleUnit, Recall, VmState
from manager.core.messages import (
    BackendsSeen,
    Connected,
    DrainBackend,
    LoadSample,
    Out,
    RegisterBackend,
    Resume,
)
from manager.core.paper import PaperLease
from manager.core.windows import window_symbol
from tests.manager.farm import (
    BOOT_MS,
    BURST,
    MINUTE_MS,
    NOTICE_MS,
    START_MS,
    Farm,
    come_back,
    fail,
    fall_silent,
    leave,
    new_manager,
    pass_time,
    recall,
    requests,
)


def lose(farm: Farm, lease_id: str) -> None:
    """The Manager hears of it; of a lease that ended while none ran the account tells nothing."""
    farm.paper.end(lease_id, "host_lost")
    farm.paper.advance(farm.now_ms)


RULE = BURST | {"cooldown": "4h"}
UNITS = 4
THIS_HOUR = window_symbol("small", "eu-de", "flat", START_MS)
EVENTS: Final[dict[str, Callable[[Farm, str], None]]] = {
    "recall": recall,
    "silent": fall_silent,
    "back": come_back,
    "fail": fail,
    "lost": lose,
    **{f"leave {steps}": partial(leave, steps=steps) for steps in range(5)},
}

steps = st.tuples(
    st.sampled_from(sorted(EVENTS)), st.integers(0, UNITS - 1), st.integers(1, 150), st.booleans()
)


def can_fail(lease: PaperLease) -> bool:
    """A VM that fails before it ran is a failed launch, which ends the unit at the exchange; and a
    silent host reports nothing."""
    ran = lease.vm is not None and lease.vm.ready_ms is not None
    return ran and lease.row.silent_since_ms is None


def play(plan: list[tuple[str, int, int, bool]], restarts: bool) -> dict[str, Any]:
    """Play ``plan`` of (event, lease, seconds after it, restart there); return what came of it."""
    farm = Farm(RULE)
    farm.load(90, for_ms=2 * MINUTE_MS + BOOT_MS)
    names = list(farm.paper.leases)
    seen = []
    for event, number, after_s, restart in plan:
        lease = farm.paper.leases.get(names[number])
        if lease and (event != "fail" or can_fail(lease)):
            EVENTS[event](farm, names[number])
        farm.paper.feed(Resume(RULE["name"]), farm.now_ms)
        if restart and restarts:
            farm.restart()
        pass_time(farm, after_s * 1000)
        farm.load(90)
        seen.append(farm.counts())
        kept_ms, farm.manager._due_known = farm.manager.next_deadline_ms(), False
        assert kept_ms == farm.manager.next_deadline_ms(), "kept too long"
    outs = farm.paper.outs
    releases = {out.lease_id for out in requests(outs, LeaseRelease) if out.at_ms is None}
    started = {out.name for out in requests(outs, VmStart)}
    # What replaces a lost unit is counted; its number on the paper market is of no account.
    first = {name for name in started if name.split("-0")[0].removeprefix("web-") in names}
    return {
        "counts after each step": seen,
        "released": (releases & set(names), len(releases)),
        "started": (first, len(started)),
        "stopped": len({out.vm_id for out in requests(outs, VmStop)}),
        "left": (set(farm.paper.leases) & set(names), len(farm.paper.leases)),
    }


@settings(max_examples=40, deadline=None)
@given(plan=st.lists(steps, min_size=1, max_size=10))
@example(plan=[("recall", 0, 60, True), ("back", 1, 100, False)])
@example(plan=[("silent", 0, 1, True), ("back", 0, 1, True)])
@example(plan=[("fail", 0, 120, True), ("fail", 0, 1, True)])
@example(plan=[("leave 0", 0, 1, True)])
@example(plan=[("leave 1", 0, 1, True)])
@example(plan=[("leave 2", 0, 1, True)])
@example(plan=[("leave 3", 0, 1, True)])
@example(plan=[("fail", 0, 9, True), ("leave 1", 0, 1, True)])
@example(plan=[("fail", 1, 9, False), ("silent", 1, 80, False), ("back", 0, 1, True)])
@example(plan=[("fail", 1, 90, False), ("fail", 1, 1, True), ("lost", 0, 1, False)])
@example(plan=[("silent", 0, 1, False), ("recall", 0, 1, False), ("back", 0, 1, True)])
def test_a_restart_anywhere_changes_no_decision(plan: list[tuple[str, int, int, bool]]) -> None:
    assert play(plan, restarts=True) == play(plan, restarts=False)


def row(units: int, **more: Any) -> LeaseUpdate:
    name = f"rule/burst/{START_MS}-1"
    symbol = "small.eu-de.flat.spot"
    lease = LeaseUpdate(
        1,
        1,
        START_MS,
        "l-1",
        "t-1",
        symbol,
        "buy",
        "h-1",
        units,
        20_000,
        "active",
        START_MS,
        0,
        name,
    )
    return replace(lease, **more)


def after_login(lease: LeaseUpdate, *before: Any) -> tuple[Any, list[Out]]:
    manager = new_manager(RULE)
    for message in before:
        manager.apply(message, START_MS)
    return manager, manager.apply(Connected(1, [], [lease], []), START_MS)


@pytest.mark.parametrize(("recalled", "started"), [([], 3), ([1], 2), ([1, 1], 1), ([3], 0)])
def test_recalled_units_without_a_vm_get_none_and_are_not_released(
    recalled: list[int], started: int
) -> None:
    recalls = [Recall(units, START_MS + 1_000) for units in recalled] or None
    manager, outs = after_login(row(3, recalls=recalls))
    assert len(requests(outs, VmStart)) == started
    assert [out for out in requests(outs, LeaseRelease) if out.at_ms is None] == []
    assert manager.reading().pending == started


@pytest.mark.parametrize("recalled", [0, 1, 3])
@pytest.mark.parametrize("silent_first", [True, False])
def test_what_was_lost_while_no_manager_ran_is_replaced(recalled: int, silent_first: bool) -> None:
    silent_ms, notice_ms = START_MS + 1_000, START_MS + 2_000
    if not silent_first:
        silent_ms, notice_ms = notice_ms, silent_ms
    known_ms = silent_ms if silent_first else None
    recalls = [Recall(recalled, notice_ms + NOTICE_MS, known_ms)] if recalled else None
    state = "ending" if recalled == 3 else "active"
    lease = row(3, state=state, recalls=recalls, silent_since_ms=silent_ms)
    manager, now_ms = new_manager(RULE), START_MS + 5_000
    manager.apply(Connected(1, [], [lease], []), now_ms)
    outs = manager.apply(LoadSample(900.0, now_ms), now_ms)
    assert [order.qty for order in requests(outs, OrderPlace)] == [3]


def test_a_notice_after_the_login_adds_to_those_before_it() -> None:
    manager, _ = after_login(row(3, recalls=[Recall(1, START_MS + 1_000)]))
    manager.apply(Notice(2, 2, START_MS, "recall", "l-1", "h-1", 1), START_MS)
    assert manager.reading().pending == 1


@pytest.mark.parametrize(("state", "joins"), [("draining", 0), ("ready", 1)])
def test_what_drained_when_the_manager_ended_goes_on_draining(state: str, joins: int) -> None:
    farm = Farm(RULE | {"do": "buy 1"})
    farm.load(90, for_ms=2 * MINUTE_MS + BOOT_MS)
    [lease_id] = farm.paper.leases
    connected, manager = farm.paper.connected(), new_manager(RULE)
    seen = BackendsSeen({f"{lease_id}-0": state}, farm.now_ms)  # type: ignore[dict-item]
    manager.apply(seen, farm.now_ms)
    outs = manager.apply(connected, farm.now_ms)
    assert isinstance([out for out in outs if hasattr(out, "server")][-1], RegisterBackend) == joins
    assert (DrainBackend(f"{lease_id}-0") in outs) == (not joins)


@pytest.mark.parametrize(
    ("name", "state", "reason", "started", "released"),
    [
        ("web-l-1-0", "stopped", None, [], 1),
        ("web-l-1-2.2", "stopped", None, [], 1),
        ("web-l-1-0", "stopped", "guest_stopped", ["web-l-1-0.2"], 0),
        ("web-l-1-1", "failed", "crashed", ["web-l-1-1.2"], 0),
        ("web-l-1-1.2", "failed", "crashed", [], 1),
        ("not-ours", "failed", "crashed", ["web-l-1-0"], 0),
    ],
)
@pytest.mark.parametrize("recalled", [False, True])
def test_how_a_vm_ended_tells_whether_its_unit_was_leaving(
    name: str, state: VmState, reason: str | None, started: list[str], released: int, recalled: bool
) -> None:
    recalls = [Recall(1, START_MS + 1_000)] if recalled else None
    _, outs = after_login(row(1, idle=[IdleUnit(name, state, reason)], recalls=recalls))
    releases = [out for out in requests(outs, LeaseRelease) if out.at_ms is None]
    starts = [out.name for out in requests(outs, VmStart)]
    assert (starts, len(releases)) == (([], 0) if recalled else (started, released))


@pytest.mark.parametrize(
    ("name", "state", "reason", "started"),
    [
        ("web-l-7-0", "stopped", None, []),
        ("web-l-7-3.2", "stopped", None, []),
        ("web-l-7-0", "failed", "crashed", ["web-l-7-0.2"]),
        ("web-l-7-0.2", "failed", "crashed", []),
        ("not-ours", "failed", "crashed", ["web-l-1-0"]),
    ],
)
def test_how_a_vm_from_the_window_before_ended_tells_it_too(
    name: str, state: VmState, reason: str | None, started: list[str]
) -> None:
    lease = row(1, symbol=THIS_HOUR, idle=[IdleUnit(name, state, reason)])
    _, outs = after_login(lease)
    assert [out.name for out in requests(outs, VmStart)] == started


def test_units_from_the_window_before_take_no_names_of_the_lease_s_own() -> None:
    blank = VmUpdate(0, 0, START_MS, "", "l-1", "", "starting", [])
    names = {"v-1": "web-l-7-0", "v-2": "web-l-7-1", "v-3": "web-l-1-1", "v-4": "web-l-1-0"}
    vms = [replace(blank, vm_id=vm_id, name=name) for vm_id, name in names.items()]
    idle = [IdleUnit("web-l-1-2", "failed", "crashed"), IdleUnit("web-l-7-2", "failed", "crashed")]
    manager = new_manager(RULE)
    state = Connected(1, [], [row(6, symbol=THIS_HOUR, idle=idle)], vms)
    outs = manager.apply(state, START_MS)
    servers = {unit.server: unit.vm_name for _, unit in manager.rented.units()}
    assert servers == {
        **{name.removeprefix("web-"): name for name in names.values()},
        "l-1-2": "web-l-1-2.2",
        "l-7-2": "web-l-7-2.2",
    }
    assert {out.name for out in requests(outs, VmStart)} == {"web-l-1-2.2", "web-l-7-2.2"}
