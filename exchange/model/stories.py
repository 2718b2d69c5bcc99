"""What explains a lease beyond the state: how much of its time was not charged for which reason,
and which recalls came in a silence of its host.

No rule reads it, so it is no part of the state and of its hash; a snapshot carries it behind the
state, so that a restored engine tells the same as the one before would have.
"""

from typing import Final

import msgspec
from msgspec import Struct

_MARK: Final = b"headroom-stories"
_LENGTH_BYTES: Final = 8


class Story(Struct, array_like=True, gc=False):
    """Totals of one lease; unit-time in ms."""

    units: int = 0
    """The most units there were since the last posting."""
    waited_ms: int = 0
    """Waits for the launch of units' first VMs, of those that are over and can change no more."""
    boot_ms: int = 0
    """What was free of their boots."""
    whole_ms: int = 0
    """A window's time that its buyer gave up, and owes to the end."""
    silent_recalls: dict[int, int] = {}
    """When recalls end that came while the host was silent, and since when it was (times)."""


_decoder = msgspec.msgpack.Decoder(dict[int, Story])


def joined(stored: bytes, by_lease: dict[int, Story]) -> bytes:
    """Return a stored state with the stories of its leases, by lease number, behind it."""
    stories = msgspec.msgpack.encode(by_lease)
    return stored + stories + len(stories).to_bytes(_LENGTH_BYTES, "big") + _MARK


def split(data: bytes) -> tuple[bytes, bytes]:
    """Return what `joined` put together: the state, which is hashed, and the stories."""
    if not data.endswith(_MARK):
        return data, b""
    end = len(data) - len(_MARK) - _LENGTH_BYTES
    begin = end - int.from_bytes(data[end : end + _LENGTH_BYTES], "big")
    return data[:begin], data[begin:end]


def decode(stories: bytes) -> dict[int, Story]:
    """Return the stories by lease number, as `split` found them."""
    return _decoder.decode(stories) if stories else {}
