"""A statement for people fits their terminal, shows what was paid, and names what it leaves out."""

from typing import Any, get_args

import pytest

from exchange.cli.statement_text import FIRST, statement_lines
from exchange.units import MS_PER_HOUR
from exchange.wire.charge_terms import ChargeTerms
from exchange.wire.requests import StatementKind

AT_MS = 1_795_460_400_000
FIELDS = ("ts_ms", "seq", "lease_id", "symbol", "host", "from_ms", "to_ms", "amount_ucr", "cpu_ms")
COLUMNS = [*dict.fromkeys([*FIELDS, "units", "price_ucr", *ChargeTerms.__struct_fields__])]


def charge(number: int) -> dict[str, Any]:
    return dict.fromkeys(COLUMNS, 12_345_678) | {
        "ts_ms": AT_MS + number * MS_PER_HOUR,
        "to_ms": AT_MS + number * MS_PER_HOUR,
        "lease_id": f"l-{number}",
        "symbol": "small.eu-de.flat.spot",
        "units": 4,
        "price_ucr": 35_000,
        "amount_ucr": 140_000,
        "host": None,
    }


@pytest.mark.parametrize("width", [80, 120, 400])
def test_what_it_cost_is_seen_at_every_width(width: int) -> None:
    """(Seen to fail: a row of charges had 27 columns and more than 300 letters.)"""
    lines = list(statement_lines("charges", COLUMNS, [charge(1), charge(12)], width))
    assert max(map(len, lines)) <= width
    _, heads, first, second, *rest = lines
    assert heads.split()[:3] == ["TO", "AMOUNT", "LEASE"]
    assert first.split()[:3] == ["2026-11-23T20:00:00Z", "0.140000", "l-1"]
    assert second.split()[2] == "l-12"
    assert "small.eu-de.flat.spot" in first
    assert "in all: 0.280000 credits" in rest
    left_out = " ".join(rest)
    assert ("silent" in left_out) == ("SILENT" not in heads), "a column is shown, or named"


def test_every_kind_has_its_first_columns() -> None:
    assert set(FIRST) == set(get_args(StatementKind))
    assert list(statement_lines("charges", COLUMNS, [], 80)) == []
