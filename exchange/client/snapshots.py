"""A snapshot that came in several frames, put together for whoever listens. Pure.

Behind a snapshot with ``more`` come so many updates that belong to it, and nothing of its channel
in between. Source: docs/protocol.md, "How long a frame is".
"""

from typing import TypeVar

from exchange.wire.frames import (
    DirectorySnapshot,
    DirectoryUpdate,
    InstrumentsSnapshot,
    InstrumentUpdate,
    ServerMessage,
)

S = TypeVar("S", InstrumentsSnapshot, DirectorySnapshot)


class Snapshots:
    """What of a connection's snapshots is here so far; empty but for a moment."""

    def __init__(self) -> None:
        self._instruments: InstrumentsSnapshot | None = None
        self._hosts: DirectorySnapshot | None = None

    def lost(self) -> None:
        """The connection is gone, and what was to come."""
        self._instruments = self._hosts = None

    def whole(self, frame: ServerMessage | None) -> ServerMessage | None:
        """Return what to tell of ``frame``: itself, a snapshot it completes, or nothing yet."""
        match frame:
            case InstrumentsSnapshot():
                self._instruments = frame if frame.more else None
                return None if frame.more else frame
            case DirectorySnapshot():
                self._hosts = frame if frame.more else None
                return None if frame.more else frame
            case InstrumentUpdate() if (instruments := self._instruments) is not None:
                instruments.instruments.append(frame)
                self._instruments = _still_to_come(instruments)
                return None if self._instruments else instruments
            case DirectoryUpdate() if (hosts := self._hosts) is not None:
                hosts.hosts.append(frame)
                self._hosts = _still_to_come(hosts)
                return None if self._hosts else hosts
        return frame


def _still_to_come(snapshot: S) -> S | None:
    """A row of it came: return the snapshot when there are others to come."""
    snapshot.more = (snapshot.more or 1) - 1 or None
    return snapshot if snapshot.more else None
