"""Builds an agent's parts for the chosen hypervisor. Shell module.

The only place that knows which hypervisor is which; libvirt is imported when it is wanted.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from exchange import files
from exchange.client import Refused, Unknown, Unreachable, Urls, fetch_image
from exchange.client.backoff import Backoff
from exchange.keys import public_key_b64
from exchange.log import log
from exchange.units import MIB
from exchange.wire.types import Accel, Capacity, HostLimits
from hostagent.agent import Carrier
from hostagent.clock import now_ms
from hostagent.core import log_events, offer_log
from hostagent.core.core import HostConfig, HostCore
from hostagent.core.domain_xml import Virt
from hostagent.core.inventory import Override, advertised, image_mib, shared
from hostagent.core.kept import steady
from hostagent.core.policy import Policy
from hostagent.core.ports import Hypervisor, HypervisorError, ImageError
from hostagent.machine import conversion_group, facts, kept_probe
from hostagent.machine.facts import LoadMeter
from hostagent.machine.fence import Fence
from hostagent.machine.file_limit import raise_file_limit
from hostagent.machine.forwarder import Forwarder
from hostagent.machine.images import Download, ImageCache
from hostagent.machine.kept_file import KeptFile
from hostagent.machine.machine import Machine
from hostagent.machine.memory_machine import MemoryMachine

READY_BOUND_MS: dict[Accel, int] = {"kvm": 180_000, "tcg": 900_000, "simulated": 60_000}
"""How long a guest may take to serve. Emulated guests are slow, and slower beside each other."""
DOWNLOAD_TRIES = 8
"""Half a minute with the pauses between them; an exchange may restart meanwhile."""


class SetupError(Exception):
    """The agent cannot start. One line; ``usage``: what was asked for makes no sense."""

    def __init__(self, line: str, usage: bool = False) -> None:
        super().__init__(line)
        self.usage = usage


class Settings(Struct, frozen=True):
    """What the command line says. ``advertise`` and the ports are where renters reach guests."""

    hypervisor: str
    override: Override
    advertise: str
    low_port: int
    high_port: int
    state: Path
    classes: dict[str, Capacity]
    policy: Policy = Policy()
    tags: tuple[str, ...] = ()


def set_up(
    settings: Settings, url: str | Urls, key: Ed25519PrivateKey, kept: KeptFile
) -> tuple[HostCore, Carrier]:
    """Return the core and what carries out its effects. Blocks; raises `SetupError`."""
    check_state(settings.state, kept=False)
    if settings.hypervisor == "memory":
        ports = range(settings.low_port, settings.high_port + 1)
        return _core(settings, "simulated", kept), MemoryMachine(now_ms, settings.advertise, ports)
    try:
        with files.folder(settings.state):
            check_state(settings.state, kept=True)
            core, machine = _set_up(settings, url, key, kept)
            kept.keep_capacity(core.config.capacity)
            return core, machine
    except OSError as error:
        raise SetupError(f"--state {settings.state}: {files.why(error)}") from error


def kept_file(state: Path, key: Ed25519PrivateKey) -> KeptFile:
    """Return the file of a host's key in ``state``, which need not exist yet."""
    name = sha256(public_key_b64(key).encode()).hexdigest()[:16]
    return KeptFile(state / f"offer-{name}.json")


def _set_up(
    settings: Settings, url: str | Urls, key: Ed25519PrivateKey, kept: KeptFile
) -> tuple[HostCore, Carrier]:
    if settings.hypervisor.startswith("test:"):
        core = _core(settings, "simulated", kept)
        return core, _machine(settings, "test", url, key, core.config)
    found = kept_probe.known(settings.state, kept_probe.grounds())
    log.write(log_events.acceleration(found.why))
    if found.accel is None:
        raise SetupError(f"no VM runs here: {found.why}; see `headroom host doctor`")
    virt: Virt = "kvm" if found.accel == "kvm" else "qemu"
    core = _core(settings, found.accel, kept)
    return core, _machine(settings, virt, url, key, core.config)


def check_state(folder: Path, kept: bool) -> None:
    """Refuse a folder that cannot hold disks. ``kept``: make it, and write to it once."""
    try:
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if shutil.disk_usage(existing).total == 0 or not existing.is_dir():
            line = f"--state {folder}: {existing} is no folder that can hold files"
            raise SetupError(line, usage=True)
        if kept:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        raise SetupError(f"--state {folder}: {files.why(error)}") from error


def _core(settings: Settings, accel: Accel, kept: KeptFile) -> HostCore:
    known = facts.read_facts(settings.state)
    measured = advertised(known, settings.override)
    capacity = steady(measured, known, kept.kept.capacity, settings.override)
    ports = settings.high_port - settings.low_port + 1
    limits = HostLimits(ports=ports, image_mib=image_mib(known, capacity))
    log.write(log_events.limits(limits))
    config = HostConfig(
        capacity=capacity,
        classes=settings.classes,
        boot_id=facts.boot_id(),
        limits=limits,
        cpu_model=known.cpu_model,
        accel=accel,
        agent_version=metadata.version("headroom"),
        host_mvcpu=max(1, known.cpus) * 1000,
        host_mem_mib=known.mem_mib,
        shared=shared(settings.override),
        ready_bound_ms=READY_BOUND_MS[accel],
        outbound=settings.policy.outbound,
        tags=settings.tags,
    )
    core = HostCore(config, kept.kept.offer)
    log.write(offer_log.capacity(core.offer.offering(), accel))
    return core


def _machine(
    settings: Settings, virt: Virt, url: str | Urls, key: Ed25519PrivateKey, config: HostConfig
) -> Machine:
    try:
        from hostagent.machine.libvirt_hypervisor import LibvirtHypervisor
    except ModuleNotFoundError as error:
        raise SetupError("libvirt for Python is missing: pip install 'headroom[host]'") from error

    limits = config.limits
    assert limits is not None and limits.image_mib is not None, "a real host has limits"
    cache_bytes = limits.image_mib * MIB

    def make_room(path: Path, size: int) -> None:
        images.make_room(path, size)

    try:
        images = ImageCache(
            settings.state,
            _downloader(url, key, make_room),
            cache_bytes,
            copies=settings.policy.calls_out,
            group=_conversion_group(settings.state),
        )
        logs = settings.state / "logs"
        logs.mkdir(exist_ok=True)
    except OSError as error:
        raise SetupError(f"--state {settings.state}: {error.strerror}") from error
    owner_file, policy = settings.state / "owner", settings.policy
    fence = _fence(settings, virt)
    hypervisor = LibvirtHypervisor(settings.hypervisor, virt, logs, now_ms, owner_file, policy)
    _sweep(hypervisor, images)
    open_files = raise_file_limit()
    log.write(log_events.file_limit(open_files))
    low, high = settings.low_port, settings.high_port
    forwarder = Forwarder(settings.advertise, low, high, open_files)
    load = LoadMeter()
    return Machine(
        hypervisor,
        images,
        forwarder,
        load.read,
        now_ms,
        simulated=virt == "test",
        policy=policy,
        fence=fence,
    )


def _conversion_group(state: Path) -> Path | None:
    server = facts.read_facts(state)
    group = conversion_group.make(server.cpus, server.mem_mib)
    log.write(log_events.conversions(group.why))
    return group.procs


def _fence(settings: Settings, virt: Virt) -> Fence:
    """Return what holds guests that may call out, once it does."""
    fence = Fence(settings.policy)
    try:
        if settings.policy.calls_out and virt != "test":
            fence.hold()
        elif virt != "test":
            fence.close()
    except HypervisorError as error:
        raise SetupError(f"--outbound {settings.policy.outbound}: {error}") from error
    return fence


def _sweep(hypervisor: Hypervisor, images: ImageCache) -> None:
    """Before anything is started: remove what an agent that was killed has left."""
    try:
        for path, size in images.sweep(hypervisor.all_vm_ids()):
            log.write(log_events.swept(path, size))
    except (HypervisorError, OSError) as error:
        log.write(log_events.effect_failed("sweep", str(error)))


def _downloader(
    url: str | Urls,
    key: Ed25519PrivateKey,
    begins: Callable[[Path, int], None] = lambda path, size: None,
) -> Download:
    """``begins`` is told how many bytes will be written, and may raise `NoRoomError`."""

    async def download(image: str, path: Path) -> str:
        failed, pauses = "", Backoff()
        for _ in range(DOWNLOAD_TRIES):
            after_s = 0.0
            try:
                return await fetch_image(url, key, image, path, begins=partial(begins, path))
            except Refused as error:
                if not error.later and error.reason != "internal":  # a fault of its disk
                    raise ImageError(f"image {image[:12]}: {error}", "image_unknown") from error
                failed, after_s = str(error), error.retry_after_s
            except (Unknown, Unreachable) as error:
                # What has arrived is kept: the next try goes on from there.
                failed = str(error)
            await asyncio.sleep(pauses.pause_s(after_s))
        raise ImageError(f"image {image[:12]}: {failed}", "image_unavailable")

    return download
