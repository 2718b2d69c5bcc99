"""Where things are, by the hash of their name: about 10 bytes an entry, where a dict takes 100.

Entries are kept in buckets of bytes, which grow one at a time (linear hashing), so that no command
waits while everything is moved. Only 32 bits of a hash are kept: whoever looks something up
compares the name with what is found. Hashes of texts differ from process to process: nobody outside
can choose names that fall together, and nothing that is stored may depend on them.
"""

from struct import Struct, iter_unpack
from typing import Final

BITS: Final = 0xFFFF_FFFF
MEAN: Final = 32
"""Entries a bucket, about."""
LEAST: Final = 8
"""With fewer entries a bucket, buckets are joined again."""
SWEPT: Final = 16
"""Buckets that are looked through in one `sweep`."""

_LAYOUT: Final = "<II"
"""Bits of the hash, then the last 32 bits of the place."""
_ENTRY: Final = Struct(_LAYOUT)
_pack: Final = _ENTRY.pack
_SIZE: Final = _ENTRY.size


def name_hash(account_id: str, name: str) -> int:
    """Return a hash of an account's name for something."""
    return hash((account_id, name))


class Hashed:
    """Places (numbers that only grow) by the hash of what is there.

    Of all places that it holds the last 32 bits differ.
    """

    __slots__ = ("_buckets", "_count", "_mask", "_swept")

    def __init__(self) -> None:
        self._buckets = [bytearray()]
        self._mask = 0
        """Bits that name a bucket; one that is not there yet is still in its lower half."""
        self._count = 0
        self._swept = 0

    def add(self, hashes: list[int], place: int) -> None:
        """Remember that things with these hashes are at ``place`` and behind it, the highest so
        far."""
        buckets, mask = self._buckets, self._mask
        size, half = len(buckets), mask >> 1
        for hashed in hashes:
            number = hashed & mask
            if number >= size:
                number &= half
            buckets[number] += _pack(hashed & BITS, place & BITS)
            place += 1
        self._count += len(hashes)
        while self._count > MEAN * len(buckets):
            self._split()

    def may_have(self, hashed: int) -> bool:
        """False when nothing with this hash is there, which is nearly always so for a new name."""
        number = hashed & self._mask
        if number >= len(self._buckets):
            number &= self._mask >> 1
        return self._buckets[number].find((hashed & BITS).to_bytes(4, "little")) >= 0

    def places(self, hashed: int, oldest: int) -> list[int]:
        """Return where things with this hash may be, the newest first. Those before ``oldest``
        come out as places that are not there yet."""
        number, bits = hashed & self._mask, hashed & BITS
        if number >= len(self._buckets):
            number &= self._mask >> 1
        entries = iter_unpack(_LAYOUT, self._buckets[number])
        found = [oldest + (low - oldest & BITS) for there, low in entries if there == bits]
        return found[::-1]

    def sweep(self, oldest: int, after: int) -> None:
        """Drop entries of places before ``oldest``, from a few buckets a call, in turn.

        ``after``: behind the highest place.
        """
        buckets, kept = self._buckets, after - oldest
        for _ in range(min(SWEPT, len(buckets))):
            self._swept = (self._swept + 1) % len(buckets)
            bucket, old = buckets[self._swept], 0
            # Entries of a bucket are in the order of their places.
            for _, low in iter_unpack(_LAYOUT, bucket):
                if low - oldest & BITS < kept:
                    break
                old += 1
            if old:
                buckets[self._swept] = bucket[old * _SIZE :]
                self._count -= old
        if self._count < LEAST * len(buckets) and len(buckets) > 1:
            self._join(oldest)

    def _split(self) -> None:
        """Add a bucket: it takes its entries from the one in whose place it was so far."""
        new = len(self._buckets)
        self._mask = mask = (1 << new.bit_length()) - 1
        parent = new & (mask >> 1)
        stay, move = bytearray(), bytearray()
        for bits, low in iter_unpack(_LAYOUT, self._buckets[parent]):
            if bits & mask == new:
                move += _pack(bits, low)
            else:
                stay += _pack(bits, low)
        self._buckets[parent] = stay
        self._buckets.append(move)

    def _join(self, oldest: int) -> None:
        """Undo the last `_split`."""
        last = self._buckets.pop()
        new = len(self._buckets)
        parent = new & (self._mask >> 1)
        both = [*iter_unpack(_LAYOUT, self._buckets[parent]), *iter_unpack(_LAYOUT, last)]
        both.sort(key=lambda entry: entry[1] - oldest & BITS)
        self._buckets[parent] = bytearray(b"".join(_pack(*entry) for entry in both))
        self._mask = (1 << (new - 1).bit_length()) - 1
