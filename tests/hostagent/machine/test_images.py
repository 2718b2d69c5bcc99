"""The image cache: verified by digest, archives read member by member, one download for many."""

import asyncio
import contextlib
import hashlib
import io
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.units import MIB
from exchange.wire.types import MAX_USER_DATA_CHARS, Capacity
from hostagent.core import domain_xml
from hostagent.core.ports import DomainSpec, ImageError
from hostagent.machine.images import ImageCache, unpack_bundle
from hostagent.setup import DOWNLOAD_TRIES, _downloader
from tests.exchange.support.harness import key_of
from tests.exchange.support.scripted import Mode, Scripted
from tests.exchange.support.virtual_loop import run_virtual

SHAPE = Capacity(mvcpu=1000, mem_mib=128, disk_mib=64)


def bundle(*members: tuple[str, bytes], link: tarfile.TarInfo | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        if link is not None:
            tar.addfile(link)
    return out.getvalue()


def link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


USER_DATA = [
    "caf\xe9,\r\n\x01",
    "\0",
    "]]></entry><entry file='/etc/shadow'/>",
    "\ufeff\u2028\U0010ffff",
    "x" * MAX_USER_DATA_CHARS,
    "\0" * MAX_USER_DATA_CHARS,
    "\U0001f600" * MAX_USER_DATA_CHARS,
]
GOOD = bundle(("vmlinuz", b"kernel"), ("initrd.gz", b"initramfs"))


class Store:
    """An image store that counts how often it is asked."""

    def __init__(self, *images: bytes, form: str = "bundle") -> None:
        self.images = {hashlib.sha256(data).hexdigest(): data for data in images}
        self.form = form
        self.asked = 0

    async def download(self, image: str, path: Path) -> str:
        self.asked += 1
        await asyncio.to_thread(path.write_bytes, self.images[image])
        return self.form

    @property
    def first(self) -> str:
        return next(iter(self.images))


def spec(image: str, user_data: str = "") -> DomainSpec:
    return DomainSpec("v-1", "l-1", "b", SHAPE, image, user_data=user_data)


def test_a_bundle_is_ready_to_boot_and_downloaded_once(tmp_path: Path) -> None:
    store = Store(GOOD)
    cache = ImageCache(tmp_path, store.download)

    async def fetch_thrice() -> None:
        await asyncio.gather(cache.fetch(store.first), cache.fetch(store.first))
        await cache.fetch(store.first)

    asyncio.run(fetch_thrice())
    files = cache.boot_files(store.first, spec(store.first))
    assert (files.kernel, files.initrd, files.disk) == (
        str(tmp_path / "images" / store.first / "vmlinuz"),
        str(tmp_path / "images" / store.first / "initrd.gz"),
        None,
    )
    assert Path(files.kernel or "").read_bytes() == b"kernel"
    assert store.asked == 1


def test_the_size_of_an_image_is_never_more_than_what_was_stored(tmp_path: Path) -> None:
    """So a host refuses none that its exchange took, which counts whole MiB upwards."""
    kernel, disk = b"k" * (3 * MIB), b"d" * (2 * MIB - 1)
    of_bundle, of_disk = Store(bundle(("vmlinuz", kernel), ("initrd.gz", disk))), Store(disk + b"d")
    of_disk.form = "raw"
    for store, mib in ((of_bundle, 4), (of_disk, 2)):
        cache = ImageCache(tmp_path / str(mib), store.download)
        asyncio.run(cache.fetch(store.first))
        assert cache.size_mib(store.first) == mib


@pytest.mark.parametrize("text", USER_DATA, ids=range(len(USER_DATA)))
def test_user_data_is_a_file_of_the_vm_and_goes_with_it(tmp_path: Path, text: str) -> None:
    """Byte by byte, whatever it is; QEMU is told the file's path, never its text."""
    store = Store(GOOD)
    cache = ImageCache(tmp_path, store.download)
    asyncio.run(cache.fetch(store.first))
    told = spec(store.first, text)
    files = cache.boot_files(store.first, told)
    assert files.user_data is not None
    assert Path(files.user_data).read_bytes() == text.encode()
    xml = domain_xml.domain_xml(domain_xml.Carried(told, ()), files, "qemu", "/l/v-1.log")
    without = domain_xml.domain_xml(
        domain_xml.Carried(spec(store.first), ()), files, "qemu", "/l/v-1.log"
    )
    assert xml == without
    assert f'file="{files.user_data}"' in xml
    cache.forget_vm("v-1")
    assert list((tmp_path / "vms").iterdir()) == []


def test_wrong_bytes_are_refused_and_not_kept(tmp_path: Path) -> None:
    store = Store(GOOD)
    store.images = {"0" * 64: GOOD}
    cache = ImageCache(tmp_path, store.download)
    with pytest.raises(ImageError, match="SHA-256") as raised:
        asyncio.run(cache.fetch("0" * 64))
    # The exchange took these bytes under this name from the buyer: they were spoiled on the way.
    assert raised.value.reason == "image_unavailable"
    assert list((tmp_path / "images").iterdir()) == []


@pytest.mark.parametrize("image", ["", "..", "../../x", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_a_digest_names_an_image(tmp_path: Path, image: str) -> None:
    store = Store()
    with pytest.raises(ImageError, match="not the SHA-256"):
        asyncio.run(ImageCache(tmp_path, store.download).fetch(image))
    assert store.asked == 0


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (bundle(("vmlinuz", b"k")), "found 'nothing'"),
        (bundle(("vmlinuz", b"k"), ("vmlinuz", b"k")), "there twice"),
        (bundle(("vmlinuz", b""), ("initrd.gz", b"i")), "is empty"),
        (bundle(("../vmlinuz", b"k"), ("initrd.gz", b"i")), "'../vmlinuz'"),
        (bundle(("vmlinuz", b"k"), ("initrd.gz", b"i"), ("more", b"m")), "nothing else"),
        (
            bundle(("vmlinuz", b"k"), link=link("initrd.gz", tarfile.SYMTYPE, "elsewhere")),
            "found",
        ),
        (bundle(("vmlinuz", b"k"), link=link("initrd.gz", tarfile.LNKTYPE, "vmlinuz")), "found"),
        (bundle(("vmlinuz", b"k"), link=link("initrd.gz", tarfile.CHRTYPE, "")), "found"),
        (b"\x1f\x8b" + bytes(600), "bundle"),
        (b"", "bundle"),
    ],
)
def test_an_archive_that_is_more_than_two_files_is_refused(
    tmp_path: Path, data: bytes, found: str
) -> None:
    """Shown to fail with `tarfile.extractall`, which follows the archive's own paths."""
    part, target = tmp_path / "part", tmp_path / "target"
    part.write_bytes(data)
    target.mkdir()
    with pytest.raises(ImageError, match=found):
        unpack_bundle(part, target)
    assert not (tmp_path / "vmlinuz").exists()


def test_an_absolute_path_in_an_archive_is_not_followed(tmp_path: Path) -> None:
    """Shown to fail with `tarfile.extractall`. The path is one of the test's own on purpose: were
    the code wrong, a system file named here would be overwritten by the test."""
    outside = tmp_path / "outside"
    part, target = tmp_path / "part", tmp_path / "target"
    part.write_bytes(bundle((str(outside), b"k"), ("initrd.gz", b"i")))
    target.mkdir()
    with pytest.raises(ImageError, match="found"):
        unpack_bundle(part, target)
    assert not outside.exists()


def crafted(kind: bytes, size: bytes) -> bytes:
    """A member's header with the raw ``size`` field and a right checksum."""
    head = bytearray(bundle(("vmlinuz", b"k"))[:512])
    head[124:136], head[156:157], head[148:156] = size, kind, b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


@pytest.mark.parametrize(
    "data",
    [
        crafted(b"0", b"\x80" + b"\x7f" * 11) + bytes(1024),
        crafted(b"0", b"\xff" * 12) + bytes(1024),
        crafted(b"x", b"\x80" + b"\x7f" * 11) + bytes(1024),
        crafted(b"L", b"00000000001\0") + bytes(512),
        (crafted(b"L", b"00000000001\0") + bytes(512)) * 3000,
        crafted(b"x", b"00000001000\0") + b"5 a=\xff\n".ljust(512, b"\xff"),
    ],
)
def test_a_crafted_header_is_an_image_that_is_refused(tmp_path: Path, data: bytes) -> None:
    """Any other error would end the agent. Shown to fail when only `tarfile.TarError` is caught."""
    (tmp_path / "part").write_bytes(data)
    (tmp_path / "target").mkdir()
    with pytest.raises(ImageError) as raised:
        unpack_bundle(tmp_path / "part", tmp_path / "target")
    assert raised.value.reason == "image_invalid"


HEADERS = [*range(512), *range(1024, 1536)]
"""Where the two members of ``GOOD`` are described; between them lies the kernel."""


@settings(max_examples=500)
@given(st.sampled_from(HEADERS), st.binary(min_size=1, max_size=40))
def test_no_archive_breaks_the_host(at: int, garbage: bytes) -> None:
    """Whatever a renter's bytes are, they are two files or an `ImageError`, nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        part, target = Path(folder) / "part", Path(folder) / "target"
        part.write_bytes(GOOD[:at] + garbage + GOOD[at + len(garbage) :])
        target.mkdir()
        with contextlib.suppress(ImageError):
            unpack_bundle(part, target)
            assert {path.name for path in target.iterdir()} == {"vmlinuz", "initrd.gz"}
        assert {path.name for path in Path(folder).iterdir()} == {"part", "target"}


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    store = Store(GOOD, form="iso")
    with pytest.raises(ImageError, match="'iso' is unknown"):
        asyncio.run(ImageCache(tmp_path, store.download).fetch(store.first))


@pytest.mark.parametrize("vm_id", ["..", ".", "a/b", "/etc"])
def test_a_vm_id_is_never_a_path(tmp_path: Path, vm_id: str) -> None:
    with pytest.raises(ImageError, match="plain name"):
        ImageCache(tmp_path, Store().download).forget_vm(vm_id)


@pytest.mark.parametrize("mode", ["busy", "internal"])
def test_a_download_is_tried_again_later_at_a_pace(tmp_path: Path, mode: Mode) -> None:
    """(Seen to fail: each was taken for an image that nobody has.)"""

    async def main() -> float:
        exchange = Scripted()
        await exchange.start()
        exchange.mode = mode
        download = _downloader(exchange.url, key_of("host"))
        with pytest.raises(ImageError, match=str(mode)) as failed:
            await download("ab" * 32, tmp_path / "image")
        assert failed.value.reason == "image_unavailable"
        assert exchange.dials == DOWNLOAD_TRIES
        await exchange.kill()
        return asyncio.get_running_loop().time()

    took_s, _ = run_virtual(main())
    assert took_s > 5
