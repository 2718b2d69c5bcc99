"""What `exchange.client` tells besides the exchange's own frames. Pure."""

from typing import Any, TypeAlias

from msgspec import Struct

from exchange.frames import ServerMessage


class Connected(Struct, frozen=True):
    """Logged in; subscriptions follow by themselves. ``account`` is "" without a key."""

    account: str
    role: str


class Disconnected(Struct, frozen=True):
    """The connection was lost; the client is dialling again. What it showed is stale."""

    reason: str


class AccountReset(Struct, frozen=True):
    """The account channel could not be resumed: begin anew from this ``account.state``."""

    account_state: dict[str, Any]


class Unsubscribed(Struct, frozen=True):
    """After a reconnect the exchange refused a subscription; it is not tried again."""

    channel: str
    symbol: str
    reason: str


Event: TypeAlias = ServerMessage | Connected | Disconnected | AccountReset | Unsubscribed
