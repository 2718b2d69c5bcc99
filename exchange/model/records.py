"""Small records of the state that a snapshot holds as they are, so that msgspec reads them back.

They have a file of their own, without rules, because msgspec needs the full annotations of what it
decodes, and a module compiled by mypyc keeps none: this one always stays as it is.
"""

from msgspec import Struct

from exchange.wire.terms import LOST_AFTER_MS
from exchange.wire.types import Accel, Role


class Limits(Struct):
    """An account's limits; 0 means unlimited (rules.md 3.4)."""

    max_qty: int = 0
    max_notional_ucr: int = 0
    max_open_orders: int = 0
    orders_per_s: int = 1000


class Zone(Struct):
    """Place within which hosts are interchangeable."""

    zone: str
    country: str
    accel: list[Accel]
    lost_after_ms: int = LOST_AFTER_MS


class Key(Struct):
    """An Ed25519 public key (base64) of an account with one role; ``host`` for role host."""

    key_id: str
    account: str
    role: Role
    public_key: str
    host: str = ""
    not_after_ms: int | None = None
    revoked: bool = False


class Token(Struct):
    """Permission to enroll hosts, known by the SHA-256 of its secret."""

    account: str
    zone: str
    uses_left: int
    one_time: bool
    expires_ms: int


class ImageOffered(Struct):
    title: str
    price_ucr: int


class Image(Struct):
    """A stored image; ``owners`` uploaded all its bytes."""

    sha256: str
    size: int
    format: str
    owners: list[str]
    buyers: list[str]
    offers: dict[str, ImageOffered]
    """By owner."""


class DeadMan(Struct):
    """A key's dead man's switch: all orders of the account go at ``at_ms``."""

    number: int
    key_id: str
    account: str
    at_ms: int


class Counters(Struct):
    """The last number given out of each kind; ids never repeat."""

    order: int = 0
    trade: int = 0
    lease: int = 0
    vm: int = 0
    host: int = 0
    instruction: int = 0
    key: int = 0
    window: int = 0
    dead_man: int = 0
