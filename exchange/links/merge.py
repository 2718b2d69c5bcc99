"""One run of a door: brings private and public entries into the writer's order. Pure.

A public message may be passed on after the private ones that it follows, a private entry after the
public ones that it has `Seen`. Nothing else is needed: both ends count everything.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

import msgspec

from exchange.links.entries import Seen, Shown, ToDoor, Welcome, to_all, to_door
from exchange.links.messages import BrokenLinkError, Outward, Public, Receiver

WAITING_MAX: Final = 1_000_000
"""Entries that may wait for a message under way."""
EARLY_MAX: Final = 10_000
"""Public messages that may arrive before the welcome."""

Passed: TypeAlias = ToDoor | Shown
E = TypeVar("E")


class Merge:
    """``run``: the door's; whatever is none of it or of its writer's is not ours."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.writer = ""
        """"" until the welcome."""
        self.epoch = 0
        self.taken = 0
        """The last message of this door that the writer has worked off."""
        self._outs = Receiver(0)
        self._publics = Receiver(0)
        self._early: list[Public] = []
        self._follows = 0
        self._passed = 0
        """Number of the last private message passed on."""
        self._count = 0
        """Public entries passed on, since the writer began."""
        self._private: deque[ToDoor | int] = deque()
        """Entries, behind those of each message its number."""
        self._public: deque[tuple[int, Shown]] = deque()
        """Each with the private message that it follows."""

    def outward(self, message: Outward) -> list[Passed]:
        """A private message arrived; returns what may be passed on. Raises `BrokenLinkError`."""
        if message.run != self.run:
            return []
        if self.writer not in ("", message.writer):
            raise BrokenLinkError("another writer answered")
        body = self._outs.take(message)
        self.taken = message.taken
        if body is not None:
            private: list[ToDoor] = _entries(body, to_door)
            self._private.extend(private)
            self._private.append(message.number)
            if not self.writer:
                self._welcomed(message)
        return self._ready()

    def public(self, message: Public) -> list[Passed]:
        """A public message arrived; returns what may be passed on. Raises `BrokenLinkError`."""
        if not self.writer:
            self._early.append(message)
            if len(self._early) > EARLY_MAX:
                raise BrokenLinkError("no welcome")
            return []
        self._hear(message)
        return self._ready()

    def beat(self) -> None:
        """Called every `BEAT_MS`. Raises `BrokenLinkError` when the writer is silent."""
        self._outs.beat()
        if self.writer:
            self._publics.beat()

    def _welcomed(self, message: Outward) -> None:
        welcome = self._private[0]
        if not isinstance(welcome, Welcome):
            raise BrokenLinkError("the first entry is no welcome")
        self.writer, self.epoch = message.writer, message.epoch
        self._publics = Receiver(welcome.public)
        self._count = welcome.count
        early, self._early = self._early, []
        for public in early:
            if public.writer != self.writer or public.number > welcome.public:
                self._hear(public)

    def _hear(self, message: Public) -> None:
        if message.writer != self.writer:
            if message.epoch >= self.epoch:
                raise BrokenLinkError("another writer took over")
            return  # of one that was replaced and does not know it yet
        for run, number in message.follows:
            if run == self.run:
                self._follows = number
        body = self._publics.take(message)
        if body is not None:
            self._public.extend((self._follows, shown) for shown in _entries(body, to_all))

    def _ready(self) -> list[Passed]:
        found: list[Passed] = []
        while self._private or self._public:
            if not (self._next_private(found) if self._private else self._next_public(found)):
                break
        if len(self._private) + len(self._public) > WAITING_MAX:
            raise BrokenLinkError(f"more than {WAITING_MAX} entries wait")
        return found

    def _next_private(self, found: list[Passed]) -> bool:
        entry = self._private[0]
        if isinstance(entry, int):
            self._passed = entry
        elif isinstance(entry, Seen):
            if entry.count > self._count + len(self._public):
                return False
            while self._count < entry.count:
                self._pass_public(found)
        else:
            found.append(entry)
        self._private.popleft()
        return True

    def _next_public(self, found: list[Passed]) -> bool:
        if self._public[0][0] > self._passed:
            return False
        self._pass_public(found)
        return True

    def _pass_public(self, found: list[Passed]) -> None:
        found.append(self._public.popleft()[1])
        self._count += 1


def _entries(body: bytes, decode: Callable[[bytes], list[E]]) -> list[E]:
    try:
        return decode(body)
    except msgspec.DecodeError as error:
        raise BrokenLinkError(f"not entries of a link: {error}") from error
