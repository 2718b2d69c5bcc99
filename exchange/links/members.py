"""The sessions of this process by group: what entries say, as the frames of each connection. Pure.

Used where the sockets are. Sessions of other processes are not known here, and are ignored.
"""

from collections.abc import Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class Members(Generic[T]):
    """``T``: what a session is sent, frames above all. Groups and sessions are numbers; a codec is
    its index."""

    def __init__(self) -> None:
        self._codecs: dict[int, int] = {}
        self._groups: dict[int, dict[int, dict[int, None]]] = {}
        """Sessions by group and codec, so that all that get the same bytes follow each other."""
        self._joined: dict[int, dict[int, None]] = {}
        """Groups by session."""
        self._items: dict[int, list[T]] = {}

    def enter(self, session: int, codec: int) -> None:
        """A connection opened."""
        self._codecs[session] = codec
        self._joined[session] = {}

    def drop(self, session: int) -> None:
        """A connection is gone: what is left for it is dropped."""
        for group in list(self._joined.get(session, ())):
            self.leave(group, session)
        self._joined.pop(session, None)
        self._codecs.pop(session, None)
        self._items.pop(session, None)

    def clear(self) -> None:
        """Nobody is in a group any more, and nothing is left for anybody."""
        self._groups.clear()
        self._items.clear()
        for joined in self._joined.values():
            joined.clear()

    # --- entries, in their order ---

    def join(self, group: int, session: int) -> None:
        codec = self._codecs.get(session)
        if codec is not None:
            self._groups.setdefault(group, {}).setdefault(codec, {})[session] = None
            self._joined[session][group] = None

    def leave(self, group: int, session: int) -> None:
        codec = self._codecs.get(session)
        if codec is None or self._joined[session].pop(group, self) is self:
            return
        by_codec = self._groups[group]
        del by_codec[codec][session]
        if not by_codec[codec]:
            del by_codec[codec]
            if not by_codec:
                del self._groups[group]

    def one(self, session: int, items: list[T]) -> None:
        """Something for one session."""
        if session in self._codecs:
            self._items.setdefault(session, []).extend(items)

    def show(self, group: int, frames: Mapping[int, T]) -> None:
        """A frame for all that are in the group now, as each codec writes it."""
        items = self._items
        for codec, sessions in self._groups.get(group, {}).items():
            frame = frames[codec]
            for session in sessions:
                waiting = items.get(session)
                if waiting is None:
                    items[session] = [frame]
                else:
                    waiting.append(frame)

    # --- what they come to ---

    def take(self) -> dict[int, list[T]]:
        """Return what each session is sent since the last `take`, in order."""
        taken, self._items = self._items, {}
        return taken

    def take_of(self, session: int) -> list[T]:
        """Return what one session is sent."""
        return self._items.pop(session, [])
