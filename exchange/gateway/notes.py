"""The outcomes of requests: counted by kind; those an operator needs are kept for the log.

Pure, and not part of the state: no decision depends on it. The shell takes the notes with each
batch and `log_events.py` makes log lines of them. Ordinary trading makes none.
"""

from typing import Any, Final

from msgspec import Struct

from exchange.model import commands
from exchange.model.commands import Command, Out
from exchange.session.session import Session
from exchange.wire import admin_requests, requests
from exchange.wire.results import Done, Refused

NOTES_MAX: Final = 10_000
"""Most notes of one batch; the log would not accept more either."""
OPERATORS: Final[tuple[type[Struct], ...]] = (
    admin_requests.AdminAccount,
    admin_requests.AdminKey,
    admin_requests.AdminKeyRevoke,
    admin_requests.AdminDeposit,
    admin_requests.AdminZone,
    admin_requests.AdminInstrument,
    admin_requests.AdminHalt,
    admin_requests.AdminKillSwitch,
    admin_requests.AdminLimits,
)
ACCEPTED: Final = frozenset(
    {
        *OPERATORS,
        commands.HostSilent,
        commands.HostBack,
        commands.HostLost,
        commands.EnrollHost,
        commands.ImageStored,
        commands.ImageDeleted,
        requests.HostApprove,
        requests.HostAnnounce,
        requests.HostSynced,
        requests.HostDrain,
        requests.HostOffer,
        requests.LeaseRecall,
    }
)
"""Journalled commands that leave a note."""
ANSWERED: Final = frozenset({requests.Auth, requests.AccountApply})
"""Requests outside the journal that leave one when they are granted."""
DENIED: Final = frozenset({*OPERATORS, requests.Auth, requests.HostEnroll})
"""Requests whose refusal leaves one."""


class UnknownVms(Struct, frozen=True):
    """A host runs so many VMs that this journal does not know."""

    count: int


class Note(Struct, frozen=True):
    """``message`` was done or refused; ``outs`` are all effects of an accepted command.

    ``peer`` is empty for the exchange's own commands.
    """

    message: Any
    reply: Done | Refused
    peer: str = ""
    account: str = ""
    host: str = ""
    key_id: str = ""
    outs: list[Out] = []


class Notes:
    """Collects; `take` with every batch."""

    __slots__ = ("_kept", "outcomes")

    def __init__(self) -> None:
        self.outcomes: dict[tuple[type[Struct], str], int] = {}
        """How often each message was done, was a duplicate, or was refused, by reason."""
        self._kept: list[Note] = []

    def count(self, message: Struct, outcome: str) -> None:
        key = type(message), outcome
        self.outcomes[key] = self.outcomes.get(key, 0) + 1

    def accepted(self, command: Command, reply: Done, outs: list[Out]) -> None:
        """A command changed something."""
        if type(command.message) in ACCEPTED:
            who = command.account, command.host, command.key_id
            self._keep(Note(command.message, reply, "", *who, outs))

    def answered(self, session: Session, message: Struct, result: Any) -> None:
        """A request that is not journalled was granted."""
        self.count(message, "done")
        if type(message) in ANSWERED:
            self._keep(_of(session, message, Done(result)))

    def refused(self, session: Session, message: Struct, refused: Refused) -> None:
        self.count(message, refused.reason)
        if refused.reason == "internal" or type(message) in DENIED:
            self._keep(_of(session, message, refused))

    def found(self, session: Session, message: Struct) -> None:
        """The exchange noticed something about the session's host."""
        self._keep(_of(session, message, Done()))

    def take(self) -> list[Note]:
        kept, self._kept = self._kept, []
        return kept

    def _keep(self, note: Note) -> None:
        if len(self._kept) < NOTES_MAX:
            self._kept.append(note)


def _of(session: Session, message: Struct, reply: Done | Refused) -> Note:
    return Note(message, reply, session.peer, session.account, session.host, session.key_id)
