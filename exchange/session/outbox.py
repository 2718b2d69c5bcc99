"""The frames one batch sends to each session, in order; each encoded once per codec. Pure.

The gateway fills an outbox while it handles requests and hands it over as part of the batch; the
pump writes it after the commit, one transport write a connection.
"""

from typing import Final, TypeAlias

from msgspec import Struct

from exchange.session.conflation import Key
from exchange.session.deliveries import Deliveries, Delivery, Entry
from exchange.session.encoded import Encoded
from exchange.session.group import Group
from exchange.session.session import Session
from exchange.wire.requests import AccountStatement, ImageGet, ImagePut

REPLAY_BYTES: Final = 128 * 1024
"""Bytes charged for a stored replay, whatever its size: the shell sends it as fast as the reader
reads."""


class ImageJob(Struct, frozen=True):
    """An image transfer for a session on /v1/images; the shell does it in a thread."""

    session: int
    account: str
    message: ImagePut | ImageGet
    size: int
    """Size of the stored image, 0 when the account may not read one yet."""
    format: str = ""


class HistoryJob(Struct, frozen=True):
    """A question about history; the shell reads the answer in a thread."""

    session: int
    account: str
    codec: str
    message: AccountStatement


Job: TypeAlias = ImageJob | HistoryJob


class Slot:
    """A reserved place in a session's deliveries."""

    __slots__ = ("_index", "_items", "session")

    def __init__(self, session: Session, items: list[Delivery], index: int) -> None:
        self.session = session
        self._items = items
        self._index = index

    def fill(self, parts: list[bytes]) -> None:
        """Put frames in the place; places reserved behind it in the same session must be filled
        before."""
        self.session.unpaid += sum(map(len, parts))
        self._items[self._index : self._index + 1] = parts


class Outbox:
    """Deliveries by session number."""

    __slots__ = ("_deliveries", "weight")

    def __init__(self) -> None:
        self._deliveries: Deliveries = {}
        self.weight = 0
        """Bytes put here for single sessions since the start."""

    def send(self, session: Session, frame: Struct) -> None:
        self.put(session, session.codec.encode(frame))

    def put(self, session: Session, item: Delivery) -> None:
        self.weight += len(item) if type(item) is bytes else REPLAY_BYTES
        items = self._deliveries.get(session.number)
        if items is None:
            self._deliveries[session.number] = [item]
        else:
            items.append(item)

    def reserve(self, session: Session) -> Slot:
        """Reserve a place in the session's order for a frame that is made at the end of the
        batch."""
        self.put(session, b"")
        items = self._deliveries[session.number]
        return Slot(session, items, len(items) - 1)

    # --- groups ---

    def join(self, group: Group, session: Session) -> None:
        """Send the session what the group is sent from here on; once is enough."""
        group.add(session)

    def leave(self, group: Group, session: Session) -> None:
        """Send it nothing more; does nothing when it is not in the group."""
        group.remove(session)

    def change(self, group: Group, session: Session) -> None:
        """The session fell behind or caught up: it leaves a group that merges, or comes back."""
        if group.has(session):
            self.leave(group, session)
            self.join(group, session)

    def broadcast(self, group: Group, frame: Struct) -> None:
        """Send ``frame`` to all: encoded once per codec in use, appended once per session."""
        encoded, deliveries = Encoded(frame), self._deliveries
        for session in group.sessions.values():
            # `put`, inlined: the exchange spends most of its time in this loop.
            data, items = encoded.by(session.codec), deliveries.get(session.number)
            if items is None:
                deliveries[session.number] = [data]
            else:
                items.append(data)

    def post(self, group: Group, frame: Encoded) -> None:
        """Send ``frame`` to all, and weigh it for each."""
        for session in group.sessions.values():
            self.put(session, frame.by(session.codec))

    def conflate(self, group: Group, frame: Encoded, key: Key) -> None:
        """Send ``frame`` to all; for a slow reader it replaces the last one of ``key``."""
        self.post(group, frame)
        for session in group.behind.values():
            assert session.behind is not None, "who catches up leaves these"
            if not session.behind.keeps(key, frame):
                self.put(session, frame.by(session.codec))

    def take(self) -> Deliveries:
        taken, self._deliveries = self._deliveries, {}
        return taken

    def take_entries(self) -> list[Entry]:
        """Return nothing: this one sorts by session."""
        return []
