"""Messages of the bus: numbered pieces of bodies, a body being a list of entries. Pure.

Each subject counts its messages from 1. A body that is longer than a message may be is sent in
pieces, which are numbered like all messages; ``more``: the body goes on in the next one.
"""

from typing import Final, TypeVar

import msgspec
from msgspec import Struct

PIECE_BYTES: Final = 512 * 1024
"""Of a body in one message; a NATS server takes 1 MiB unless it is told otherwise."""
BODY_MAX_BYTES: Final = 64 * 1024 * 1024
"""A longer body breaks the link: nothing that we send is that long."""
BEAT_MS: Final = 1_000
"""Each end says something at least this often."""
SILENT_BEATS: Final = 3
"""An end that said nothing for so many beats is gone. Beats are counted, not time: who stood still
has not read yet what was said meanwhile."""
SUBJECT_IN: Final = "headroom.in"
SUBJECT_PUBLIC: Final = "headroom.md"
_OUT: Final = "headroom.out."


class Inward(Struct, frozen=True, array_like=True):
    """From a door to the writer. ``run``: a random name, new for every run of a door; ``writer``:
    to whom the run belongs, "" in the knock."""

    run: str
    writer: str
    number: int
    more: bool
    body: bytes


class Outward(Struct, frozen=True, array_like=True):
    """From the writer to one run of a door. ``taken``: the last message of the run that the writer
    has worked off. Number 0: the writer does not know the run."""

    run: str
    writer: str
    epoch: int
    number: int
    more: bool
    taken: int
    body: bytes


class Public(Struct, frozen=True, array_like=True):
    """From the writer to all doors. ``follows``: (run, number) of the last message to each run that
    was sent one since the public message before."""

    writer: str
    epoch: int
    number: int
    more: bool
    follows: list[tuple[str, int]]
    body: bytes


class BrokenLinkError(Exception):
    """A message is missing, doubled, late or no message, or the other end is silent."""


M = TypeVar("M", Inward, Outward, Public)

encoded = msgspec.msgpack.Encoder().encode


def decoded(data: bytes, kind: type[M]) -> M:
    """Return the message in ``data``. Raises `BrokenLinkError`."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise BrokenLinkError(f"not a message of a link: {error}") from error


def out_subject(run: str) -> str:
    return _OUT + run


def pieces(body: bytes) -> list[tuple[bytes, bool]]:
    """Return the body's pieces, each with whether more follow; at least one."""
    starts = range(0, max(1, len(body)), PIECE_BYTES)
    return [(body[at : at + PIECE_BYTES], at + PIECE_BYTES < len(body)) for at in starts]


class Receiver:
    """The messages of one subject as they arrive. ``last``: the number of the last one before."""

    __slots__ = ("_beats", "_parts", "_size", "number")

    def __init__(self, last: int) -> None:
        self.number = last
        self._parts: list[bytes] = []
        self._size = 0
        self._beats = 0

    def take(self, message: Inward | Outward | Public) -> bytes | None:
        """Return the body that ends with this message, None when more follows. Raises
        `BrokenLinkError` for any but the next number."""
        if message.number != self.number + 1:
            raise BrokenLinkError(f"message {message.number} came after {self.number}")
        self.number, self._beats = message.number, 0
        self._parts.append(message.body)
        self._size += len(message.body)
        if self._size > BODY_MAX_BYTES:
            raise BrokenLinkError(f"more than {BODY_MAX_BYTES} bytes in one piece")
        if message.more:
            return None
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._size = [], 0
        return body

    def beat(self) -> None:
        """Called every `BEAT_MS`. Raises `BrokenLinkError` when the other end is silent."""
        self._beats += 1
        if self._beats > SILENT_BEATS:
            raise BrokenLinkError(f"nothing heard for {SILENT_BEATS * BEAT_MS // 1_000} s")
