"""How an account's frames are written in the journal: the many by position, the rest by name.

What orders and balances are told is an array that begins with the number of its layout, as in
``command_layout.py``; other frames are maps by the names of the wire. A row of earlier releases is
a list of such maps. So each row, and each frame of it, says by itself how it is read.
"""

from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import astuple

from exchange.wire.frames import AccountFrame, BalanceUpdate, OrderUpdate

WORDS: Final = (
    *("buy", "sell", "new", "trade", "canceled", "replaced", "expired"),
    *("partially_filled", "filled", "user", "maker", "taker", "order"),
)
"""Written as their place here. Others are written out; new ones may come behind."""
_WORD_OF: Final = dict(enumerate(WORDS))
_CODE: Final = {word: code for code, word in _WORD_OF.items()}
Word: TypeAlias = int | str


class _Row(Struct, array_like=True, tag=6, frozen=True):
    """All frames, and what the first has for ``account_seq``, ``seq`` and ``ts_ms``."""

    account_seq: int
    seq: int
    ts_ms: int
    frames: list[Raw]


class _Update(Struct, array_like=True, tag=4, frozen=True):
    """An `OrderUpdate`. ``seq`` and ``ts_ms`` are told by what they are beyond those of the row;
    ``account_seq`` follows from the place."""

    seq: int
    ts_ms: int
    order: int
    client_order_id: str
    symbol: str
    side: Word
    exec: Word
    status: Word
    order_qty: int
    filled_qty: int
    leaves_qty: int
    filled_notional_ucr: int
    price_ucr: int | None
    reason: Word | None
    last_qty: int | None = None
    last_price_ucr: int | None = None
    trade_id: str | None = None
    liquidity: Word | None = None


class _Balance(Struct, array_like=True, tag=5, frozen=True):
    """A `BalanceUpdate`, told as in `_Update`."""

    seq: int
    ts_ms: int
    available_ucr: int
    held_ucr: int
    why: Word


_FIRST_BYTES: Final = b"\x95\x06"
"""A `_Row`: an array of five, of which the first is its tag. Rows of names begin with a map."""
_MAPS: Final = frozenset((*range(0x80, 0x90), 0xDE, 0xDF))
"""How MessagePack begins a map."""
_row: Final = msgspec.msgpack.Decoder(_Row)
_by_position: Final = msgspec.msgpack.Decoder(_Update | _Balance)
_by_name: Final = msgspec.msgpack.Decoder(AccountFrame)
_encode: Final = msgspec.msgpack.Encoder().encode
_all_by_name: Final = msgspec.msgpack.Decoder(list[AccountFrame])


def frames_body(frames: list[AccountFrame]) -> bytes:
    """Return an account's frames of one batch as a row holds them."""
    first = frames[0]
    seq, ts_ms = first.seq, first.ts_ms
    rows = [_positions(frame, seq, ts_ms) for frame in frames]
    return _encode((6, first.account_seq, seq, ts_ms, rows))


def _positions(frame: AccountFrame, seq: int, ts_ms: int) -> Any:
    code = _CODE.get
    if isinstance(frame, BalanceUpdate):
        why, money = frame.why, (frame.available_ucr, frame.held_ucr)
        return 5, frame.seq - seq, frame.ts_ms - ts_ms, *money, code(why, why)
    if not isinstance(frame, OrderUpdate):
        return frame
    told = astuple(frame)
    _, at, at_ms, order_id, name, symbol, side, what, status, qty, filled, leaves = told[:12]
    notional_ucr, price_ucr, reason, last_qty, last_ucr, trade_id, liquidity = told[12:]
    place, order = (4, at - seq, at_ms - ts_ms), int(order_id[2:])
    words = code(side, side), code(what, what), code(status, status)
    numbers = qty, filled, leaves, notional_ucr, price_ucr
    if last_qty is None:
        return *place, order, name, symbol, *words, *numbers, code(reason, reason)
    last = last_qty, last_ucr, trade_id, code(liquidity, liquidity)
    return *place, order, name, symbol, *words, *numbers, code(reason, reason), *last


def by_position(body: bytes) -> bool:
    """Return whether a row is written as this release does, False for those of earlier ones."""
    return body[:2] == _FIRST_BYTES


def read_frames(body: bytes) -> list[AccountFrame]:
    """Return the frames of a row. Raises `msgspec.MsgspecError`."""
    if not by_position(body):
        return _all_by_name.decode(body)
    row = _row.decode(body)
    return [_frame(data, number, row) for number, data in enumerate(row.frames, row.account_seq)]


def _frame(data: Raw, number: int, row: _Row) -> AccountFrame:
    if memoryview(data)[0] in _MAPS:
        named: AccountFrame = _by_name.decode(data)
        return named
    frame = _by_position.decode(data)
    seq, ts_ms = row.seq + frame.seq, row.ts_ms + frame.ts_ms
    if isinstance(frame, _Balance):
        money = frame.available_ucr, frame.held_ucr
        return BalanceUpdate(number, seq, ts_ms, *money, _word(frame.why))
    _, _, order, name, symbol, side, what, status, *numbers, reason = astuple(frame)[:14]
    told: list[Any] = [number, seq, ts_ms, f"o-{order}", name, symbol]
    told += [_word(side), _word(what), _word(status), *numbers, _word(reason)]
    if frame.last_qty is not None:
        told += [frame.last_qty, frame.last_price_ucr, frame.trade_id, _word(frame.liquidity)]
    return OrderUpdate(*told)


def _word(code: Word | None) -> Any:
    if type(code) is not int:
        return code
    word = _WORD_OF.get(code)
    if word is None:
        raise msgspec.DecodeError(f"there is no word {code}")
    return word
