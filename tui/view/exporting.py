"""What a statement written to a file holds: kind, month, name. Pure."""

import re
from datetime import UTC, datetime
from typing import Final, NamedTuple, get_args

from exchange.units import MS_PER_SECOND
from exchange.wire.requests import StatementKind
from tui.view.form import Checked, FormField, Values
from tui.view.months import later, month_text

KINDS: Final[tuple[StatementKind, ...]] = get_args(StatementKind)
ALL: Final = "all"
MONTHS_OFFERED: Final = 12
_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


class Export(NamedTuple):
    """``to_ms`` None: up to now."""

    kind: StatementKind
    from_ms: int
    to_ms: int | None
    path: str


def export_fields(kind: StatementKind, month_ms: int, now_month_ms: int) -> tuple[FormField, ...]:
    """Return the fields of the form; the file's name says what is in it."""
    months = tuple(month_text(later(now_month_ms, -back)) for back in range(MONTHS_OFFERED))
    month = month_text(month_ms)
    return (
        FormField("kind", "what", kind, KINDS),
        FormField("month", "month", month, (*months, ALL)),
        FormField("path", "file", f"headroom-{kind}-{month}.csv"),
    )


def export_of(values: Values) -> Export | Checked:
    """Return what is to be written, or why it cannot be."""
    kind = next((each for each in KINDS if each == values["kind"]), None)
    if kind is None:
        return Checked(False, f"what: one of {', '.join(KINDS)}")
    if not values["path"]:
        return Checked(False, "file: a name such as trades.csv")
    month = _MONTH.fullmatch(values["month"])
    if values["month"] == ALL:
        return Export(kind, 0, None, values["path"])
    if month is None or int(month[1]) < 1970:
        return Checked(False, "month: such as 2026-11, or all")
    at = datetime(int(month[1]), int(month[2]), 1, tzinfo=UTC)
    from_ms = int(at.timestamp()) * MS_PER_SECOND
    return Export(kind, from_ms, later(from_ms, 1), values["path"])
