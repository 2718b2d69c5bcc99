"""What one round of the pump commits and sends. Pure."""

from msgspec import Struct

from exchange.gateway.notes import Note
from exchange.journal.rows import AccountRow, JournalRow
from exchange.session.outbox import Deliveries, Job


class Batch(Struct):
    """What came of everything since the last `take`, in the order it must be carried out."""

    rows: list[JournalRow]
    accounts: list[AccountRow]
    deliveries: Deliveries
    closes: list[tuple[int, int, str]]
    """(session, close code, reason), after the deliveries."""
    jobs: list[Job]
    notes: list[Note]
    """What the operator's log may take up."""
    rests: dict[int, int]
    """By session: for how many ms its connection is not read."""
