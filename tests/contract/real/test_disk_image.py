"""Hostile disk images against the real qemu-img. Run by `make e2e`."""

import asyncio
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from exchange.units import MIB
from exchange.wire.types import Capacity
from hostagent.core.ports import DomainSpec, ImageError
from hostagent.core.seed import seed
from hostagent.machine.disk_image import convert_disk, inspect_disk
from hostagent.machine.images import ImageCache

SECRET = b"root:x:0:0: what only the host may read\n"


def qemu_img(*arguments: str) -> None:
    subprocess.run(["qemu-img", *arguments], check=True, capture_output=True, timeout=60)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(SECRET.ljust(MIB, b"\0"))
    return path


def test_a_flat_disk_of_the_class_size_is_made(tmp_path: Path) -> None:
    source, target = tmp_path / "a.qcow2", tmp_path / "disk.raw"
    qemu_img("create", "-f", "qcow2", str(source), "3M")
    convert_disk(source, "qcow2", target, disk_mib=8)
    assert target.stat().st_size == 8 * MIB


def test_a_sound_disk_is_converted_150_times_of_150(tmp_path: Path) -> None:
    """A bound on addresses let 16 fail that could not make a thread."""
    raw, source = tmp_path / "a.raw", tmp_path / "a.qcow2"
    raw.write_bytes(os.urandom(12 * MIB))
    qemu_img("convert", "-f", "raw", "-O", "qcow2", str(raw), str(source))
    for _ in range(150):
        convert_disk(source, "qcow2", tmp_path / "disk.raw", disk_mib=16)


def test_a_backing_file_cannot_hand_out_the_hosts_files(tmp_path: Path, secret: Path) -> None:
    """Shown to fail with the question for a backing file taken out of `inspect_disk`."""
    source = tmp_path / "a.qcow2"
    qemu_img("create", "-f", "qcow2", "-b", str(secret), "-F", "raw", str(source))
    with pytest.raises(ImageError, match="backing file"):
        convert_disk(source, "qcow2", tmp_path / "disk.raw", disk_mib=8)
    assert not (tmp_path / "disk.raw").exists()


def test_a_data_file_cannot_either(tmp_path: Path) -> None:
    source, data = tmp_path / "a.qcow2", tmp_path / "data"
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={data}", str(source), "1M")
    with pytest.raises(ImageError, match="another file"):
        inspect_disk(source, "qcow2")


def test_a_qcow2_that_is_called_raw_is_only_bytes(tmp_path: Path, secret: Path) -> None:
    """The declared format holds: its header is data of the disk, and nothing follows it."""
    source, target = tmp_path / "a.qcow2", tmp_path / "disk.raw"
    qemu_img("create", "-f", "qcow2", "-b", str(secret), "-F", "raw", str(source))
    convert_disk(source, "raw", target, disk_mib=8)
    assert target.read_bytes()[: source.stat().st_size] == source.read_bytes()
    assert SECRET not in target.read_bytes()


@pytest.mark.parametrize(("size", "form"), [("9M", "qcow2"), ("9M", "raw")])
def test_a_disk_larger_than_its_class_is_refused(tmp_path: Path, size: str, form: str) -> None:
    source = tmp_path / "a"
    qemu_img("create", "-f", form, str(source), size)
    with pytest.raises(ImageError, match="do not fit"):
        convert_disk(source, form, tmp_path / "disk.raw", disk_mib=8)


def test_a_vast_disk_is_refused_when_it_arrives(tmp_path: Path) -> None:
    source = tmp_path / "a.qcow2"
    qemu_img("create", "-f", "qcow2", str(source), "2T")
    with pytest.raises(ImageError, match="out of bounds"):
        inspect_disk(source, "qcow2")


@pytest.mark.parametrize("data", [b"", b"QFI\xfb" + b"\xff" * 500, b"not a disk"])
def test_bytes_that_are_no_qcow2_are_one_line(tmp_path: Path, data: bytes) -> None:
    source = tmp_path / "a"
    source.write_bytes(data)
    with pytest.raises(ImageError) as raised:
        inspect_disk(source, "qcow2")
    assert "\n" not in str(raised.value)


def test_through_the_cache_a_vm_gets_a_disk_of_its_own(tmp_path: Path) -> None:
    source = tmp_path / "a.qcow2"
    qemu_img("create", "-f", "qcow2", str(source), "1M")
    image = hashlib.sha256(source.read_bytes()).hexdigest()

    async def download(sha256: str, path: Path) -> str:
        shutil.copyfile(source, path)
        return "qcow2"

    cache = ImageCache(tmp_path / "state", download)
    asyncio.run(cache.fetch(image))
    shape = Capacity(mvcpu=1000, mem_mib=128, disk_mib=4)
    wanted = DomainSpec("v-1", "l-1", "b", shape, image)
    files = cache.boot_files(image, wanted)
    assert files.disk == str(tmp_path / "state" / "vms" / "v-1" / "disk.raw")
    assert Path(files.disk).stat().st_size == 4 * MIB
    assert files.seed == str(tmp_path / "state" / "vms" / "v-1" / "seed.iso")
    assert Path(files.seed).read_bytes() == seed(wanted)
    cache.forget_vm("v-1")
    assert list((tmp_path / "state" / "vms").iterdir()) == []
