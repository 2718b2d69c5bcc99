"""An outbox that tells groups apart instead of their sessions, for a writer without sockets. Pure.

A frame for a group is one entry, however many sessions are in it: who has their sockets adds them
up. Only codecs in use are encoded.
"""

from msgspec import Struct

from exchange.session.deliveries import Delivery, Entry, ForGroup, ForOne, Joined, Left
from exchange.session.encoded import Encoded
from exchange.session.group import Group
from exchange.session.outbox import REPLAY_BYTES, Outbox, Slot
from exchange.session.session import Session
from exchange.wire.codec import CODECS


class GroupedOutbox(Outbox):
    """The same for its callers; everything is in ``take_entries``, nothing in ``take``."""

    __slots__ = ("_entries", "_groups", "_last")

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[Entry] = []
        self._last: ForOne | None = None
        """The last entry, if more for the same session may be added to it."""
        self._groups = 0

    def put(self, session: Session, item: Delivery) -> None:
        self.weight += len(item) if type(item) is bytes else REPLAY_BYTES
        last = self._last
        if last is not None and last.session == session.number:
            last.items.append(item)
        else:
            self._one(session, item)

    def reserve(self, session: Session) -> Slot:
        """The place begins an entry, so that only what is put behind it moves."""
        return Slot(session, self._one(session, b"").items, 0)

    def join(self, group: Group, session: Session) -> None:
        if group.add(session):
            if not group.number:
                self._groups += 1
                group.number = self._groups
            self._add(Joined(group.number, session.number))

    def leave(self, group: Group, session: Session) -> None:
        if group.remove(session):
            self._add(Left(group.number, session.number))

    def broadcast(self, group: Group, frame: Struct) -> None:
        self._show(group, Encoded(frame))

    def post(self, group: Group, frame: Encoded) -> None:
        self.weight += self._show(group, frame)

    def take_entries(self) -> list[Entry]:
        taken, self._entries = self._entries, []
        self._last = None
        return taken

    def _one(self, session: Session, item: Delivery) -> ForOne:
        entry = ForOne(session.number, [item])
        self._entries.append(entry)
        self._last = entry
        return entry

    def _add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._last = None

    def _show(self, group: Group, frame: Encoded) -> int:
        """Add the frame for the group; returns its bytes, once for each member."""
        frames: dict[int, bytes] = {}
        size = 0
        for codec in CODECS.values():
            if count := group.counts[codec.index]:
                data = frames[codec.index] = frame.by(codec)
                size += len(data) * count
        if frames:
            self._add(ForGroup(group.number, frames))
        return size
