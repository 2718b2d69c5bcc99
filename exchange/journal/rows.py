"""Rows as they are stored: one for each accepted command, and the frames of an account."""

import msgspec
from msgspec import Struct

from exchange.journal import frame_layout
from exchange.wire.frames import AccountFrame


class JournalRow(Struct, frozen=True, gc=False):
    """One accepted command; ``body`` is its `Command` as ``command_layout.py`` writes it."""

    seq: int
    now_ms: int
    body: bytes


class AccountRow(Struct, frozen=True):
    """One stored row: all frames of one account in one batch, ``body`` as `frame_layout` has it."""

    account: str
    first_seq: int
    last_seq: int
    ts_ms: int
    body: bytes


class SpoiltFramesError(Exception):
    """Stored frames are not what was stored. ``str()`` is one line."""


def account_row(account: str, frames: list[AccountFrame], ts_ms: int) -> AccountRow:
    """Return an account's frames of one batch as they are stored."""
    body = frame_layout.frames_body(frames)
    return AccountRow(account, frames[0].account_seq, frames[-1].account_seq, ts_ms, body)


def stored_frames(row_body: bytes, after: int, upto: int) -> list[AccountFrame]:
    """Return the frames ``after < account_seq <= upto`` of one `AccountRow.body`.

    Raises `SpoiltFramesError` where the body cannot be read.
    """
    try:
        frames = frame_layout.read_frames(row_body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SpoiltFramesError(str(error)) from error
    return [frame for frame in frames if after < frame.account_seq <= upto]
