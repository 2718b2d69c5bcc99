"""Laws of a host, whatever happens to it in whatever order."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.wire.requests import VmStatus
from hostagent.core.memory_hypervisor import Boot
from hostagent.core.ports import DomainSpec
from tests.hostagent.rig import CONFIG, Rig, kill, launch

STAGE = {"starting": 1, "running": 2, "stopping": 3, "stopped": 4, "failed": 4}
VM_IDS = ("v-1", "v-2", "v-3")
HASTY = replace(CONFIG, ready_bound_ms=20_000, orphan_grace_ms=10_000)
QUIET_MS = 60_000

boots = st.builds(
    Boot,
    start_ms=st.sampled_from([0, 700]),
    ready_ms=st.sampled_from([None, 0, 4_000]),
    stop_ms=st.sampled_from([None, 0, 2_500]),
    fail=st.sampled_from([None, None, None, "start_failed"]),
)
steps = st.one_of(
    st.tuples(st.just("launch"), st.sampled_from(VM_IDS)),
    st.tuples(st.just("live and die"), st.sampled_from(VM_IDS)),
    st.tuples(st.just("kill"), st.sampled_from(VM_IDS), st.sampled_from([0, 5_000])),
    st.tuples(st.just("run"), st.sampled_from([1, 900, 3_100, 15_000])),
    st.tuples(st.just("drop")),
    st.tuples(st.just("login"), st.lists(st.sampled_from(VM_IDS), unique=True)),
    st.tuples(st.just("restart")),
    st.tuples(st.just("power off"), st.sampled_from(VM_IDS)),
    st.tuples(st.just("lose answers"), st.booleans()),
)


def take(rig: Rig, step: tuple[object, ...], number: int) -> None:
    match step:
        case ("launch", str(vm_id)):
            rig.tell(launch(vm_id, f"i-{number}"))
        case ("live and die", str(vm_id)):
            rig.tell(launch(vm_id, f"i-{number}"))
            rig.run(15_000)
            rig.tell(kill(vm_id, f"i-{number}-k"))
            rig.run(900)
        case ("kill", str(vm_id), int(grace_ms)):
            rig.tell(kill(vm_id, f"i-{number}", grace_ms))
        case ("run", int(ms)):
            rig.run(ms)
        case ("drop",):
            rig.disconnect()
        case ("login", list(wanted)):
            rig.connect(*[launch(vm_id, "") for vm_id in wanted])
        case ("restart",):
            rig.restart_agent()
        case ("power off", str(vm_id)):
            rig.server.hypervisor.shutdown(vm_id)
        case ("lose answers", bool(lost)):
            rig.answers = not lost
        case _:
            raise AssertionError(step)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=25), st.lists(boots, min_size=3, max_size=3))
def test_when_nobody_wants_anything_any_more_nothing_is_left(
    story: list[tuple[object, ...]], plans: list[Boot]
) -> None:
    """No domain, no memory of a VM, and every domain started was started by one order.

    Shown to fail when orphans are not reaped.
    """

    def boot(spec: DomainSpec) -> Boot:
        return plans[VM_IDS.index(spec.vm_id)]

    rig = Rig(boot, HASTY)
    rig.connect()
    for number, step in enumerate(story):
        take(rig, step, number)
    rig.answers = True
    rig.connect()
    rig.run(QUIET_MS)
    assert rig.running() == []
    assert rig.core.vms == {}


@settings(max_examples=150, deadline=None)
@given(st.lists(steps.filter(lambda step: step[0] != "restart"), max_size=25))
def test_a_vm_never_goes_back_and_starts_at_most_once(story: list[tuple[object, ...]]) -> None:
    """Within one agent's life, whatever is resent: each start is of a VM never started before.

    Shown to fail when the ids of VMs that have ended are not remembered.
    """
    rig = Rig(config=HASTY)
    rig.connect()
    for number, step in enumerate(story):
        take(rig, step, number)
    assert len(rig.starts()) == len(set(rig.starts()))
    for vm_id in VM_IDS:
        told = [STAGE[one.state] for one in rig.got(VmStatus) if one.vm_id == vm_id]
        assert told == sorted(told)
