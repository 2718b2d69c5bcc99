"""Is a file what its format says? Looks at its size and first bytes only. Pure.

A disk that is none would be stored, sold and launched before anybody noticed: the VM never boots,
and its host is blamed.
"""

from typing import Final

from exchange.wire.types import ImageFormat

HEAD_BYTES: Final = 512
"""What `mistake` and `by_magic` want of the file's start."""
SECTOR_BYTES: Final = 512
_QCOW2_MAGIC: Final = b"QFI\xfb"
_QCOW2_VERSIONS: Final = (2, 3)
_QCOW2_HEADER_BYTES: Final = 72
_TAR_MAGIC: Final = b"ustar"
_TAR_MAGIC_AT: Final = 257
_TAR_BYTES_MIN: Final = 3 * SECTOR_BYTES
"""One member's header and the two blocks that end an archive."""


def by_magic(head: bytes, named: ImageFormat) -> ImageFormat:
    """Return the format of a file called ``named``: many a qcow2 image is called ``.img``."""
    return "qcow2" if named == "raw" and head.startswith(_QCOW2_MAGIC) else named


def mistake(image_format: ImageFormat, size: int, head: bytes) -> str | None:
    """Return why ``size`` bytes that begin with ``head`` are no image of this format, or None."""
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
