"""Memory is gathered in huge pages where it is in use, and holds what it held.

Seen to fail on a planted bug: a region that is nearly empty was gathered too, and grew.
"""

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exchange.recovery import huge_pages
from exchange.recovery.huge_pages import HUGE_BYTES, PAGE_BYTES

LINES = (
    "00400000-00a00000 rw-p 00000000 00:00 0                                  [heap]",
    "00c00000-01100000 rw-p 00001000 fe:00 1234                               /usr/lib/libc.so",
    "01300000-01900000 rw-p 00000000 00:00 0",
    "02000000-02800000 rw-s 00000000 00:01 7                                  /dev/zero (deleted)",
    "02800000-02a00000 r--p 00000000 00:00 0",
    "03000000-03100000 rw-p 00000000 00:00 0",
    "7ffc00000000-7ffc00400000 rw-p 00000000 00:00 0                          [stack]",
)
MAPS = "\n".join(f"{line:49}" for line in LINES)


@contextmanager
def region(pages: int) -> Iterator[int]:
    """Yield the address of four huge pages, of each of which the first ``pages`` are in use."""
    size = 4 * HUGE_BYTES
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        for at in range(0, size, PAGE_BYTES):
            if at % HUGE_BYTES < pages * PAGE_BYTES:
                memory[at] = 7
        held = ctypes.c_char.from_buffer(memory)
        try:
            yield ctypes.addressof(held)
        finally:
            del held  # else the memory cannot be given back, which would hide what went wrong


def found_in(address: int) -> int:
    found = huge_pages._filled(huge_pages._MAPS.read_text())
    return sum(address <= at < address + 4 * HUGE_BYTES for at in found)


def test_only_whole_pages_of_this_processs_own_memory_are_looked_at() -> None:
    found = list(huge_pages._regions(MAPS))
    assert found == [(0x400000, 0xA00000), (0x1400000, 0x1800000)]


def test_memory_in_use_is_found_and_memory_that_is_nearly_empty_is_not() -> None:
    with region(HUGE_BYTES // PAGE_BYTES) as address:
        assert found_in(address) >= 3, "all that are aligned"
    with region(1) as address:
        assert found_in(address) == 0


def test_memory_holds_what_it_held() -> None:
    """With or without a system that has huge pages."""
    kept = bytearray(range(256)) * (8 * HUGE_BYTES // 256)
    huge_pages.gather()
    assert kept == bytearray(range(256)) * (8 * HUGE_BYTES // 256)


def test_a_system_that_tells_nothing_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(Seen to fail with an error that would have ended the exchange.)"""
    monkeypatch.setattr(huge_pages, "_MAPS", tmp_path / "maps")
    assert huge_pages.gather() == 0
