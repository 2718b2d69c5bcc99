"""What a qcow2 header says that a host would refuse, as qemu-img writes such headers."""

import struct

import pytest

from manager.core.qcow2 import VIRTUAL_BYTES_MAX, host_refuses, virtual_bytes

GIB = 1024**3


def header(
    version: int = 3, backing: int = 0, size: int = GIB, crypt: int = 0, features: int = 0
) -> bytes:
    """See the format's description: big-endian, 104 bytes in version 3."""
    head = struct.pack(">4sIQIIQI", b"QFI\xfb", version, backing, 0, 16, size, crypt)
    return head.ljust(72, b"\0") + struct.pack(">Q", features).ljust(32, b"\0")


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (header(), None),
        (header(version=2), None),
        (header(features=1), None),
        (header(size=VIRTUAL_BYTES_MAX), None),
        (header(backing=104), "backing file"),
        (header(features=4), "another file"),
        (header(version=2, features=4), None),
        (header(crypt=1), "encrypted"),
        (header(crypt=2), "encrypted"),
        (header(size=0), "out of bounds"),
        (header(size=VIRTUAL_BYTES_MAX + 1), "out of bounds"),
        (header(size=2**64 - 1), "out of bounds"),
    ],
)
def test_what_a_host_would_refuse_is_named(head: bytes, why: str | None) -> None:
    said = host_refuses(head)
    assert said is None if why is None else why in (said or "")


def test_the_virtual_size_is_read() -> None:
    assert virtual_bytes(header(size=5 * GIB)) == 5 * GIB
