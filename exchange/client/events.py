"""Events that `exchange.client` adds to the exchange's own frames. Pure."""

from typing import Any, TypeAlias

from msgspec import Struct

from exchange.wire.close_codes import CLOSE_LOST
from exchange.wire.frames import ServerMessage


class Connected(Struct, frozen=True):
    """Logged in; subscriptions follow by themselves. ``account`` is "" without a key."""

    account: str
    role: str
    exchange: str = ""
    """Which exchange it is: the id in its hello."""
    host: str = ""
    """The host whose key this is."""
    branch: str = ""
    """Which copy of the exchange's journal it serves."""


class Disconnected(Struct, frozen=True):
    """The connection was lost; the client is dialing again. What it showed is stale."""

    reason: str
    code: int = CLOSE_LOST
    """The close code of the connection (`exchange.wire.close_codes`)."""


class AccountReset(Struct, frozen=True):
    """The account channel has a gap that cannot be filled, for ``reason``: the frames in it are
    lost. Start again from this ``account.state``; the frames that follow continue from it.
    """

    account_state: dict[str, Any]
    reason: str = ""


class Unsubscribed(Struct, frozen=True):
    """A subscription is lost, for ``reason``, and not tried again. ``symbol``: "" for none."""

    channel: str
    symbol: str
    reason: str


Event: TypeAlias = ServerMessage | Connected | Disconnected | AccountReset | Unsubscribed
