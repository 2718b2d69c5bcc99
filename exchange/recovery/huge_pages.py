"""Gathers this process's memory in huge pages before a fork. Shell.

A fork copies the table of pages: 20 ms for each GiB in pages of 4 KiB, 2 ms in pages of 2 MiB. The
memory of a day's orders is well filled and rarely written, so it stays in huge pages from one fork
to the next; what is written after a fork is gathered anew. A system without them ignores all this.
"""

import ctypes
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HUGE_BYTES: Final = 2 << 20
PAGE_BYTES: Final = mmap.PAGESIZE
FILLED: Final = 0.9
"""Share of a huge page that must be in use already: memory must not grow by much."""
MADV_COLLAPSE: Final = 25
"""Linux 6.1: gather now, in the caller's thread."""
_MAPS: Final = Path("/proc/self/maps")
_OWN: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p 0+ 00:00 0 *(?:\[heap\])?$", re.MULTILINE)
"""A region that is backed by no file: address, end."""

_libc: Final = ctypes.CDLL(None)
_libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_libc.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)


def gather() -> int:
    """Gather what fills whole huge pages; returns how many there are. Call it in a thread: other
    threads go on meanwhile."""
    try:
        maps = _MAPS.read_text()
    except OSError:
        return 0
    return sum(map(_gathered, _filled(maps)))


def _filled(maps: str) -> Iterator[int]:
    """Yield the addresses of huge pages that are nearly all in use."""
    pages = HUGE_BYTES // PAGE_BYTES
    used = ctypes.create_string_buffer(pages)
    for begin, end in _regions(maps):
        for at in range(begin, end, HUGE_BYTES):
            unknown = _libc.mincore(at, HUGE_BYTES, used)  # it may be gone by now
            if not unknown and pages - used.raw.count(0) >= pages * FILLED:
                yield at


def _regions(maps: str) -> Iterator[tuple[int, int]]:
    """Yield the parts of this process's own memory that huge pages could hold."""
    for found in _OWN.finditer(maps):
        begin, end = (int(word, 16) for word in found.groups())
        begin, end = -(-begin // HUGE_BYTES) * HUGE_BYTES, end // HUGE_BYTES * HUGE_BYTES
        if begin < end:
            yield begin, end


def _gathered(at: int) -> bool:
    return bool(_libc.madvise(at, HUGE_BYTES, MADV_COLLAPSE) == 0)
