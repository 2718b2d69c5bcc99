"""A PNG file of the upper left corner of QEMU's picture of a screen. Pure."""

import struct
import zlib

WIDTH, HEIGHT = 720, 400
"""A text screen of 80 by 25 characters; a larger one is black beyond that."""


def corner(ppm: bytes) -> bytes:
    """Return the PNG of a binary PPM file (P6) of eight bits a colour."""
    _, size, _, pixels = ppm.split(b"\n", 3)
    width, height = (int(number) for number in size.split())
    wide, high = min(width, WIDTH), min(height, HEIGHT)
    starts = range(0, high * width * 3, width * 3)
    rows = b"".join(b"\0" + pixels[at : at + wide * 3] for at in starts)
    header = struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
