"""What one round of the pump commits and sends. Pure."""

from msgspec import Struct

from exchange.gateway.notes import Note
from exchange.journal.rows import AccountRow, JournalRow
from exchange.session.deliveries import Deliveries, Entry
from exchange.session.outbox import Job


class Batch(Struct):
    """The results of everything since the last `take`, in the order to carry them out."""

    rows: list[JournalRow]
    accounts: list[AccountRow]
    deliveries: Deliveries
    closes: list[tuple[int, int, str]]
    """(session, close code, reason), after the deliveries."""
    jobs: list[Job]
    notes: list[Note]
    """Notes for the operator's log."""
    rests: dict[int, int]
    """For each session, for how many ms its connection is not read."""
    entries: list[Entry]
    """Of a grouped outbox, instead of deliveries."""
