"""The demo guest's initramfs: bytes that depend on nothing but their input."""

import gzip
import stat
from pathlib import Path

import pytest

from hostagent.guest import cpio
from hostagent.guest.build_guest import BuildError, build_guest
from hostagent.guest.guest_files import MODULES, initramfs

BUSYBOX = b"\x7fELF busybox"


def members(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Read a newc archive back: path -> (mode, data), to its trailer."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        name_at, size, name_size = at + 110, fields[6], fields[11]
        name = archive[name_at : name_at + name_size - 1].decode()
        data_at = (name_at + name_size + 3) & ~3
        if name == "TRAILER!!!":
            return found
        found[name] = (fields[1], archive[data_at : data_at + size])
        at = (data_at + size + 3) & ~3


def test_an_archive_reads_back() -> None:
    entries = [
        cpio.directory("d"),
        cpio.file("d/odd", b"12345", 0o755),
        cpio.char_device("d/tty", 4, 64),
    ]
    assert members(cpio.archive(entries)) == {
        "d": (stat.S_IFDIR | 0o755, b""),
        "d/odd": (stat.S_IFREG | 0o755, b"12345"),
        "d/tty": (stat.S_IFCHR | 0o600, b""),
    }


def test_the_guest_inserts_the_modules_it_has_in_order() -> None:
    """A kernel may have some built in; those are not in the package and not inserted."""
    present = {"virtio_net": b"net", "virtio_ring": b"ring", "other": b"no"}
    found = members(initramfs(BUSYBOX, present))
    init = found["init"][1].decode()
    assert "for name in virtio_ring virtio_net; do" in init
    assert found["modules/virtio_net.ko"][1] == b"net"
    assert "modules/other.ko" not in found
    assert found["bin/busybox"] == (stat.S_IFREG | 0o755, BUSYBOX)


def test_equal_input_gives_equal_bytes() -> None:
    modules = {name: name.encode() for name in MODULES}
    backwards = dict(reversed(modules.items()))
    one, other = initramfs(BUSYBOX, modules), initramfs(BUSYBOX, backwards)
    assert one == other
    assert gzip.compress(one, mtime=0) == gzip.compress(other, mtime=0)


def test_a_target_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("")
    with pytest.raises(BuildError) as raised:
        build_guest(target)
    assert "\n" not in str(raised.value)
