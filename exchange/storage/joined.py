"""Do the segments and the table make one journal? What a start asks, from heads alone. Shell."""

from pathlib import Path

from exchange.journal.chain import StoredRow, link
from exchange.journal.segment import BEFORE_ALL
from exchange.storage import segments
from exchange.storage.segments import Segment, SpoiltSegmentError
from exchange.storage.sqlite_journal import DataDirError, stored_chain
from exchange.storage.table import first_stored, last_in_table


def joined(data_dir: Path) -> list[Segment]:
    """Return the segments, of which the heads are sound and which the table goes on behind.

    Raises `DataDirError`, one line that names the file.
    """
    row = first_stored(data_dir)  # before the segments: a running exchange seals, then deletes
    try:
        found = segments.listed(data_dir)
        if row is not None and not _goes_on(data_dir, row, found):
            text = "belongs to another journal: the table does not follow it"
            raise DataDirError(f"{found[-1].path}: {text}")
    except SpoiltSegmentError as error:
        raise DataDirError(str(error)) from error
    return found


def _goes_on(data_dir: Path, row: StoredRow, found: list[Segment]) -> bool:
    """Return whether the table, which begins with ``row``, and the segments fit together."""
    sealed = found[-1].head if found else BEFORE_ALL
    if row[0] > sealed.last_seq + 1:
        place = found[-1].path if found else segments.folder(data_dir)
        raise DataDirError(f"{place}: rows {sealed.last_seq + 1} to {row[0] - 1} are missing")
    if not found:
        return True
    if row[0] == sealed.last_seq + 1:
        return link(sealed.end, *row[:4]) == row[4]
    both_seq = min(sealed.last_seq, (last_in_table(data_dir) or row)[0])
    return stored_chain(data_dir, both_seq) == segments.chain_of(found, both_seq)


def last_stored(data_dir: Path) -> tuple[int, bytes]:
    """Return the last row and its digest, wherever it is stored. Raises `DataDirError`."""
    found = joined(data_dir)
    sealed = found[-1].head if found else BEFORE_ALL
    return max(last_in_table(data_dir) or (0, b""), (sealed.last_seq, sealed.end))
