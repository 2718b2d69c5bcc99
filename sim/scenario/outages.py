"""Read a CSV file of host failures: when, for how long, how many hosts. Shell.

Two sets of columns are known: ``start_s, duration_s, hosts``, and that of OpenDC's failure traces,
``interval_ms, duration_ms, intensity``, where an interval is the time since the failure before
began and an intensity the share of all hosts. Every mistake is a `TraceError` of one line.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from exchange.units import MS_PER_SECOND
from sim.scenario.trace_file import Rows, TraceError, number, read_rows

COLUMNS: Final = ("start_s", "duration_s", "hosts")
MOST: Final = 10.0**15
"""Of any figure; so the sum of all stays a number."""
OPENDC: Final = ("interval_ms", "duration_ms", "intensity")


class Outage(Struct, frozen=True):
    """Hosts fail at ``start_s`` of the file: ``hosts`` of them, or a ``share`` of all."""

    start_s: float
    duration_s: float
    hosts: int | None
    share: float


def read_outages(path: Path) -> list[Outage]:
    """Return the failures in the file, by their start. Raises `TraceError`."""
    found = read_rows(path, lambda names, rows: list(_outages(path, names, rows)))
    return sorted(found, key=lambda outage: outage.start_s)


def _outages(path: Path, names: Sequence[str], rows: Rows) -> Iterator[Outage]:
    known = next((known for known in (COLUMNS, OPENDC) if set(known) <= set(names)), None)
    if known is None:
        wanted = f"needs the columns {', '.join(COLUMNS)}, or {', '.join(OPENDC)}"
        raise TraceError(f"trace {path}: {wanted}; it has {', '.join(names) or 'none'}")
    begun_s = 0.0
    for place, row in rows:
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
    if value > MOST:
        raise TraceError(f"{place}: {name} is above {MOST:g} ({cell})")
    return value


def _share(place: str, name: str, value: float) -> float:
    if value > 1:
        raise TraceError(f"{place}: {name} is neither a number of hosts nor a share ({value:g})")
    return value
