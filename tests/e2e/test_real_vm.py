"""Real VMs on this machine without an exchange: what the host agent does with libvirt and QEMU."""

import asyncio
import contextlib
import hashlib
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

from exchange.client.images import pack_bundle
from exchange.wire.types import Capacity, Endpoint
from hostagent.core.domain_xml import Virt
from hostagent.core.policy import UNLIMITED, Policy
from hostagent.core.ports import (
    DestroyDomain,
    DomainFailed,
    DomainGone,
    DomainSpec,
    DomainStarted,
    FetchImage,
    GuestReady,
    ImageFailed,
    ImageReady,
    KeepNotes,
    Notes,
    ObservedDomain,
    Reading,
    ShutdownDomain,
    StartDomain,
    WatchGuest,
)
from hostagent.machine.facts import LoadMeter
from hostagent.machine.fence import Fence
from hostagent.machine.forwarder import Forwarder
from hostagent.machine.images import ImageCache
from hostagent.machine.libvirt_hypervisor import LibvirtHypervisor
from hostagent.machine.machine import Machine
from hostagent.machine.probe import probe
from tests.e2e.wait import GUEST_S, eventually, http_get

SHAPE = Capacity(mvcpu=1000, mem_mib=256, disk_mib=16)
USER_DATA = "motd=a, b <c> & 'd'\nfile=/etc/hostname\n"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def machine(
    state: Path, image: Path, form: str, policy: Policy = UNLIMITED, fence: Fence | None = None
) -> Machine:
    """A machine whose image store holds one image."""
    virt: Virt = "kvm" if probe().accel == "kvm" else "qemu"

    async def download(sha256: str, path: Path) -> str:
        await asyncio.to_thread(shutil.copyfile, image, path)
        return form

    (state / "logs").mkdir(exist_ok=True)
    return Machine(
        LibvirtHypervisor("qemu:///system", virt, state / "logs", now_ms, policy=policy),
        ImageCache(state, download, copies=policy.calls_out),
        Forwarder("127.0.0.1", 33_000, 33_999),
        LoadMeter().read,
        now_ms,
        policy=policy,
        fence=fence,
    )


def spec(vm_id: str, image: Path, ports: tuple[int, ...] = (), user_data: str = "") -> DomainSpec:
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    return DomainSpec(vm_id, "l-1", "b-1", SHAPE, digest, "quiet", user_data, ports)


async def fetched(here: Machine, wanted: DomainSpec) -> DomainStarted:
    """Fetch the image and start the domain."""
    ready = await here.carry_out(FetchImage(wanted.image))
    assert isinstance(ready, ImageReady), ready
    assert ready.image == wanted.image
    started = await here.carry_out(StartDomain(wanted))
    assert isinstance(started, DomainStarted), started
    return started


@contextlib.asynccontextmanager
async def opened(here: Machine, vm_id: str, keep: bool = False) -> AsyncIterator[Machine]:
    """Close ``here`` afterwards, and unless ``keep`` leave nothing of the VM behind."""
    try:
        yield here
    except BaseException:
        await here.carry_out(DestroyDomain(vm_id))
        raise
    else:
        if not keep:
            await here.carry_out(DestroyDomain(vm_id))
    finally:
        await here.close()


async def the(here: Machine, vm_id: str) -> ObservedDomain:
    (found,) = [one for one in (await here.observe()).domains if one.spec.vm_id == vm_id]
    return found


async def no_longer_running(here: Machine, vm_id: str) -> None:
    async def stopped() -> ObservedDomain | None:
        found = await the(here, vm_id)
        return None if found.state == "running" else found

    assert (await eventually(stopped, 120, "the guest powers off")).state == "stopped"


async def serves(here: Machine, wanted: DomainSpec) -> tuple[Endpoint, Reading]:
    """The first agent's part: start, wait, visit. Returns where the guest is, and its counters."""
    (endpoint,) = (await fetched(here, wanted)).endpoints
    async with asyncio.timeout(GUEST_S):
        assert await here.carry_out(WatchGuest(wanted.vm_id)) == GuestReady(wanted.vm_id)
    # Ready means that it serves: at once, without another try.
    page = await http_get(endpoint.address, endpoint.port)
    assert (page[0], f"<h1>{wanted.vm_id}</h1>" in page[1]) == (200, True)
    told = await http_get(endpoint.address, endpoint.port, "/user-data")
    assert told == (200, wanted.user_data)
    reading = (await the(here, wanted.vm_id)).reading
    assert reading is not None
    assert reading.cpu_ms_total > 0
    assert reading.net_tx_total > len(page[1])
    notes = Notes(None, 1, reading.net_rx_total, reading.net_tx_total)
    await here.carry_out(KeepNotes(wanted.vm_id, notes))
    return endpoint, reading


async def adopts(here: Machine, vm_id: str, endpoint: Endpoint, before: Reading) -> None:
    """The second agent's part: find it, reach it at the same place, stop it gently."""
    seen = await the(here, vm_id)
    assert (seen.spec.lease_id, seen.state, seen.notes.ready_ms) == ("l-1", "running", 1)
    assert await http_get(endpoint.address, endpoint.port, "/healthz") == (200, "ok\n")
    after = (await the(here, vm_id)).reading
    assert after is not None
    assert after.cpu_ms_total >= before.cpu_ms_total
    assert after.net_tx_total > before.net_tx_total
    await here.carry_out(ShutdownDomain(vm_id))
    await no_longer_running(here, vm_id)


def test_a_guest_serves_is_adopted_and_powers_off(tmp_path: Path, state: Path, guest: Path) -> None:
    image = tmp_path / "guest.tar"
    pack_bundle(guest, image)
    wanted = spec("t-guest", image, (80,), USER_DATA)

    async def story() -> None:
        async with opened(machine(state, image, "bundle"), "t-guest", keep=True) as first:
            endpoint, reading = await serves(first, wanted)
        async with opened(machine(state, image, "bundle"), "t-guest") as second:
            await adopts(second, "t-guest", endpoint, reading)
            assert await second.carry_out(DestroyDomain("t-guest")) == DomainGone("t-guest")
            left = [one.spec.vm_id for one in (await second.observe()).domains]
            assert "t-guest" not in left

    asyncio.run(story())
    assert list((state / "vms").iterdir()) == []
    assert list((state / "logs").iterdir()) == []


# mov si,text; next: lodsb; or al,al; jz end; mov dx,0x3f8; out dx,al; jmp next; end: cli; hlt
BOOT_CODE = bytes.fromhex("be107cac08c07406baf803eeebf5faf4")
SAYS = b"booted from my own disk\n"


def test_a_vm_boots_from_a_renters_disk(tmp_path: Path, state: Path) -> None:
    """A boot sector in a qcow2 file, converted by the host, writes to the VM's console."""
    raw, image = tmp_path / "disk.raw", tmp_path / "disk.qcow2"
    sector = (BOOT_CODE + SAYS).ljust(510, b"\0") + b"\x55\xaa"
    raw.write_bytes(sector.ljust(1024 * 1024, b"\0"))
    convert = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(image)]
    subprocess.run(convert, check=True, timeout=60)

    async def story() -> None:
        async with opened(machine(state, image, "qcow2"), "t-disk") as here:
            await fetched(here, spec("t-disk", image))
            await eventually(said, 120, "the console shows what the disk's code says")

    async def said() -> bool | None:
        console = state / "logs" / "t-disk.log"
        return SAYS in await asyncio.to_thread(console.read_bytes) or None

    asyncio.run(story())


def test_a_domain_that_cannot_start_leaves_nothing(tmp_path: Path, state: Path) -> None:
    image = tmp_path / "bad.qcow2"
    image.write_bytes(b"no disk")

    async def story() -> None:
        async with opened(machine(state, image, "qcow2"), "t-bad") as here:
            wanted = spec("t-bad", image)
            assert await here.carry_out(FetchImage(wanted.image)) == ImageFailed(
                wanted.image, "image_invalid"
            )
            assert isinstance(await here.carry_out(StartDomain(wanted)), DomainFailed)
            assert "t-bad" not in [one.spec.vm_id for one in (await here.observe()).domains]

    asyncio.run(story())
    assert list((state / "vms").iterdir()) == []
