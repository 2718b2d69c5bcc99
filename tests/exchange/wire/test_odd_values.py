"""Values that no rule of the engine needs to look at and that still make no sense are refused."""

import pytest

from tests.exchange.gateway.test_gateway import hosting
from tests.exchange.hosts.test_host_approval import ANNOUNCE
from tests.exchange.session.test_consoles import IMAGE, Scene


@pytest.mark.parametrize("name", ["mvcpu", "mem_mib", "disk_mib"])
def test_a_host_cannot_offer_more_than_it_has(name: str) -> None:
    """(Seen to be accepted.)"""
    rig, _, host = hosting()
    rows = len(rig.rows)
    capacity = {"mvcpu": 8_000, "mem_mib": 8_000, "disk_mib": 8_000}
    less = {**ANNOUNCE, "capacity": capacity}
    over = rig.ask(host, "host.announce", **less | {"offered": {**capacity, name: 8_001}})
    assert (over["reason"], over["field"]) == ("invalid_field", f"offered.{name}")
    assert len(rig.rows) == rows
    assert rig.ask(host, "host.announce", **less | {"offered": capacity})["type"] == "ack"


def test_a_port_twice_is_refused() -> None:
    """(Seen to get two endpoints.)"""
    scene = Scene(vms=2)
    scene.rig.ask(scene.bob, "vm.stop", vm_id="v-1", grace_ms=0)
    scene.rig.ask(scene.host, "vm.status", vm_id="v-1", state="stopped")
    (lease,) = scene.rig.ask(scene.bob, "account.state")["result"]["leases"]
    start = {"lease_id": lease["lease_id"], "name": "web", "image": IMAGE}
    twice = scene.rig.ask(scene.bob, "vm.start", **start, ports=[80, 443, 80])
    assert (twice["reason"], twice["field"]) == ("invalid_field", "ports")
    assert scene.rig.ask(scene.bob, "vm.start", **start, ports=[80, 443])["type"] == "ack"
