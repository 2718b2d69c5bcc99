"""What doors and the writer tell each other, as entries of a message. Pure.

A session has the number that its door gave it; only the writer knows the exchange's own number. A
group is a number too: the sessions that are sent the same frames.
"""

from typing import TypeAlias

import msgspec
from msgspec import Struct


class Entry(Struct, frozen=True, array_like=True, gc=False):
    """The base of all entries; on the wire an array that begins with its tag."""


# --- door to writer ---


class Knock(Entry, frozen=True, array_like=True, tag=1):
    """A door begins a run; ``epoch``: the highest that it has heard of. The first entry."""

    name: str
    epoch: int


class Opened(Entry, frozen=True, array_like=True, tag=2):
    """``codec`` "": the client speaks only other versions of the protocol."""

    session: int
    peer: str
    codec: str


class Said(Entry, frozen=True, array_like=True, tag=3):
    """Frames of a client."""

    session: int
    frames: list[bytes]


class Pace(Entry, frozen=True, array_like=True, tag=4):
    """The session's reader fell behind, or keeps up again."""

    session: int
    slow: bool


class More(Entry, frozen=True, array_like=True, tag=5):
    """The session may be sent the next page of a stored replay; see `Stored`."""

    session: int
    mark: int


class Gone(Entry, frozen=True, array_like=True, tag=6):
    """The connection is gone; ``clean``: the client closed it with code 1000."""

    session: int
    clean: bool


class Bye(Entry, frozen=True, array_like=True, tag=7):
    """The door ends the run and all its sessions."""


# --- writer to door ---


class Welcome(Entry, frozen=True, array_like=True, tag=21):
    """Answers `Knock`. ``public``: the last public message sent so far; ``count``: the public
    entries in these; ``url``: of the writer, for what doors do not do."""

    public: int
    count: int
    url: str


class Sent(Entry, frozen=True, array_like=True, tag=22):
    """Frames for a client."""

    session: int
    frames: list[bytes]


class Stored(Entry, frozen=True, array_like=True, tag=23):
    """Stored account frames come here, in pages that the door asks for by ``mark``."""

    session: int
    mark: int
    final: bool


class StoredPage(Entry, frozen=True, array_like=True, tag=24):
    session: int
    mark: int
    frames: list[bytes]


class StoredEnd(Entry, frozen=True, array_like=True, tag=25):
    session: int
    final: bool


class Close(Entry, frozen=True, array_like=True, tag=26):
    """End the connection with a close code."""

    session: int
    code: int
    reason: str


class Rest(Entry, frozen=True, array_like=True, tag=27):
    """Do not read the connection for ``rest_ms``."""

    session: int
    rest_ms: int


class Join(Entry, frozen=True, array_like=True, tag=28):
    """From here on the session is sent what its group is sent."""

    group: int
    session: int


class Leave(Entry, frozen=True, array_like=True, tag=29):
    group: int
    session: int


class Seen(Entry, frozen=True, array_like=True, tag=30):
    """Public entries up to this count come before what follows."""

    count: int


class Cut(Entry, frozen=True, array_like=True, tag=31):
    """Drop the connection without a farewell."""

    session: int


# --- to all doors ---


class Shown(Entry, frozen=True, array_like=True, tag=41):
    """A frame for a group, as each codec in use writes it: by the codec's index."""

    group: int
    frames: dict[int, bytes]


FromDoor: TypeAlias = Knock | Opened | Said | Pace | More | Gone | Bye
ToDoor: TypeAlias = (
    Welcome | Sent | Stored | StoredPage | StoredEnd | Close | Rest | Join | Leave | Seen | Cut
)

encode = msgspec.msgpack.Encoder().encode
from_door = msgspec.msgpack.Decoder(list[FromDoor]).decode
to_door = msgspec.msgpack.Decoder(list[ToDoor]).decode
to_all = msgspec.msgpack.Decoder(list[Shown]).decode
