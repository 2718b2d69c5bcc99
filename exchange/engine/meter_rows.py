"""The form of a lease's meter in a snapshot: one flat row of named totals.

The row's names and their order are part of the state hash, so they stay as they were when meter,
waits and closing were one class.
"""

from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from exchange.model.lease import Lease
from exchange.model.spans import Span
from exchange.model.waits import Wait

SCALED: Final = ("metered_ms", "topped_ms", "gone_ms", "minimum_ms")
"""Counted in parts of a millisecond (`Meter.scale`): may exceed MessagePack's integers."""
STORED_MAX: Final = 2**63 - 1


class _Row(Struct):
    accrued_ms: int
    posted_ms: int
    fresh_units: int
    contract_ms: int = 0
    unit_ms: int = 0
    before_ms: int = 0
    topped_ms: int = 0
    gone_ms: int = 0
    minimum_ms: int = 0
    gaps: tuple[Span, ...] = ()
    past_gaps_ms: int = 0
    silent_from_ms: int | None = None
    waits: dict[int, Wait] | None = None
    past_waits: dict[int, int] | None = None
    past_wait_ms: int = 0
    idle: tuple[int, ...] = ()
    metered_ms: int = 0
    closed_from_ms: int = 0
    closed_ms: int = 0
    closed_cpu_ms: int = 0
    cpu_ms: int = 0
    close_by_ms: int = 0
    awaited: tuple[int, ...] = ()


UNITS: Final = ("fresh_units", "waits", "past_waits", "past_wait_ms", "idle")
"""Fields of the row that `Units` has."""
CLOSING: Final = ("close_by_ms", "awaited")
"""Fields of the row that the lease has; the rest is the meter's."""


def _place(name: str) -> str:
    """Return where a lease has a field of the row."""
    if name in CLOSING:
        return name
    return f"meter.units.{name}" if name in UNITS else f"meter.{name}"


_values = attrgetter(*map(_place, _Row.__struct_fields__))


def stored(lease: Lease) -> _Row | dict[str, Any]:
    """Return the row; a total too large for MessagePack's integers is stored as text."""
    row = _Row(*_values(lease))
    long = {name: str(getattr(row, name)) for name in SCALED if getattr(row, name) > STORED_MAX}
    return asdict(row) | long if long else row


def restore(lease: Lease, stored_row: dict[str, Any]) -> None:
    """Restore a lease's fields from the row that `stored` returned."""
    row = msgspec.convert(stored_row, _Row, strict=False)
    for name in _Row.__struct_fields__:
        path, _, field = _place(name).rpartition(".")
        owner = attrgetter(path)(lease) if path else lease
        setattr(owner, field, getattr(row, name))
