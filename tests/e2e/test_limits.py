"""Measured on a real guest: disk and network rates within 20 %, CPU cap and metering."""

import asyncio
import hashlib
import os
import time
from pathlib import Path
from typing import Final

import pytest

from exchange.units import MIB
from exchange.wire.types import Capacity
from hostagent.core.policy import Policy
from hostagent.core.ports import (
    BootFiles,
    DestroyDomain,
    DomainSpec,
    DomainStarted,
    GuestReady,
    StartDomain,
    WatchGuest,
)
from hostagent.core.rates import Rates
from hostagent.machine.facts import LoadMeter
from hostagent.machine.forwarder import Forwarder
from hostagent.machine.images import ImageCache
from hostagent.machine.libvirt_hypervisor import LibvirtHypervisor
from hostagent.machine.machine import Machine
from tests.e2e.test_guest_network import Tried, open_bundle
from tests.e2e.test_real_vm import now_ms, the
from tests.e2e.wait import GUEST_S

MVCPU: Final = 500
SHAPE: Final = Capacity(mvcpu=MVCPU, mem_mib=256, disk_mib=64)
DISK_MIB_S: Final = 8
NET_MIB_S: Final = 2
METERED_S: Final = 30.0
TICKS: Final = os.sysconf("SC_CLK_TCK")


class WithDisk(ImageCache):
    """Every image is the demo guest with a disk beside it, so that it can read one."""

    def __init__(self, root: Path, folder: Path) -> None:
        super().__init__(root, self._nothing)
        self._folder_of_guest = folder

    @staticmethod
    async def _nothing(sha256: str, path: Path) -> str:
        raise AssertionError("nothing is downloaded")

    def boot_files(self, image: str, spec: DomainSpec) -> BootFiles:
        own = self._vm_folder(spec.vm_id)
        own.mkdir(mode=0o711)
        with (own / "disk.raw").open("wb") as disk:
            disk.write(os.urandom(spec.shape.disk_mib * MIB))
        for name in ("vmlinuz", "initrd.gz"):
            (own / name).write_bytes((self._folder_of_guest / name).read_bytes())
        kernel, initrd = str(own / "vmlinuz"), str(own / "initrd.gz")
        return BootFiles(kernel, initrd, str(own / "disk.raw"))


def machine(state: Path, folder: Path) -> Machine:
    policy = Policy(Rates(DISK_MIB_S * 1000 // MVCPU, NET_MIB_S * 1000 // MVCPU))
    (state / "logs").mkdir()
    return Machine(
        LibvirtHypervisor("qemu:///system", "qemu", state / "logs", now_ms, policy=policy),
        WithDisk(state, folder),
        Forwarder("127.0.0.1", 33_000, 33_999),
        LoadMeter().read,
        now_ms,
        policy=policy,
    )


def pid_of(vm_id: str) -> int:
    """Return the id of a VM's QEMU process."""
    return int(Path(f"/run/libvirt/qemu/headroom-{vm_id}.pid").read_text())


def cpu_ms(pid: int) -> int:
    """What the kernel has counted of a process, from ``/proc/PID/stat``."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 // TICKS


def test_a_guest_is_held_to_its_class(state: Path, guest: Path, tmp_path: Path) -> None:
    folder = open_bundle(guest, tmp_path)
    image = hashlib.sha256(b"any").hexdigest()
    wanted = DomainSpec("t-limits", "l-1", "b-1", SHAPE, image, "quiet", ports=(80,))

    async def story() -> None:
        here = machine(state, folder)
        try:
            started = await here.carry_out(StartDomain(wanted))
            assert isinstance(started, DomainStarted), started
            async with asyncio.timeout(GUEST_S):
                assert await here.carry_out(WatchGuest("t-limits")) == GuestReady("t-limits")
            tried = Tried("t-limits", started.endpoints[0].port)
            await reads_its_disk_at_its_rate(tried)
            await is_heard_at_its_rate(here, tried)
            await is_metered_and_capped(here, tried)
        finally:
            await here.carry_out(DestroyDomain("t-limits"))
            await here.close()

    asyncio.run(story())


async def reads_its_disk_at_its_rate(tried: Tried) -> None:
    begin_s = time.monotonic()
    said = await tried.run("ls -l /dev/vda; dd if=/dev/vda of=/dev/null bs=64k; echo $?")
    mib_s = 64 / (time.monotonic() - begin_s)
    print(f"disk: {mib_s:.2f} MiB/s of {DISK_MIB_S}: {said!r}")
    assert mib_s == pytest.approx(DISK_MIB_S, rel=0.2)


async def is_heard_at_its_rate(here: Machine, tried: Tried) -> None:
    before = (await the(here, tried.vm_id)).reading
    begin_s = time.monotonic()
    text = await tried.run("tr '\\0' x < /dev/zero | dd bs=64k count=256 iflag=fullblock")
    mib_s = len(text) / MIB / (time.monotonic() - begin_s)
    after = (await the(here, tried.vm_id)).reading
    assert before is not None and after is not None
    counted = after.net_tx_total - before.net_tx_total
    print(f"network: {mib_s:.2f} MiB/s of {NET_MIB_S}; {counted} bytes counted of {len(text)}")
    assert mib_s == pytest.approx(NET_MIB_S, rel=0.2)
    assert counted == pytest.approx(len(text), rel=0.01)


async def is_metered_and_capped(here: Machine, tried: Tried) -> None:
    await tried.run("(while :; do :; done) > /dev/null 2>&1 &")
    pid = pid_of(tried.vm_id)
    before, seen_before, begin_s = (await the(here, tried.vm_id)).reading, cpu_ms(pid), _now()
    await asyncio.sleep(METERED_S)
    after, seen = (await the(here, tried.vm_id)).reading, cpu_ms(pid) - seen_before
    took_ms = (_now() - begin_s) * 1000
    assert before is not None and after is not None
    metered = after.cpu_ms_total - before.cpu_ms_total
    print(f"cpu: {metered} ms metered, {seen} ms by /proc, {seen / took_ms:.3f} of a CPU")
    assert metered == pytest.approx(seen, rel=0.02)
    # On a busy machine it gets less than its cap.
    assert seen / took_ms <= MVCPU / 1000 * 1.15


def _now() -> float:
    return time.monotonic()
