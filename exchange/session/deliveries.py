"""What a batch sends: frames by session, or one ordered list of entries. Pure.

Entries name groups instead of their sessions. Whoever follows the joins and leaves knows what each
session is sent, and in which order.
"""

from typing import TypeAlias

from msgspec import Struct


class Replay(Struct, frozen=True):
    """Send stored account frames ``after < account_seq <= upto`` here, before what follows.

    ``final``: the session is live after it, so later deliveries wait for it. Otherwise the pump
    sends pages as fast as the reader reads and calls `Gateway.caught_up` at the end.
    """

    account: str
    after: int
    upto: int
    final: bool


Delivery: TypeAlias = bytes | Replay
Deliveries: TypeAlias = dict[int, list[Delivery]]


class ForOne(Struct, frozen=True):
    """For one session."""

    session: int
    items: list[Delivery]


class ForGroup(Struct, frozen=True):
    """A frame for all that are in the group now: its bytes by the index of each codec in use."""

    group: int
    frames: dict[int, bytes]


class Joined(Struct, frozen=True, gc=False):
    """From here on the session is sent what the group is sent."""

    group: int
    session: int


class Left(Struct, frozen=True, gc=False):
    """The session is sent nothing more of it."""

    group: int
    session: int


Entry: TypeAlias = ForOne | ForGroup | Joined | Left
