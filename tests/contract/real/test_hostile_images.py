"""Attack images and names, by kind: each is refused in one line, and nothing of it is left."""

import asyncio
import hashlib
import shutil
import struct
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.wire.types import Capacity
from hostagent.core.ports import (
    DomainFailed,
    DomainSpec,
    FetchImage,
    ImageFailed,
    Load,
    StartDomain,
)
from hostagent.machine.forwarder import Forwarder
from hostagent.machine.images import ImageCache
from hostagent.machine.libvirt_hypervisor import LibvirtHypervisor
from hostagent.machine.machine import Machine

SHAPE = Capacity(mvcpu=1000, mem_mib=128, disk_mib=4)
SECRET = "only-the-host-may-read-this"
Made = Callable[[Path, Path], None]
"""Writes an attack to the first path that wants to read or write the second."""


def qemu_img(*arguments: str) -> None:
    subprocess.run(["qemu-img", *arguments], check=True, capture_output=True, timeout=60)


def backing(scheme: str) -> Made:
    """A qcow2 whose header names a backing file that `qemu-img create` need not open."""

    def make(image: Path, secret: Path) -> None:
        qemu_img("create", "-f", "qcow2", str(image), "1M")
        name = scheme.format(secret).encode()
        head = bytearray(image.read_bytes())
        at = 0x400
        head[at : at + len(name)] = name
        head[8:20] = struct.pack(">QI", at, len(name))
        image.write_bytes(head)

    return make


def data_file(image: Path, secret: Path) -> None:
    options = f"data_file={secret},data_file_raw=on"
    qemu_img("create", "-f", "qcow2", "-o", options, str(image), "1M")


def of_format(form: str) -> Made:
    return lambda image, secret: qemu_img("create", "-f", form, str(image), "1M")


def vmdk_descriptor(image: Path, secret: Path) -> None:
    image.write_text(
        "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
        f'createType="monolithicFlat"\nRW 2048 FLAT "{secret}" 0\n'
    )


def vast(size: str) -> Made:
    return lambda image, secret: qemu_img("create", "-f", "qcow2", str(image), size)


def header_says(offset: int, value: bytes) -> Made:
    def make(image: Path, secret: Path) -> None:
        qemu_img("create", "-f", "qcow2", str(image), "1M")
        head = bytearray(image.read_bytes())
        head[offset : offset + len(value)] = value
        image.write_bytes(head)

    return make


def archive(*names: str, kind: bytes = tarfile.REGTYPE) -> Made:
    def make(image: Path, secret: Path) -> None:
        with tarfile.open(image, "w:") as out:
            for name in names:
                member = tarfile.TarInfo(name.format(secret))
                member.type, member.linkname = kind, str(secret)
                out.addfile(member)

    return make


ATTACKS: dict[str, tuple[str, Made]] = {
    "a backing file": ("qcow2", backing("{}")),
    "a backing file by JSON": (
        "qcow2",
        backing('json:{{"driver":"raw","file":{{"driver":"file","filename":"{}"}}}}'),
    ),
    "a backing file elsewhere": ("qcow2", backing("nbd://127.0.0.1:1/x")),
    "a backing file by HTTP": ("qcow2", backing("http://169.254.169.254/latest/meta-data")),
    "a data file": ("qcow2", data_file),
    "encrypted": ("qcow2", header_says(32, b"\x00\x00\x00\x01")),
    "2 TiB": ("qcow2", vast("2T")),
    "the largest size": ("qcow2", header_says(24, b"\x7f" + b"\xff" * 6 + b"\x00")),
    "a vast L1 table": ("qcow2", header_says(36, b"\xff\xff\xff\xff")),
    "an L1 table beyond the file": ("qcow2", header_says(40, b"\x7f" + b"\xff" * 7)),
    "no refcounts": ("qcow2", header_says(48, bytes(12))),
    "clusters of 2^63": ("qcow2", header_says(20, b"\x00\x00\x00\x3f")),
    "an unknown feature": ("qcow2", header_says(72, b"\x80" + bytes(7))),
    **{f"{form} called qcow2": ("qcow2", of_format(form)) for form in ("vmdk", "vdi", "vhdx")},
    **{f"{form} called a bundle": ("bundle", of_format(form)) for form in ("qcow2", "vpc", "qed")},
    "a VMDK that names a file": ("qcow2", vmdk_descriptor),
    "an absolute path": ("bundle", archive("{}", "initrd.gz")),
    "a path upwards": ("bundle", archive("../../vmlinuz", "initrd.gz")),
    "a link": ("bundle", archive("vmlinuz", "initrd.gz", kind=tarfile.SYMTYPE)),
    "a hard link": ("bundle", archive("vmlinuz", "initrd.gz", kind=tarfile.LNKTYPE)),
    "a device": ("bundle", archive("vmlinuz", "initrd.gz", kind=tarfile.BLKTYPE)),
    "an unknown format": ("vmdk", of_format("vmdk")),
}


def machine(state: Path, image: Path, form: str) -> Machine:
    async def download(sha256: str, path: Path) -> str:
        await asyncio.to_thread(shutil.copyfile, image, path)
        return form

    def now_ms() -> int:
        return time.time_ns() // 1_000_000

    logs = state / "logs"
    logs.mkdir(parents=True)
    hypervisor = LibvirtHypervisor("test:///default", "test", logs, now_ms)
    forwarder = Forwarder("127.0.0.1", 34_000, 34_099)
    return Machine(hypervisor, ImageCache(state, download), forwarder, Load, now_ms, simulated=True)


def left(state: Path) -> list[str]:
    return [str(path) for path in state.rglob("*") if path.is_file() or path.parent.name == "vms"]


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_image_is_the_buyers_fault_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    form, make = ATTACKS[name]
    image, secret, state = tmp_path / "image", tmp_path / "secret", tmp_path / "state"
    secret.write_text(SECRET * 100)
    before = secret.read_bytes()
    make(image, secret)
    secret.write_bytes(before)  # qemu-img makes a data file anew; what counts is what we do.
    digest = hashlib.sha256(image.read_bytes()).hexdigest()

    async def story() -> None:
        here = machine(state, image, form)
        refused = await here.carry_out(FetchImage(digest))
        assert refused == ImageFailed(digest, "image_invalid")
        wanted = DomainSpec("v-1", "l-1", "b", SHAPE, digest)
        assert isinstance(await here.carry_out(StartDomain(wanted)), DomainFailed)
        assert (await here.observe()).domains == []
        await here.close()

    asyncio.run(story())
    assert left(state) == []
    assert secret.read_bytes() == before


NAMES = [
    *("", ".", "..", "../v", "/etc/passwd", "a/b", "v\n1", "v\0", "v 1", "-v", "v" * 65),
    *("v,file=/etc/shadow", "v<x/>", "v&amp;", "v]]>", "v';--", "$(id)", "%s", "v\u202e1", "vé"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_vms_name_is_a_plain_word_or_nothing_is_made(tmp_path: Path, name: str) -> None:
    starts(tmp_path, vm_id=name)


TEXTS: list[dict[str, str | tuple[str, ...]]] = [
    {"cmdline": "quiet\ninit=/bin/sh"},
    {"cmdline": "a\0b"},
    {"cmdline": "\x1b[2J"},
    {"cmdline": "caf\xe9"},
    {"lease_id": "l\n"},
    {"boot": "b\x7f"},
    {"allow_from": ("10.0.0.0/8\n",)},
    {"allow_from": ("not a network",)},
    {"allow_from": ("10.0.0.0/99",)},
]


@pytest.mark.parametrize("texts", TEXTS)
def test_text_that_a_domain_cannot_carry_starts_nothing(
    tmp_path: Path, texts: dict[str, str | tuple[str, ...]]
) -> None:
    starts(tmp_path, **texts)


def starts(tmp_path: Path, **more: str | tuple[str, ...]) -> None:
    """Try to start a VM of a sound image with ``more``; it fails, and nothing is left of it."""
    image, state = tmp_path / "image", tmp_path / "state"
    qemu_img("create", "-f", "qcow2", str(image), "1M")
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    fields = {"vm_id": "v-1", "lease_id": "l-1", "boot": "b"} | more

    async def story() -> None:
        here = machine(state, image, "qcow2")
        await here.carry_out(FetchImage(digest))
        kept = left(state)
        wanted = DomainSpec(shape=SHAPE, image=digest, **fields)  # type: ignore[arg-type]
        assert isinstance(await here.carry_out(StartDomain(wanted)), DomainFailed)
        assert (await here.observe()).domains == []
        assert left(state) == kept
        await here.close()

    asyncio.run(story())
