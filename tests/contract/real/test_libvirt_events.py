"""Hints come for our own domains only, soon, and again after libvirtd was restarted."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest

from hostagent.core.ports import BootFiles, Forward
from hostagent.machine.forwarder import free_loopback_port
from hostagent.machine.libvirt_events import DomainEvents
from hostagent.machine.libvirt_hypervisor import LibvirtHypervisor
from tests.contract.hypervisor_contract import HINT_S, spec
from tests.contract.real.test_hypervisor_libvirt import now_ms
from tests.e2e.conftest import open_folder

SOON_S = 0.6
"""With the pause before the look and the look itself less than a second."""


@pytest.fixture
def conn() -> Iterator[Any]:
    conn = libvirt.open("test:///default")
    yield conn
    conn.close()


def run_and_end(conn: Any, name: str) -> None:
    xml = (
        f"<domain type='test'><name>{name}</name><memory>65536</memory>"
        "<os><type>hvm</type></os></domain>"
    )
    conn.createXML(xml).destroy()


GONE_S = 60.0


def until_gone(pid: int) -> None:
    deadline = time.monotonic() + GONE_S
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.01)
        raise AssertionError(f"process {pid} is still there after {GONE_S:g} s")


def test_only_our_domains_are_told_of(conn: Any) -> None:
    told = threading.Semaphore(0)
    events = DomainEvents(lambda: libvirt.open("test:///default"), told.release)
    assert told.acquire(timeout=HINT_S), "it listens from now on"
    run_and_end(conn, f"foreign-{os.getpid()}")
    run_and_end(conn, f"headroom-{os.getpid()}")
    assert told.acquire(timeout=HINT_S)
    assert not told.acquire(blocking=False), "events come in order: the foreign one is dropped"
    events.close()


def test_a_connection_that_died_is_opened_again(conn: Any) -> None:
    """As after a restart of libvirtd; whatever happened meanwhile is hinted at too."""
    opened: list[Any] = []
    told = threading.Semaphore(0)

    def connect() -> Any:
        opened.append(libvirt.open("test:///default"))
        return opened[-1]

    events = DomainEvents(connect, told.release)
    assert told.acquire(timeout=HINT_S)
    opened[0].close()
    assert told.acquire(timeout=HINT_S)
    assert len(opened) == 2
    run_and_end(conn, f"headroom-{os.getpid()}")
    assert told.acquire(timeout=HINT_S)
    events.close()


def test_a_qemu_that_is_killed_is_told_of_within_a_second() -> None:
    with open_folder() as logs:
        hypervisor = LibvirtHypervisor("qemu:///system", "qemu", logs, now_ms)
        told = threading.Semaphore(0)
        hypervisor.watch(told.release)
        assert told.acquire(timeout=HINT_S)
        wanted = spec(f"killed-{os.getpid()}")
        try:
            forwards = (Forward(80, 20_001, free_loopback_port()),)
            hypervisor.start(wanted, BootFiles(), forwards)
            while told.acquire(timeout=SOON_S):
                pass  # what the start itself makes happen
            pid = int(Path(f"/run/libvirt/qemu/headroom-{wanted.vm_id}.pid").read_text())
            os.kill(pid, signal.SIGKILL)
            # libvirt waits until the process is gone, which is up to the system's first process.
            until_gone(pid)
            killed = time.monotonic()
            assert told.acquire(timeout=HINT_S)
            (seen,) = [one for one in hypervisor.observe() if one.spec == wanted]
            took_s = time.monotonic() - killed
            assert (seen.state, took_s < SOON_S) == ("crashed", True), took_s
        finally:
            hypervisor.destroy(wanted.vm_id)
            hypervisor.close()
