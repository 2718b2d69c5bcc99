"""libvirt keeps the contract: its own test driver, and QEMU with the demo guest.

Run by `make e2e`. Domains that are not ours stay untouched, whatever they are called.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libvirt
import pytest
from msgspec.structs import replace

from hostagent.core.domain_xml import Virt
from hostagent.core.ports import (
    HYPERVISOR_LOST,
    BootFiles,
    DomainSpec,
    DomainState,
    Forward,
    Hypervisor,
    HypervisorError,
    Notes,
)
from hostagent.guest.build_guest import build_guest
from hostagent.machine.forwarder import LOOPBACK, free_loopback_port
from hostagent.machine.libvirt_hypervisor import LibvirtHypervisor
from hostagent.machine.probe import probe
from tests.contract.hypervisor_contract import HypervisorContract, mine, spec, the
from tests.e2e.conftest import open_folder

GUEST_S = 240.0
POLL_S = 0.2


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class LibvirtBench:
    def __init__(self, uri: str, virt: Virt, files: BootFiles, logs: Path) -> None:
        # Of this process alone: two runs on one machine must not meet.
        self.prefix = f"contract-{os.getpid()}-"
        self.has_console = virt != "test"
        self.states: tuple[DomainState, ...] = ("held", "taken")
        if virt != "test":
            self.states = ("held", "taken", "crashed")
        self._uri, self._virt, self._files, self._logs = uri, virt, files, logs
        self._inner: dict[str, int] = {}
        self.hypervisor: Hypervisor = self._open()

    def _open(self) -> LibvirtHypervisor:
        return LibvirtHypervisor(self._uri, self._virt, self._logs, now_ms)

    def clear(self) -> None:
        """Remove what a test has left."""
        for domain in mine(self):
            self.hypervisor.destroy(domain.spec.vm_id)

    def start(self, wanted: DomainSpec) -> tuple[Forward, ...]:
        forwards = (Forward(80, 20_001, free_loopback_port()),)
        self.hypervisor.start(wanted, self._files, forwards)
        self._inner[wanted.vm_id] = forwards[0].inner_port
        return forwards

    def until_ready(self, vm_id: str) -> None:
        deadline = time.monotonic() + GUEST_S
        while time.monotonic() < deadline:
            if self._virt == "test":
                ready = self.hypervisor.guest_accepts(vm_id)
            else:
                with socket.create_connection((LOOPBACK, self._inner[vm_id]), 5):
                    time.sleep(POLL_S)
                    ready = self.hypervisor.guest_accepts(vm_id)
            if ready:
                return
        raise AssertionError(f"{vm_id} was not ready within {GUEST_S:.0f} s")

    def until_stopped(self, vm_id: str) -> None:
        deadline = time.monotonic() + GUEST_S
        while time.monotonic() < deadline:
            if the(self, vm_id).state != "running":
                return
            time.sleep(POLL_S)
        raise AssertionError(f"{vm_id} did not stop within {GUEST_S:.0f} s")

    def end(self, vm_id: str) -> None:
        self.bring(vm_id, "taken")

    def bring(self, vm_id: str, state: DomainState) -> None:
        if state == "crashed":
            os.kill(
                int(Path(f"/run/libvirt/qemu/headroom-{vm_id}.pid").read_text()), signal.SIGKILL
            )
            self.until_stopped(vm_id)
            return
        somebody = libvirt.open(self._uri)
        domain = somebody.lookupByName(f"headroom-{vm_id}")
        {"held": domain.suspend, "running": domain.resume, "taken": domain.destroy}[state]()
        somebody.close()

    def reopen(self) -> None:
        self.hypervisor.close()
        self.hypervisor = self._open()


class TestLibvirtTestDriver(HypervisorContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[LibvirtBench]:
        # libvirt forgets the test driver's domains with the last connection to it.
        keep = libvirt.open("test:///default")
        bench = LibvirtBench("test:///default", "test", BootFiles(), tmp_path)
        yield bench
        bench.clear()
        bench.hypervisor.close()
        keep.close()

    def test_a_connection_that_is_dead_is_opened_again_by_any_call(
        self, bench: LibvirtBench
    ) -> None:
        """Any call opens the connection again and is repeated, not only a look."""
        wanted = spec(f"{bench.prefix}1")
        bench.hypervisor.close()
        bench.start(wanted)
        bench.hypervisor.close()
        bench.hypervisor.keep_notes(wanted.vm_id, Notes(ready_ms=1))
        bench.hypervisor.close()
        bench.hypervisor.destroy(wanted.vm_id)
        assert mine(bench) == []

    def test_when_nobody_answers_a_start_is_worth_another_try(
        self, bench: LibvirtBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """(Seen to fail: ``start_failed``, for which the host pays.)"""

        def nobody(uri: str) -> None:
            raise libvirt.libvirtError("nobody answers")

        wanted = spec(f"{bench.prefix}1")
        with monkeypatch.context() as away:
            away.setattr(libvirt, "open", nobody)
            with pytest.raises(HypervisorError, match="cannot open") as raised:
                bench.start(wanted)
        assert raised.value.reason == HYPERVISOR_LOST
        bench.start(wanted)
        with pytest.raises(HypervisorError, match="defined already") as raised:
            bench.start(wanted)
        assert raised.value.reason == "start_failed"

    def test_somebodys_destroy_is_not_the_guests_doing(self, bench: LibvirtBench) -> None:
        """(Seen to fail: ``stopped``, as if the guest had powered off by itself.)"""
        wanted = spec(f"{bench.prefix}1")
        bench.start(wanted)
        somebody = libvirt.open("test:///default")
        somebody.lookupByName(f"headroom-{wanted.vm_id}").destroy()
        somebody.close()
        assert the(bench, wanted.vm_id).state == "taken"

    def test_a_domain_without_our_metadata_is_not_ours(self, bench: LibvirtBench) -> None:
        """Even with a name like one of ours: not shown, not stopped, not replaced."""
        conn = libvirt.open("test:///default")
        vm_id = f"{bench.prefix}1"
        xml = (
            f"<domain type='test'><name>headroom-{vm_id}</name><memory>65536</memory>"
            "<os><type>hvm</type></os></domain>"
        )
        foreign = conn.createXML(xml)
        try:
            assert mine(bench) == []
            bench.hypervisor.destroy(vm_id)
            bench.hypervisor.shutdown(vm_id)
            with pytest.raises(HypervisorError):
                bench.start(spec(vm_id))
            assert foreign.isActive()
        finally:
            foreign.destroy()
            conn.close()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with open_folder() as folder:
        build_guest(folder)
        yield folder


@pytest.fixture(scope="module")
def virt() -> Virt:
    return "kvm" if probe().accel == "kvm" else "qemu"


class TestLibvirtQemu(HypervisorContract):
    @pytest.fixture
    def bench(self, folder: Path, virt: Virt) -> Iterator[LibvirtBench]:
        files = BootFiles(str(folder / "vmlinuz"), str(folder / "initrd.gz"))
        bench = LibvirtBench("qemu:///system", virt, files, folder)
        yield bench
        bench.clear()
        bench.hypervisor.close()


def test_a_saved_domain_is_removed_with_its_memory(tmp_path: Path) -> None:
    """(Seen to fail: libvirt refused to undefine it, and its memory stayed in a file.)"""
    keep = libvirt.open("test:///default")
    bench = LibvirtBench("test:///default", "test", BootFiles(), tmp_path)
    wanted = spec(f"{bench.prefix}1")
    bench.start(wanted)
    domain = keep.lookupByName(f"headroom-{wanted.vm_id}")
    domain.managedSave()
    assert domain.hasManagedSaveImage()
    assert the(bench, wanted.vm_id).state == "taken"
    bench.hypervisor.destroy(wanted.vm_id)
    assert mine(bench) == []
    bench.start(wanted)
    assert the(bench, wanted.vm_id).state == "running"
    assert not keep.lookupByName(f"headroom-{wanted.vm_id}").hasManagedSaveImage()
    bench.clear()
    bench.hypervisor.close()
    keep.close()


def test_two_calls_at_a_time_share_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(Seen to fail: with one for all, six QEMUs that hung kept every other VM's calls waiting.)"""
    bench = LibvirtBench("test:///default", "test", BootFiles(), tmp_path)
    wanted = [spec(f"{bench.prefix}{number}") for number in range(2)]
    for one in wanted:
        bench.start(one)
    both, used = threading.Barrier(2, timeout=GUEST_S), list[int]()

    def hang(domain: libvirt.virDomain, flags: int = 0) -> int:
        used.append(id(domain.connect()))
        both.wait()
        return 0

    with monkeypatch.context() as patched:
        patched.setattr(libvirt.virDomain, "shutdownFlags", hang)
        with ThreadPoolExecutor() as threads:
            list(threads.map(bench.hypervisor.shutdown, [one.vm_id for one in wanted]))
    assert len(set(used)) == 2
    bench.clear()
    bench.hypervisor.close()


class Killed(BaseException):
    """The end of an agent in the middle of a call."""


def test_a_stop_that_an_agents_death_cut_short_is_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(Seen to fail: the next agent found it ended by somebody, and told the buyer `failed`.)"""
    bench = LibvirtBench("test:///default", "test", BootFiles(), tmp_path)
    wanted = spec(f"{bench.prefix}1")
    bench.start(wanted)

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(libvirt.virDomain, "undefineFlags", killed)
        with pytest.raises(Killed):
            bench.hypervisor.destroy(wanted.vm_id)
    keep = libvirt.open("test:///default")
    bench.reopen()
    assert the(bench, wanted.vm_id).state == "stopped"
    bench.hypervisor.destroy(wanted.vm_id)
    assert (mine(bench), list(tmp_path.iterdir())) == ([], [])
    bench.hypervisor.close()
    keep.close()


def test_a_domain_that_cannot_be_looked_at_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(Seen to fail: one domain's trouble was the whole look's, and no VM was looked at.)"""
    bench = LibvirtBench("test:///default", "test", BootFiles(), tmp_path)
    broken, sound = spec(f"{bench.prefix}1"), spec(f"{bench.prefix}2")
    bench.start(broken)
    bench.start(sound)
    assert [one.state for one in mine(bench)] == ["running", "running"]
    look = libvirt.virDomain.state

    def state(domain: libvirt.virDomain, flags: int = 0) -> object:
        if domain.name().endswith(broken.vm_id):
            raise libvirt.libvirtError("no answer")
        return look(domain, flags)

    with monkeypatch.context() as patched:
        patched.setattr(libvirt.virDomain, "state", state)
        assert [one.state for one in mine(bench)] == ["unknown", "running"]
    assert [one.state for one in mine(bench)] == ["running", "running"]
    bench.clear()
    bench.hypervisor.close()


def test_two_exchanges_on_one_server_leave_each_other_alone(tmp_path: Path) -> None:
    """An agent sees and ends only domains that name its own exchange and host."""
    keep = libvirt.open("test:///default")
    one, other = (agent_of(tmp_path / name) for name in ("one", "other"))
    assert one.own("one/h-1")
    assert other.own("other/h-1")
    wanted, forwards = spec(f"two-{os.getpid()}"), (Forward(80, 20_001, 0),)
    one.start(wanted, BootFiles(), forwards)
    assert other.observe() == []
    other.destroy(wanted.vm_id)
    other.start(replace(wanted, lease_id="l-9"), BootFiles(), forwards)
    other.keep_notes(wanted.vm_id, Notes(ready_ms=1))
    assert [(seen.spec.lease_id, seen.notes.ready_ms) for seen in one.observe()] == [
        (wanted.lease_id, None)
    ]
    assert [(seen.spec.lease_id, seen.notes.ready_ms) for seen in other.observe()] == [("l-9", 1)]
    again = agent_of(tmp_path / "other")
    assert [seen.spec.lease_id for seen in again.observe()] == ["l-9"], "before it has logged in"
    assert not again.own("other/h-1")
    again.destroy(wanted.vm_id)
    assert again.observe() == []
    one.destroy(wanted.vm_id)
    assert one.observe() == []
    keep.close()


def test_a_copy_of_an_exchange_beside_it_leaves_its_vms_alone(tmp_path: Path) -> None:
    """(Seen to fail: the copy's agent took the VMs for its own, and ended those it did not know.)

    A restored exchange, served by the same agent, keeps them.
    """
    keep = libvirt.open("test:///default")
    one, copy = (agent_of(tmp_path / name) for name in ("one", "copy"))
    wanted, forwards = spec(f"copy-{os.getpid()}"), (Forward(80, 20_001, 0),)
    assert one.own("ab/h-1/b1")
    one.start(wanted, BootFiles(), forwards)
    assert copy.own("ab/h-1/b2")
    assert copy.observe() == []
    copy.destroy(wanted.vm_id)
    copy.start(replace(wanted, born_ms=9), BootFiles(), forwards)
    assert [seen.spec.born_ms for seen in copy.observe()] == [9]
    copy.destroy(wanted.vm_id)
    assert copy.observe() == []
    assert [seen.spec for seen in one.observe()] == [wanted]
    assert one.own("ab/h-1/b3"), "restored from a backup"
    assert [seen.spec for seen in one.observe()] == [wanted]
    again = agent_of(tmp_path / "one")
    assert [seen.spec for seen in again.observe()] == [wanted]
    assert not again.own("ab/h-1/b3")
    again.destroy(wanted.vm_id)
    assert again.observe() == []
    keep.close()


def agent_of(state: Path) -> LibvirtHypervisor:
    state.mkdir(exist_ok=True)
    return LibvirtHypervisor("test:///default", "test", state, now_ms, state / "owner")


def test_the_console_of_a_domain_that_somebody_removed_goes_too(tmp_path: Path) -> None:
    """(Seen to fail: it stayed until the agent's next start.)"""
    hypervisor = LibvirtHypervisor("test:///default", "test", tmp_path, now_ms)
    for name in ("v-1.log", "v-1.log.0", "v-1.log.ending", "v-11.log"):
        (tmp_path / name).write_text("a tenant's")
    hypervisor.destroy("v-1")
    assert [path.name for path in tmp_path.iterdir()] == ["v-11.log"]


def test_a_domain_that_somebody_renamed_is_removed(tmp_path: Path) -> None:
    """(Seen to fail: it stayed, with its metadata, and was ended again at every look.)"""
    keep = libvirt.open("test:///default")
    one, other = (agent_of(tmp_path / name) for name in ("one", "other"))
    assert one.own("ab/h-1/b1") and other.own("cd/h-1/b1")
    wanted = spec(f"renamed-{os.getpid()}")
    for name in (f"headroom-else-{os.getpid()}", f"else-{os.getpid()}"):
        one.start(wanted, BootFiles(), (Forward(80, 20_001, 0),))
        domain = keep.lookupByName(f"headroom-{wanted.vm_id}")
        domain.destroy()
        domain.rename(name, 0)
        other.destroy(wanted.vm_id)
        assert name in [here.name() for here in keep.listAllDomains(0)]
        one.destroy(wanted.vm_id)
        assert [path.name for path in (tmp_path / "one").iterdir()] == ["owner"]
        assert name not in [here.name() for here in keep.listAllDomains(0)]
    keep.close()
