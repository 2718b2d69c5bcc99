"""Write a "newc" cpio archive, the format the Linux kernel unpacks as its initramfs.

Pure and reproducible: entries in the order given, owner root, modification time 0. Written here
because the tool would bring in the builder's clock, inode numbers and directory order.
"""

import stat

from msgspec import Struct

_TRAILER = "TRAILER!!!"
_ALIGN = 4


class Entry(Struct, frozen=True):
    """One file: ``mode`` holds type and permission bits, ``data`` a link's target or a body."""

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory(path: str) -> Entry:
    return Entry(path, stat.S_IFDIR | 0o755)


def file(path: str, data: bytes, mode: int = 0o644) -> Entry:
    return Entry(path, stat.S_IFREG | mode, data)


def char_device(path: str, major: int, minor: int) -> Entry:
    return Entry(path, stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: list[Entry]) -> bytes:
    """Return the archive's bytes, uncompressed."""
    records = [_record(inode, entry) for inode, entry in enumerate(entries, start=1)]
    return b"".join([*records, _record(0, Entry(_TRAILER, 0))])


def _record(inode: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (
        inode,
        entry.mode,
        0,  # owner
        0,  # group
        links,
        0,  # modification time
        len(entry.data),
        0,  # the device that holds the file: major
        0,  # minor
        *entry.device,
        len(name),
        0,  # checksum: not used by newc
    )
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return _padded(head) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % _ALIGN)
