"""Rows as they are stored: one for each accepted command, and the frames of an account."""

from typing import Final

import msgspec
from msgspec import Struct

from exchange.wire.frames import AccountFrame


class JournalRow(Struct, frozen=True, gc=False):
    """One accepted command; ``body`` is the MessagePack of its `Command`."""

    seq: int
    now_ms: int
    body: bytes


class AccountRow(Struct, frozen=True):
    """One stored row: all frames of one account in one batch, MessagePack array in ``body``."""

    account: str
    first_seq: int
    last_seq: int
    ts_ms: int
    body: bytes


class SpoiltFramesError(Exception):
    """Stored frames are not what was stored. ``str()`` is one line."""


_DECODER: Final = msgspec.msgpack.Decoder(list[AccountFrame])


def stored_frames(row_body: bytes, after: int, upto: int) -> list[AccountFrame]:
    """Return the frames ``after < account_seq <= upto`` of one `AccountRow.body`.

    Raises `SpoiltFramesError` where the body cannot be read.
    """
    try:
        frames = _DECODER.decode(row_body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SpoiltFramesError(str(error)) from error
    return [frame for frame in frames if after < frame.account_seq <= upto]
