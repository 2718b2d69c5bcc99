"""libvirt: domains that an agent finds in a poor state, with libvirt's own test driver."""

from pathlib import Path

import libvirt
import pytest

from hostagent.core.ports import BootFiles, Notes
from tests.contract.hypervisor_contract import mine, spec, the
from tests.contract.real.test_hypervisor_libvirt import LibvirtBench


def test_a_domain_that_cannot_be_looked_at_at_first_is_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that starts beside a QEMU that hangs. (Seen to fail: the domain was not shown, so
    that its VM would be told as lost.)"""
    bench = LibvirtBench("test:///default", "test", BootFiles(), tmp_path)
    wanted = spec(f"{bench.prefix}1")
    bench.start(wanted)
    bench.hypervisor.keep_notes(wanted.vm_id, Notes(ready_ms=7))

    def no_answer(*_: object) -> object:
        raise libvirt.libvirtError("no answer")

    for call in ("state", "info"):
        keep = libvirt.open("test:///default")
        bench.reopen()
        with monkeypatch.context() as patched:
            patched.setattr(libvirt.virDomain, call, no_answer)
            [seen] = mine(bench)
        assert (seen.state, seen.spec, seen.notes.ready_ms) == ("unknown", wanted, 7)
        keep.close()
    bench.clear()
    bench.hypervisor.close()


def test_a_running_domain_that_somebody_undefined_goes_on(tmp_path: Path) -> None:
    """(Seen to fail: notes were silently not kept with it.)"""
    bench = LibvirtBench("test:///default", "test", BootFiles(), tmp_path)
    wanted = spec(f"{bench.prefix}1")
    bench.start(wanted)
    somebody = libvirt.open("test:///default")
    somebody.lookupByName(f"headroom-{wanted.vm_id}").undefine()
    somebody.close()
    bench.hypervisor.keep_notes(wanted.vm_id, Notes(ready_ms=7))
    assert (the(bench, wanted.vm_id).state, the(bench, wanted.vm_id).notes.ready_ms) == (
        "running",
        7,
    )
    bench.clear()
    assert mine(bench) == []
    bench.hypervisor.close()
