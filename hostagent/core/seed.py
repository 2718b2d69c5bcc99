"""The seed that an ordinary cloud image reads at its first boot: cloud-init's NoCloud. Pure.

A small ISO 9660 volume labelled ``cidata`` with the files ``user-data`` and ``meta-data``. Its
Joliet tree carries their names as they are written; the plain tree, with names in capitals, is
there because every reader expects one. Written here, so that a host needs no other tool and equal
VMs get equal bytes. Source: ECMA-119; cloud-init, "NoCloud".
"""

import json
import re
import struct
from typing import Final

from msgspec import Struct

from hostagent.core.ports import DomainSpec

LABEL: Final = "cidata"
SECTOR: Final = 2048
_NO_HOSTNAME: Final = re.compile(r"[^a-z0-9-]+")
# Where each part stands, in sectors. Sixteen at the beginning belong to the system.
_PRIMARY, _JOLIET, _END = 16, 17, 18
_PATHS: Final = {_PRIMARY: (19, 20), _JOLIET: (21, 22)}
"""The path tables of a tree: little-endian, big-endian."""
_ROOTS: Final = {_PRIMARY: 23, _JOLIET: 24}
_FILES: Final = 25
_UCS2_LEVEL_3: Final = b"%/E"
_NO_DATE: Final = b"0" * 16 + b"\0"
_DATE_1980: Final = bytes((80, 1, 1, 0, 0, 0, 0))


def seed(spec: DomainSpec) -> bytes:
    """Return the seed of one VM. Without user data its file is empty: cloud-init wants it there."""
    # A VM that gets an id a second time is another instance, and JSON is YAML too.
    meta = {
        "instance-id": f"{spec.vm_id}-{spec.born_ms or 0}",
        "local-hostname": _NO_HOSTNAME.sub("-", spec.vm_id.lower()).strip("-")[:63] or "vm",
    }
    meta_data = (json.dumps(meta) + "\n").encode()
    return volume(LABEL, {"meta-data": meta_data, "user-data": spec.user_data.encode()})


class _File(Struct, frozen=True):
    name: str
    start: int
    data: bytes


def volume(label: str, files: dict[str, bytes]) -> bytes:
    """Return an ISO 9660 volume with ``files`` at its root.

    Names are printable ASCII, at most 30 characters and a handful: a folder is one sector here.
    """
    placed: list[_File] = []
    end = _FILES
    for name, data in sorted(files.items()):
        placed.append(_File(name, end, data))
        end += -(-len(data) // SECTOR)
    parts = [bytes(_PRIMARY * SECTOR)]
    parts += [_descriptor(tree, label, end) for tree in (_PRIMARY, _JOLIET)]
    parts.append(_padded(b"\xffCD001\x01"))
    for root in _ROOTS.values():
        parts += [_padded(struct.pack("<BBIHBB", 1, 0, root, 1, 0, 0))]
        parts += [_padded(struct.pack(">BBIHBB", 1, 0, root, 1, 0, 0))]
    parts += [_folder(tree, placed) for tree in (_PRIMARY, _JOLIET)]
    parts += [_padded(file.data) for file in placed]
    return b"".join(parts)


def _descriptor(tree: int, label: str, sectors: int) -> bytes:
    """Return a volume descriptor; the Joliet one is a supplementary one with UCS-2 text."""
    joliet = tree == _JOLIET
    little, big = _PATHS[tree]
    fields = (
        bytes((2 if joliet else 1,)) + b"CD001\x01\0",
        _text(tree, "", 32),
        _text(tree, label if joliet else label.upper(), 32),
        bytes(8),
        _both(sectors, 4),
        (_UCS2_LEVEL_3 if joliet else b"").ljust(32, b"\0"),
        _both(1, 2) + _both(1, 2) + _both(SECTOR, 2),
        _both(10, 4),  # a path table's bytes
        struct.pack("<II", little, 0) + struct.pack(">II", big, 0),
        _record(b"\0", _ROOTS[tree], SECTOR, folder=True),
        *(_text(tree, "", size) for size in (128, 128, 128, 128)),
        *(_text(tree, "", size) for size in (37, 37, 37)),
        _NO_DATE * 4 + b"\x01",
    )
    return _padded(b"".join(fields))


def _folder(tree: int, files: list[_File]) -> bytes:
    own = [_record(name, _ROOTS[tree], SECTOR, folder=True) for name in (b"\0", b"\x01")]
    listed = sorted((_name(tree, file.name), file) for file in files)
    return _padded(b"".join(own + [_record(n, one.start, len(one.data)) for n, one in listed]))


def _name(tree: int, name: str) -> bytes:
    if tree == _JOLIET:
        return name.encode("utf-16-be")
    return f"{re.sub('[^A-Z0-9]', '_', name.upper())[:8]}.;1".encode()


def _record(name: bytes, start: int, size: int, folder: bool = False) -> bytes:
    """Return a folder's entry; it has an even length."""
    flags = 2 if folder else 0
    body = b"\0" + _both(start, 4) + _both(size, 4) + _DATE_1980 + bytes((flags, 0, 0))
    body += _both(1, 2) + bytes((len(name),)) + name
    body += b"\0" * ((len(body) + 1) % 2)
    return bytes((len(body) + 1,)) + body


def _text(tree: int, text: str, size: int) -> bytes:
    if tree == _JOLIET:
        half = text.ljust(size // 2).encode("utf-16-be")
        return half + b"\0" * (size - len(half))
    return text.ljust(size).encode()


def _both(number: int, size: int) -> bytes:
    """Return ``number`` in both byte orders, as the format has most of its numbers."""
    return number.to_bytes(size, "little") + number.to_bytes(size, "big")


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % SECTOR)
