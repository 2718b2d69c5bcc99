"""What else can run out, as the core tells it: ports, images, and ports that are not open yet."""

import pytest

from exchange.wire.instructions import HostLimit
from exchange.wire.requests import HostAnnounce, VmStatus
from exchange.wire.types import HostLimits
from hostagent.core.core import HostCore
from hostagent.core.needed_images import NeededImages
from hostagent.core.ports import ImageReady, LinkUp, NeedImages, Observed, Send
from hostagent.core.vm import Vm
from tests.hostagent.rig import CONFIG, IMAGE, START_MS, Rig, kill, launch


def told_ports(core: HostCore, ports: int | None) -> list[int | None]:
    """Look once; return the ports of each announcement that follows."""
    outs = core.apply(Observed(START_MS, [], ports=ports), START_MS)
    sent = [out.message for out in outs if isinstance(out, Send)]
    limits = [one.limits for one in sent if isinstance(one, HostAnnounce)]
    return [one.ports if one else None for one in limits]


def test_ports_are_announced_when_their_number_matters() -> None:
    core = HostCore(CONFIG)
    core.apply(Observed(START_MS, [], ports=None), START_MS)
    (first,) = core.apply(LinkUp(), START_MS)
    assert isinstance(first, Send) and isinstance(first.message, HostAnnounce)
    assert first.message.limits is None
    counts = [100, 95, 90, None, 89, 95, 0, 0, 3]
    told = [told_ports(core, count) for count in counts]
    assert told == [[100], [], [], [], [89], [], [0], [], [3]]


def test_an_agent_that_counts_nothing_announces_no_limits() -> None:
    rig = Rig()
    rig.connect()
    announced = [one for one in rig.sent if isinstance(one, HostAnnounce)]
    assert [one.limits for one in announced] == [None]
    assert HostLimits() == HostLimits(None, None)


def test_what_vms_wait_for_is_told_until_they_are_up() -> None:
    rig, seen = Rig(), NeededImages()

    def news() -> list[frozenset[str]]:
        outs = seen.news(dict[str, Vm](rig.core.vms))
        return [out.images for out in outs if isinstance(out, NeedImages)]

    rig.connect()
    rig.tell(launch("v-1"))
    rig.tell(launch("v-2", "i-2", image="b" * 64, not_before_ms=START_MS + 600_000))
    assert news() == [frozenset({IMAGE, "b" * 64})]
    rig.run(60_000)
    assert news() == [frozenset({"b" * 64})]
    rig.run(60_000)
    assert news() == []
    rig.tell(kill("v-2"))
    assert news() == [frozenset()]


def test_the_owner_of_a_vm_hears_that_a_port_of_it_is_not_open() -> None:
    """(Seen to fail: said in the host's log only.)"""
    rig = Rig()
    rig.connect()
    rig.tell(launch())
    rig.run(60_000)
    rig.sent.clear()

    def look(*unreached: str) -> list[str | None]:
        rig.sent.clear()
        here = rig.server.observed()
        rig.tell(Observed(here.at_ms, here.domains, here.load, here.endpoints, unreached))
        return [one.reason for one in rig.sent if isinstance(one, VmStatus)]

    assert [look("v-1"), look("v-1"), look(), look()] == [["unreached"], [], [None], []]


@pytest.mark.parametrize(
    ("limit", "mib", "state"),
    [(None, 9_999, "starting"), (100, 100, "starting"), (100, 101, "failed")],
)
def test_a_new_vm_of_too_large_an_image_is_not_started(
    limit: int | None, mib: int, state: str
) -> None:
    """Its buyer is told that the image is at fault; what the exchange says runs already stays."""
    rig = Rig()
    rig.connect(launch("v-9", "i-9"))
    rig.tell(HostLimit("i-5", 1, image_max_mib=limit))
    rig.tell(launch())
    rig.tell(ImageReady(IMAGE, mib))
    assert {name: vm.state for name, vm in rig.core.vms.items()} == {
        "v-9": "starting",
        "v-1": state,
    }
    told = [one.reason for one in rig.sent if isinstance(one, VmStatus) and one.state == "failed"]
    assert told == (["image_invalid"] if state == "failed" else [])
    rig.tell(HostLimit("i-6", 1, image_max_mib=1))
    rig.run(60_000)
    assert rig.core.vms["v-9"].state == "running"
