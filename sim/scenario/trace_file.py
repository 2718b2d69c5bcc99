"""Read one column of a CSV file as a series over time.

Shell module: it reads a file. Every mistake is a `TraceError` of one line that names the file and
the row, because a series that was read half wrong would make a run look right.
"""

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from exchange import files
from sim.scenario.workload import Series

MAX_ROWS = 5_000_000


class TraceError(Exception):
    """A trace cannot be used. ``str(error)`` is one line for the user."""


def read_series(path: Path, time: str, column: str) -> Series:
    """Return ``column`` of the CSV file ``path`` over the seconds in its column ``time``.

    Times are numbers of seconds, or ISO timestamps, which then count from the first row. Raises
    `TraceError` when the file, a column or a value is not there or not usable.
    """
    try:
        files.require_regular(path)
        with path.open(newline="", encoding="utf-8") as file:
            return _series(path, file, time, column)
    except OSError as error:
        raise TraceError(f"trace {path}: {files.why(error)}") from error
    except (ValueError, csv.Error) as error:
        raise TraceError(f"trace {path}: is not a CSV text file ({error})") from error


def _series(path: Path, file: TextIO, time: str, column: str) -> Series:
    rows = csv.DictReader(file)
    names = rows.fieldnames or []
    for name in (time, column):
        if name not in names:
            raise TraceError(f"trace {path}: has no column {name!r}; it has {', '.join(names)}")
    times_s: list[float] = []
    values: list[float] = []
    numbered = ((rows.line_num, row) for row in rows)
    for at_s, value, line in _cells(path, numbered, time, column):
        if times_s and at_s <= times_s[-1]:
            raise TraceError(f"trace {path}, line {line}: {time} does not grow")
        if len(times_s) == MAX_ROWS:
            raise TraceError(f"trace {path}: has more than {MAX_ROWS} rows")
        times_s.append(at_s)
        values.append(value)
    if not times_s:
        raise TraceError(f"trace {path}: has no rows")
    return Series(times_s, values)


def _cells(
    path: Path, numbered: Iterable[tuple[int, dict[str, str]]], time: str, column: str
) -> Iterator[tuple[float, float, int]]:
    first: datetime | None = None
    for line, row in numbered:
        place = f"trace {path}, line {line}"
        stamp = _timestamp(row[time])
        if stamp is not None:
            first = first or stamp
            at_s = (stamp - first).total_seconds()
        else:
            at_s = number(place, time, row[time])
        value = number(place, column, row[column])
        if value < 0:
            raise TraceError(f"{place}: {column} is negative ({row[column]})")
        yield at_s, value, line


def number(place: str, name: str, cell: str | None) -> float:
    """Return the finite number in ``cell``. Raises `TraceError`, which begins with ``place``."""
    try:
        value = float(cell or "")
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
