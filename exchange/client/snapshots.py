"""Joins a snapshot that came in several frames into one event. Pure.

A snapshot with ``more`` is followed by that many updates that belong to it, with no other frame of
its channel in between. Source: docs/protocol.md, "How long a frame is".
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
    """A connection's incomplete snapshots; nearly always empty."""

    def __init__(self) -> None:
        self._instruments: InstrumentsSnapshot | None = None
        self._hosts: DirectorySnapshot | None = None

    def lost(self) -> None:
        """The connection is gone: drop incomplete snapshots."""
        self._instruments = self._hosts = None

    def whole(self, frame: ServerMessage | None) -> ServerMessage | None:
        """Return the event for ``frame``: itself, the snapshot it completes, or None so far."""
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
    """Add a row that came; return the snapshot while more rows are to come."""
    snapshot.more = (snapshot.more or 1) - 1 or None
    return snapshot if snapshot.more else None
