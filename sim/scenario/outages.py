"""Read a CSV file of host failures: when, for how long, how many hosts. Shell.

Two sets of columns are known: ``start_s, duration_s, hosts``, and that of OpenDC's failure traces,
``interval_ms, duration_ms, intensity``, where an interval is the time since the failure before
began and an intensity the share of all hosts. Every mistake is a `TraceError` of one line.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from msgspec import Struct

from exchange import files
from exchange.units import MS_PER_SECOND
from sim.scenario.trace_file import MAX_ROWS, TraceError, number

COLUMNS: Final = ("start_s", "duration_s", "hosts")
OPENDC: Final = ("interval_ms", "duration_ms", "intensity")


class Outage(Struct, frozen=True):
    """Hosts fail at ``start_s`` of the file: ``hosts`` of them, or a ``share`` of all."""

    start_s: float
    duration_s: float
    hosts: int | None
    share: float


def read_outages(path: Path) -> list[Outage]:
    """Return the failures in the file, by their start. Raises `TraceError`."""
    try:
        files.require_regular(path)
        with path.open(newline="", encoding="utf-8") as file:
            return sorted(_outages(path, file), key=lambda outage: outage.start_s)
    except OSError as error:
        raise TraceError(f"trace {path}: {files.why(error)}") from error
    except (ValueError, csv.Error) as error:
        raise TraceError(f"trace {path}: is not a CSV text file ({error})") from error


def _outages(path: Path, file: TextIO) -> Iterator[Outage]:
    rows = csv.DictReader(file)
    names = rows.fieldnames or []
    known = next((known for known in (COLUMNS, OPENDC) if set(known) <= set(names)), None)
    if known is None:
        wanted = f"needs the columns {', '.join(COLUMNS)}, or {', '.join(OPENDC)}"
        raise TraceError(f"trace {path}: {wanted}; it has {', '.join(names)}")
    begun_s = 0.0
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise TraceError(f"trace {path}: has more than {MAX_ROWS} rows")
        place = f"trace {path}, line {rows.line_num}"
        first, second, third = (_positive(place, name, row[name]) for name in known)
        if known is OPENDC:
            begun_s += first / MS_PER_SECOND
            yield Outage(begun_s, second / MS_PER_SECOND, None, _share(place, known[2], third))
        elif (row[known[2]] or "").strip().isdigit():
            yield Outage(first, second, int(third), 0.0)
        else:
            yield Outage(first, second, None, _share(place, known[2], third))


def _positive(place: str, name: str, cell: str | None) -> float:
    value = number(place, name, cell)
    if value < 0:
        raise TraceError(f"{place}: {name} is negative ({cell})")
    return value


def _share(place: str, name: str, value: float) -> float:
    if value > 1:
        raise TraceError(f"{place}: {name} is neither a number of hosts nor a share ({value:g})")
    return value
