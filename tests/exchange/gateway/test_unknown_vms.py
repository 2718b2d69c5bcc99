"""A host that runs VMs of another copy of the exchange is told of in the log."""

import pytest

from exchange.gateway.notes import UnknownVms
from exchange.wire.codec import CODECS
from tests.exchange.gateway.test_gateway import hosting


@pytest.mark.parametrize(
    ("vm_ids", "unknown"),
    [([], []), (["v-1"], [1]), (["v-7", "v-0", "v-12"], [2]), (["w-1", "v-", "v-x"], [3])],
)
def test_vms_with_ids_that_were_not_given_are_counted(
    vm_ids: list[str], unknown: list[int]
) -> None:
    rig, _, host = hosting()
    rig.gateway.notes.take()
    (sync,) = rig.frames(host, "host.sync")[-1:]
    vms = [{"vm_id": vm_id, "state": "running"} for vm_id in vm_ids]
    report = {"type": "host.synced", "instruction_id": sync["instruction_id"], "boot_id": "b"}
    data = CODECS[rig.codecs[host]].encode({**report, "vms": vms})
    rig.gateway.receive(host, data, rig.now_ms)
    found = [note for note in rig.gateway.notes.take() if isinstance(note.message, UnknownVms)]
    assert [note.message.count for note in found] == unknown
    assert all(note.host == "h-1" for note in found)
