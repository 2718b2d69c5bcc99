"""The outcome of a command, `Done` or `Refused`, and the result of an order. Pure.

A refusal is a value, never an exception: nothing has changed, and the journal has no row for it.
"""

from typing import Any

from msgspec import Struct

from exchange.wire import types
from exchange.wire.reasons import RefusalReason


class Done(Struct, gc=False):
    """The reply to an accepted command; becomes the ``result`` of its `Ack`."""

    result: Any = None
    duplicate: bool = False
    """True: nothing changed, the command is not journalled."""


class Refused(Struct, frozen=True):
    """The reply to a refused command: nothing changed, it is not journalled.

    A value inside the exchange. The client library's `Refused` is the exception it raises for the
    `ErrorReply` made from one (``client/errors.py``); its name is part of the public API.
    """

    reason: RefusalReason
    message: str
    field: str | None = None
    retry_after_ms: int | None = None
    amounts: types.RefusedAmounts | None = None


class FillRow(Struct, gc=False):
    """One fill of an order in an `OrderResult`."""

    trade_id: str
    price_ucr: int
    qty: int


class OrderResult(Struct, gc=False, omit_defaults=True):
    """Result of placing, replacing or canceling an order (protocol.md, "What an ack holds")."""

    order_id: str
    client_order_id: str
    status: types.OrderStatus
    filled_qty: int
    leaves_qty: int
    duplicate: bool
    fills: list[FillRow]
    """The first `FILLS_TOLD_MAX` fills."""
    reason: str | None = None
    more_fills: int | None = None
    """How many fills were left out of ``fills``."""
