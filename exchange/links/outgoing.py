"""What the writer sends in one turn, as messages. Pure.

All that is added forms one order. Private entries go to their run's subject, public ones once to
the subject that all doors hear; `Seen` among the private ones and ``follows`` in the public
message tell each door how the two go together.
"""

from typing import TypeAlias

from exchange.links.entries import Seen, Shown, ToDoor, Welcome, encode
from exchange.links.messages import (
    SUBJECT_PUBLIC,
    Outward,
    Public,
    encoded,
    out_subject,
    pieces,
)

Message: TypeAlias = tuple[str, bytes]
"""Subject and content."""


class _Run:
    """What one run of a door is sent."""

    __slots__ = ("count", "entries", "name", "number", "subject", "taken", "told")

    def __init__(self, name: str) -> None:
        self.name = name
        self.subject = out_subject(name)
        self.number = 0
        self.count = 0
        """Public entries that the door knows to come before what it is sent next."""
        self.entries: list[ToDoor] = []
        self.taken = self.told = 0
        """The last message of the door that is worked off, and the last that it was told of."""


class Outgoing:
    """``writer``: a random name, new for every stay on the bus; ``epoch``: of the exchange."""

    def __init__(self, writer: str, epoch: int) -> None:
        self.writer = writer
        self.epoch = epoch
        self._number = 0
        self._flushed = self._count = 0
        """Public entries in messages, and all."""
        self._public: list[Shown] = []
        self._runs: dict[str, _Run] = {}
        self._spoken: dict[str, int] = {}
        """Runs that were sent a message since the last public one, and its number."""

    def open(self, run: str, url: str) -> None:
        """Begin to send to a run, first its welcome."""
        made = self._runs[run] = _Run(run)
        made.count = self._flushed
        made.entries.append(Welcome(self._number, self._flushed, url))

    def close(self, run: str) -> None:
        """Send the run nothing more."""
        self._runs.pop(run, None)
        self._spoken.pop(run, None)

    def took(self, run: str, number: int) -> None:
        """The run's messages up to ``number`` are worked off."""
        self._runs[run].taken = number

    def private(self, run: str, entry: ToDoor) -> None:
        """Add an entry for one door; does nothing when the run is over."""
        to = self._runs.get(run)
        if to is None:
            return
        if to.count != self._count:
            to.count = self._count
            to.entries.append(Seen(self._count))
        to.entries.append(entry)

    def public(self, entry: Shown) -> None:
        """Add an entry for all doors."""
        self._count += 1
        self._public.append(entry)

    def flush(self, beat: bool = False) -> list[Message]:
        """Return the messages of what was added; ``beat``: at least one on each subject."""
        found: list[Message] = []
        for run in self._runs.values():
            if beat or run.entries or run.taken != run.told:
                self._flush_run(run, found)
        if beat or self._public:
            self._flush_public(found)
        return found

    def unknown(self, run: str) -> Message:
        """Return the message that tells a door that its run is over."""
        message = Outward(run, self.writer, self.epoch, 0, False, 0, b"")
        return out_subject(run), encoded(message)

    def _flush_run(self, run: _Run, found: list[Message]) -> None:
        entries, run.entries = run.entries, []
        run.told = run.taken
        for body, more in pieces(encode(entries)):
            run.number += 1
            message = Outward(run.name, self.writer, self.epoch, run.number, more, run.taken, body)
            found.append((run.subject, encoded(message)))
        self._spoken[run.name] = run.number

    def _flush_public(self, found: list[Message]) -> None:
        entries, self._public = self._public, []
        self._flushed = self._count
        follows, self._spoken = list(self._spoken.items()), {}
        for body, more in pieces(encode(entries)):
            self._number += 1
            message = Public(self.writer, self.epoch, self._number, more, follows, body)
            found.append((SUBJECT_PUBLIC, encoded(message)))
            follows = []
