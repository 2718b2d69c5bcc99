"""What a host does while its hypervisor does not answer: sales pause, and starts are put off."""

from typing import Final

import pytest

from exchange.wire.requests import HostAnnounce
from hostagent.core.core import HostCore
from hostagent.core.memory_hypervisor import Boot
from hostagent.core.pause import AFTER_MS, Pause, PauseLog
from hostagent.core.ports import DestroyDomain, ImageReady, LinkUp, Observed, Out, StartDomain, Tick
from hostagent.core.scripted_faults import Fault, Script
from tests.hostagent.rig import CONFIG, IMAGE, PROMPT, START_MS, Rig, kill, launch, sync

ASKS: Final = True
ANSWERS: Final = False
FOR_EVER: Final = 1_000_000
AWAY: Final = Fault(times=FOR_EVER, error="libvirt is away", reason="hypervisor_lost")
LAUNCH_MAX_MS: Final = 300_000


@pytest.mark.parametrize(
    ("story", "on"),
    [
        ([(0, ASKS), (0, ANSWERS), (5, ASKS), (5, ANSWERS), (15, ASKS)], False),
        ([(0, ASKS), (10, ASKS)], False),
        ([(0, ASKS), (5, ASKS), (14, ASKS)], False),
        ([(0, ASKS), (5, ASKS), (15, ASKS)], True),
        ([(0, ASKS), (5, ASKS), (6, ANSWERS), (15, ASKS), (20, ASKS)], False),
        ([(0, ASKS), (5, ASKS), (15, ASKS), (600, ASKS)], True),
        ([(0, ASKS), (5, ASKS), (15, ASKS), (16, ANSWERS)], False),
        ([(0, ASKS), (5, ASKS), (15, ASKS), (16, ANSWERS), (20, ASKS), (25, ASKS)], False),
        # A guest that stops is looked at every second.
        ([(second, ASKS) for second in range(15)], False),
        ([(second, ASKS) for second in range(16)], True),
        # The server slept for an hour.
        ([(0, ASKS), (3600, ASKS)], False),
    ],
)
def test_sales_pause_once_nobody_has_answered_for_long(
    story: list[tuple[int, bool]], on: bool
) -> None:
    pause, begun = Pause(), 0
    for second, asks in story:
        if asks:
            begun += pause.asked(second * 1000)
        else:
            pause.answered()
    assert pause.on is on
    assert begun <= 1


def test_the_log_tells_each_change_once() -> None:
    log = PauseLog()
    lines = [log.change(on) for on in (False, True, True, False, False)]
    assert [line and line.event for line in lines] == [
        *(None, "sales_paused", None, "sales_resumed", None)
    ]


class Lost(Rig):
    """A server whose hypervisor can be lost: then every call of it fails, or none returns."""

    def __init__(self) -> None:
        self.script = Script()
        super().__init__(fault=self.script)

    def said(self) -> list[str | None]:
        return [one.paused for one in self.got(HostAnnounce)]

    def boots(self) -> list[str]:
        return [one.spec.boot for one in self.effects if isinstance(one, StartDomain)]


@pytest.fixture
def rig() -> Lost:
    rig = Lost()
    rig.connect(launch())
    rig.run(30_000)
    assert rig.states() == ["starting", "running", "ready"]
    return rig


def test_it_says_so_at_once_and_takes_it_back_with_the_first_answer(rig: Lost) -> None:
    """(Seen to fail without the look that announces: it waited for nothing and sold on.)"""
    offered = rig.got(HostAnnounce)[-1].offered
    rig.script.add(AWAY)
    rig.run(AFTER_MS + 5_000)
    assert rig.said() == [None, "hypervisor_lost"]
    rig.run(600_000)
    assert rig.said() == [None, "hypervisor_lost"]
    assert rig.got(HostAnnounce)[-1].offered == offered
    rig.script.clear()
    rig.run(5_000)
    assert rig.said() == [None, "hypervisor_lost", None]
    assert rig.states() == ["starting", "running", "ready"]


def test_a_short_absence_is_not_told(rig: Lost) -> None:
    rig.script.add(AWAY)
    rig.run(AFTER_MS - 5_000)
    rig.script.clear()
    rig.run(60_000)
    assert rig.said() == [None]


def test_a_new_login_says_it_again(rig: Lost) -> None:
    rig.script.add(AWAY)
    rig.run(30_000)
    rig.disconnect()
    rig.connect(launch())
    rig.run(1_000)
    assert rig.said()[-2:] == ["hypervisor_lost", "hypervisor_lost"]


def test_an_agent_that_restarts_says_what_it_finds(rig: Lost) -> None:
    rig.script.add(AWAY)
    rig.run(30_000)
    rig.script.clear()
    rig.restart_agent(keep=True)
    rig.connect(launch())
    rig.run(1_000)
    assert rig.said()[-1] is None


@pytest.mark.parametrize("after_ms", [0, 4_000, 12_000, 60_000])
def test_a_vm_ordered_meanwhile_is_started_when_the_hypervisor_is_back(
    rig: Lost, after_ms: int
) -> None:
    """(Seen to fail: ``start_failed`` at once, for which its host pays.)"""
    rig.script.add(AWAY)
    rig.run(after_ms)
    rig.tell(launch("v-2", "i-2"))
    rig.run(LAUNCH_MAX_MS - 60_000)
    assert rig.states("v-2") == ["starting"]
    rig.script.clear()
    rig.run(30_000)
    assert rig.states("v-2") == ["starting", "running", "ready"]
    assert ("i-2", True) in rig.done()
    assert sorted(rig.running()) == ["v-1", "v-2"]


def test_while_every_call_hangs_no_start_is_begun() -> None:
    """(Seen to fail: it was begun, hung for two minutes too, and was given up.)"""
    core = HostCore(CONFIG)
    core.apply(Observed(START_MS, []), START_MS)
    for message in (LinkUp(), sync()):
        core.apply(message, START_MS)
    now_ms = START_MS
    while not core.offer.paused:
        now_ms += 5_000
        core.apply(Tick(), now_ms)
    core.apply(launch(), now_ms)
    assert not started(core.apply(ImageReady(IMAGE), now_ms))
    assert not started(core.apply(Tick(), now_ms + 60_000))
    assert started(core.apply(Observed(now_ms + 61_000, []), now_ms + 61_000))


def started(outs: list[Out]) -> bool:
    return any(isinstance(out, StartDomain) for out in outs)


def test_a_try_that_broke_off_is_cleared_before_the_next_one(rig: Lost) -> None:
    """Whatever the first one left must not stop the second, nor its end be taken for its own."""
    rig.script.add(Fault("start", "v-2", error="libvirt is away", reason="hypervisor_lost"))
    rig.tell(launch("v-2", "i-2"))
    rig.run(30_000)
    (first, second) = rig.boots()[1:]
    assert first != second
    cleared = [one for one in rig.effects if isinstance(one, DestroyDomain)]
    assert [(one.vm_id, one.boot) for one in cleared] == [("v-2", first)]
    assert rig.states("v-2") == ["starting", "running", "ready"]


def test_one_that_is_stopped_meanwhile_is_never_started(rig: Lost) -> None:
    rig.script.add(AWAY)
    rig.tell(launch("v-2", "i-2"))
    rig.run(30_000)
    rig.tell(kill("v-2"))
    assert rig.states("v-2") == ["starting", "stopped"]
    rig.script.clear()
    rig.run(60_000)
    assert rig.running() == ["v-1"]


def test_a_start_that_fails_while_the_hypervisor_answers_has_failed() -> None:
    rig = Rig(boots=lambda spec: Boot(fail="no_kvm") if spec.vm_id == "v-1" else PROMPT)
    rig.connect(launch())
    rig.run(30_000)
    assert rig.states() == ["starting", "failed(no_kvm)"]


def test_a_vm_whose_window_begins_meanwhile_starts_when_it_can(rig: Lost) -> None:
    begins_ms = rig.now_ms + 60_000
    rig.tell(launch("v-2", "i-2", not_before_ms=begins_ms, until_ms=begins_ms + 3_600_000))
    rig.run(20_000)
    rig.script.add(AWAY)
    rig.run(100_000)
    assert (rig.states("v-2"), rig.now_ms > begins_ms) == (["starting"], True)
    rig.script.clear()
    rig.run(30_000)
    assert rig.states("v-2") == ["starting", "running", "ready"]
