"""What the header of a qcow2 image says that a host would refuse. Pure.

A host asks qemu-img, and so does an import; the header alone tells most of it before the image is
copied, and on a machine without QEMU.
"""

from typing import Final

HEADER_BYTES: Final = 104
VIRTUAL_BYTES_MAX: Final = 1024**4
DATA_FILE_BIT: Final = 4
"""Of the incompatible features: the data is in another file."""


def virtual_bytes(head: bytes) -> int:
    """Return the size of the disk that the image holds."""
    return _number(head, 24, 32)


def host_refuses(head: bytes) -> str | None:
    """Say why a host would refuse a qcow2 image that begins so, ``None`` if the header is fine."""
    if _number(head, 8, 16):
        return "it has a backing file; flatten it first: qemu-img convert -O qcow2"
    if _number(head, 4, 8) >= 3 and _number(head, 72, 80) & DATA_FILE_BIT:
        return "it keeps its data in another file; flatten it first"
    if _number(head, 32, 36):
        return "it is encrypted"
    if not 0 < virtual_bytes(head) <= VIRTUAL_BYTES_MAX:
        return "its virtual size is out of bounds"
    return None


def _number(head: bytes, start: int, end: int) -> int:
    return int.from_bytes(head[start:end], "big")
