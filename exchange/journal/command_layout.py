"""How commands are written in the journal: the many by position, the rest by name.

Orders placed, canceled and replaced are arrays. Each begins with the number of its layout, here the
``tag`` of a Struct, which lists what stands where. A layout never changes: other fields get another
number. All other commands, and all rows of earlier releases, are maps by the names of the wire. So
each row says by itself how it is read.
"""

from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from exchange.model.commands import Command
from exchange.wire.requests import OrderCancel, OrderPlace, OrderReplace
from exchange.wire.types import OrderType, SelfTrade, Side, TimeInForce


class _Sender(Struct, array_like=True, frozen=True):
    account: str
    host: str
    session: int
    key_id: str


class _Place(_Sender, tag=1, frozen=True):
    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    qty: int
    price_ucr: int | None
    req_id: int
    others: (
        tuple[TimeInForce, int | None, bool, int | None, SelfTrade, list[str] | None, int | None]
        | None
    ) = None
    """``time_in_force``, ``expire_ms``, ``post_only``, ``min_qty``, ``stp``, ``hosts`` and
    ``deadline_ms``; left out when all are what they are by default."""


class _Cancel(_Sender, tag=2, frozen=True):
    order_id: str | None
    client_order_id: str | None
    req_id: int


class _Replace(_Sender, tag=3, frozen=True):
    order_id: str | None
    client_order_id: str | None
    price_ucr: int | None
    qty: int | None
    req_id: int


_ARRAYS: Final = range(0x90, 0xA0)
"""How MessagePack begins an array of up to 15 entries."""
_OTHERS: Final = 6
_PLAIN: Final = astuple(OrderPlace("", "", "buy", "limit", 1, req_id=0))[_OTHERS:-1]
"""An order's fields from ``time_in_force`` on; last stands ``req_id``."""
_by_position: Final = msgspec.msgpack.Decoder(_Place | _Cancel | _Replace)
_encode: Final = msgspec.msgpack.Encoder().encode
_by_name: Final = msgspec.msgpack.Decoder(Command)


def command_body(command: Command) -> bytes:
    """Return a command as a row holds it."""
    message = command.message
    kind = type(message)
    sender = (command.account, command.host, command.session, command.key_id)
    if kind is OrderPlace:
        asked = astuple(message)
        others = asked[_OTHERS:-1]
        if others == _PLAIN:
            return _encode((1, *sender, *asked[:_OTHERS], asked[-1]))
        return _encode((1, *sender, *asked[:_OTHERS], asked[-1], others))
    if kind is OrderCancel:
        return _encode((2, *sender, *astuple(message)))
    if kind is OrderReplace:
        return _encode((3, *sender, *astuple(message)))
    return _encode(command)


def read_body(body: bytes) -> Command:
    """Return the command of a row. Raises `msgspec.MsgspecError`."""
    if not body or body[0] not in _ARRAYS:
        return _by_name.decode(body)
    row = _by_position.decode(body)
    message: OrderPlace | OrderCancel | OrderReplace
    if isinstance(row, _Place):
        asked = astuple(row)
        message = OrderPlace(*asked[4:10], *(row.others or _PLAIN), req_id=row.req_id)
    elif isinstance(row, _Cancel):
        message = OrderCancel(row.order_id, row.client_order_id, req_id=row.req_id)
    else:
        changes = row.price_ucr, row.qty
        message = OrderReplace(row.order_id, row.client_order_id, *changes, req_id=row.req_id)
    return Command(row.account, row.host, row.session, message, row.key_id)
