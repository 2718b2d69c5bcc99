"""Checks that a file has the format it claims, by its size and first bytes only. Pure.

Otherwise a file that is not a disk image would be stored, sold and launched before anybody noticed:
its VM never boots, and the host is blamed.
"""

from typing import Final

from exchange.wire.types import ImageFormat

HEAD_BYTES: Final = 512
"""How many bytes of the file's start `mistake` and `by_magic` need."""
SECTOR_BYTES: Final = 512
_QCOW2_MAGIC: Final = b"QFI\xfb"
_QCOW2_VERSIONS: Final = (2, 3)
_QCOW2_HEADER_BYTES: Final = 72
_TAR_MAGIC: Final = b"ustar"
_TAR_MAGIC_AT: Final = 257
_TAR_BYTES_MIN: Final = 3 * SECTOR_BYTES
"""The smallest archive: one member's header and the two blocks that end an archive."""


def by_magic(head: bytes, named: ImageFormat) -> ImageFormat:
    """Return the real format of a file: many qcow2 images are named ``.img``, as raw ones are."""
    return "qcow2" if named == "raw" and head.startswith(_QCOW2_MAGIC) else named


def mistake(image_format: ImageFormat, size: int, head: bytes) -> str | None:
    """Return why a file of ``size`` bytes that begins with ``head`` is not an image of this format,
    or None when it is."""
    match image_format:
        case "raw":
            return _no_raw(size, head)
        case "qcow2":
            version = int.from_bytes(head[4:8], "big")
            whole = size >= _QCOW2_HEADER_BYTES and head.startswith(_QCOW2_MAGIC)
            return None if whole and version in _QCOW2_VERSIONS else "not a qcow2 image"
        case "bundle":
            marked = head[_TAR_MAGIC_AT:].startswith(_TAR_MAGIC)
            return None if marked and size >= _TAR_BYTES_MIN else "not a tar archive"


def _no_raw(size: int, head: bytes) -> str | None:
    if size == 0 or size % SECTOR_BYTES:
        return f"not a raw disk: {size} bytes are not whole sectors of {SECTOR_BYTES}"
    if head.startswith(_QCOW2_MAGIC):
        return "not a raw disk: it is a qcow2 image"
    return None
