"""Whatever goes wrong on a hypervisor, a VM ends as it is told to and leaves nothing."""

import pytest

from exchange.wire.console_requests import ConsoleText
from exchange.wire.instructions import ConsoleRead
from hostagent.core.memory_hypervisor import Boot
from hostagent.core.ports import DestroyDomain, DomainState
from hostagent.core.scripted_faults import Fault, Script, lost
from tests.hostagent.rig import Rig, kill, launch

MINUTE_MS = 60_000
AWAY = "libvirt is away"
DEAF = Boot(start_ms=1_000, ready_ms=5_000, stop_ms=None)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault("start", error=AWAY), "failed(start_failed)"),
        (Fault("destroy", times=3, error=AWAY), "stopped"),
        (Fault("observe", times=5, error=AWAY), "stopped"),
        (Fault("shutdown", error=AWAY), "stopped"),
        (Fault("keep_notes", times=9, error=AWAY), "stopped"),
        (Fault("start", "v-2", error=AWAY), "stopped"),
    ],
)
def test_a_call_that_fails_is_asked_again_or_told(fault: Fault, told: str) -> None:
    """Of a guest that ignores its power button. (Seen to fail: an exception of one call came out of
    the server and ended the run; a cut that failed was not tried again.)"""
    rig = Rig(lambda spec: DEAF, fault=Script(fault))
    rig.connect()
    rig.tell(launch())
    rig.run(MINUTE_MS)
    rig.tell(kill(grace_ms=5_000))
    rig.run(5 * MINUTE_MS)
    assert rig.states()[-1] == told
    assert rig.running() == []


def test_a_console_that_cannot_be_read_is_answered_at_once() -> None:
    """Its buyer waits for it. (Seen to fail with a failed read that has no result.)"""
    rig = Rig(fault=Script(Fault("console", error=AWAY)))
    rig.connect()
    rig.tell(launch())
    rig.run(MINUTE_MS)
    for read_id in ("c-1", "c-2"):
        rig.tell(ConsoleRead(read_id, "v-1", 5))
    told = {one.read_id: one.text for one in rig.got(ConsoleText)}
    assert told["c-1"] is None
    assert "is ready" in (told["c-2"] or "")


def test_a_libvirt_that_is_away_while_a_vm_runs_costs_nothing() -> None:
    script = Script()
    rig = Rig(fault=script)
    rig.connect()
    rig.tell(launch())
    rig.run(MINUTE_MS)
    script.add(lost(60))
    rig.run(10 * MINUTE_MS)
    assert rig.states()[-1] == "ready"
    assert rig.running() == ["v-1"]


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ("crashed", "crashed"),
        ("io_error", "io_error"),
        ("held", "paused"),
        ("taken", "domain_lost"),
    ],
)
def test_what_happens_to_a_domain_is_told_and_leaves_nothing(shown: DomainState, told: str) -> None:
    rig = Rig()
    rig.connect()
    rig.tell(launch())
    rig.run(MINUTE_MS)
    rig.server.hypervisor.show("v-1", shown)
    rig.run(3 * MINUTE_MS)
    assert rig.states()[-1] == f"failed({told})"
    assert rig.running() == []


def test_a_domain_that_vanishes_is_lost() -> None:
    rig = Rig()
    rig.connect()
    rig.tell(launch())
    rig.run(MINUTE_MS)
    boot = rig.running_domains()[0].spec.boot
    rig.server.hypervisor.vanish("v-1")
    rig.run(MINUTE_MS)
    assert rig.states()[-1] == "failed(domain_lost)"
    assert DestroyDomain("v-1", boot) in rig.effects, "its disk and its ports go with it"
