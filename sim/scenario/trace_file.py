"""Read one column of a CSV file as a series over time.

Shell module: it reads a file. Every mistake is a `TraceError` of one line that names the file and
the row, because a series that was read half wrong would make a run look right.
"""

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from exchange import files
from sim.scenario.workload import Series

Wanted = TypeVar("Wanted")
Rows: TypeAlias = Iterator[tuple[str, dict[str, str]]]
"""The place of each row, and its cells by column."""

MAX_ROWS = 5_000_000


class TraceError(Exception):
    """A trace cannot be used. ``str(error)`` is one line for the user."""


def read_series(path: Path, time: str, column: str) -> Series:
    """Return ``column`` of the CSV file ``path`` over the seconds in its column ``time``.

    Times are numbers of seconds, or ISO timestamps, which then count from the first row. Raises
    `TraceError` when the file, a column or a value is not there or not usable.
    """
    return read_rows(path, lambda names, rows: _series(path, names, rows, time, column))


def read_rows(path: Path, use: Callable[[Sequence[str], Rows], Wanted]) -> Wanted:
    """Return what ``use`` makes of a CSV file's columns and rows. Raises `TraceError`."""
    try:
        files.require_regular(path)
        # Spreadsheets begin what they export with a byte order mark.
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            return use(rows.fieldnames or [], _placed(path, rows, lambda: rows.line_num))
    except OSError as error:
        raise TraceError(f"trace {path}: {files.why(error)}") from error
    except (ValueError, csv.Error) as error:
        raise TraceError(f"trace {path}: is not a CSV text file ({error})") from error


def _placed(path: Path, rows: Iterable[dict[Any, Any]], line: Callable[[], int]) -> Rows:
    for count, row in enumerate(rows, 1):
        place = f"trace {path}, line {line()}"
        if count > MAX_ROWS:
            raise TraceError(f"trace {path}: has more than {MAX_ROWS} rows")
        if any(row.pop(None, [])):  # such as 3,5 for 3.5
            raise TraceError(f"{place}: has more cells than the {len(row)} columns of line 1")
        yield place, row


def _series(path: Path, names: Sequence[str], rows: Rows, time: str, column: str) -> Series:
    for name in (time, column):
        if name not in names:
            there = ", ".join(names) or "none"
            raise TraceError(f"trace {path}: has no column {name!r}; it has {there}")
    times_s: list[float] = []
    values: list[float] = []
    for at_s, value, place in _cells(rows, time, column):
        if times_s and at_s <= times_s[-1]:
            raise TraceError(f"{place}: {time} does not grow")
        times_s.append(at_s)
        values.append(value)
    if not times_s:
        raise TraceError(f"trace {path}: has no rows")
    return Series(times_s, values)


def _cells(rows: Rows, time: str, column: str) -> Iterator[tuple[float, float, str]]:
    first: datetime | None = None
    for place, row in rows:
        stamp = _timestamp(row[time])
        if stamp is not None:
            first = first or stamp
            at_s = (stamp - first).total_seconds()
        else:
            at_s = number(place, time, row[time])
        value = number(place, column, row[column])
        if value < 0:
            raise TraceError(f"{place}: {column} is negative ({row[column]})")
        yield at_s, value, place


def number(place: str, name: str, cell: str | None) -> float:
    """Return the finite number in ``cell``. Raises `TraceError`, which begins with ``place``."""
    try:
        # Python reads 1_000 as a thousand; nothing else does.
        value = math.nan if "_" in (cell or "") else float(cell or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise TraceError(f"{place}: {name} is not a number ({cell or 'empty'})")
    return value


def _timestamp(cell: str | None) -> datetime | None:
    if cell is None or not any(mark in cell for mark in "-:T") or cell.lstrip("-").isdigit():
        return None
    try:
        stamp = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
