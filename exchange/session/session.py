"""One connection's state and permissions: pure, no socket, no clock.

A session begins anonymous with a nonce; a signature over it binds the session to a key, and with
it to an account, a role and perhaps a host. The gateway asks `refusal` before anything else.
Source: protocol.md, "Login"; rate limits belong here, before the engine (rules.md 3.7).
"""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from exchange.bucket import Bucket
from exchange.session.conflation import Behind
from exchange.units import MS_PER_SECOND
from exchange.wire.codec import Codec
from exchange.wire.results import Refused
from exchange.wire.roles import BEFORE_LOGIN, ROLES
from exchange.wire.types import Channel, Role

BAD_FRAMES_MAX: Final = 100
"""This many unreadable frames in a row close the connection."""
LOGIN_MS: Final = 10 * MS_PER_SECOND
"""A connection must log in or subscribe within this time."""
SUBSCRIPTIONS_MAX: Final = 1_000

Purpose: TypeAlias = Literal["trade", "images"]
"""The endpoint of the connection: /v1/ws or /v1/images."""


class Session:
    """A connection. ``number`` counts within the epoch; ``channels`` are its subscriptions."""

    __slots__ = (
        "account",
        "answers",
        "bad_in_row",
        "behind",
        "cancels_on_drop",
        "channels",
        "closing",
        "codec",
        "costly",
        "host",
        "key_id",
        "minor",
        "nonce",
        "number",
        "opened_ms",
        "peer",
        "purpose",
        "refusals",
        "role",
        "unpaid",
    )

    def __init__(
        self, number: int, nonce_hex: str, codec: Codec, peer: str, purpose: Purpose, now_ms: int
    ) -> None:
        self.number = number
        self.nonce = nonce_hex
        self.codec = codec
        self.peer = peer
        self.purpose: Purpose = purpose
        self.opened_ms = now_ms
        self.key_id = ""
        self.account = ""
        self.role: Role | None = None
        self.host = ""
        self.minor = 0
        """The protocol's minor version that the client sent at login."""
        self.bad_in_row = 0
        self.cancels_on_drop = False
        self.closing = False
        self.costly: Bucket | None = None
        self.answers: Bucket | None = None
        self.refusals: Bucket | None = None
        self.unpaid = 0
        """Bytes of answers that were sent later, after the batch or by a host, and are not charged
        yet."""
        self.behind: Behind | None = None
        """Updates that a slow reader has not been sent; None while it keeps up."""
        self.channels: dict[tuple[Channel, str], None] = {}

    def take_unpaid(self) -> int:
        """Return the bytes not charged yet, and reset them to 0."""
        unpaid, self.unpaid = self.unpaid, 0
        return unpaid

    def log_in(self, key_id: str, account: str, role: Role, host: str, minor: int) -> None:
        """Bind the session to a key; ``host``: the host whose key it is, "" for none."""
        self.key_id, self.account, self.role, self.host = key_id, account, role, host
        self.minor = minor


def refusal(session: Session, message_type: type[Struct]) -> Refused | None:
    """Return why this session may not send ``message_type``, None when it may."""
    if session.role is None:
        if message_type in BEFORE_LOGIN:
            return None
        return Refused("auth_required", "log in first")
    if message_type in BEFORE_LOGIN or session.role in ROLES[message_type]:
        return None
    return Refused("forbidden", f"a {session.role} key may not send this")
