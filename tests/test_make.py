"""What `make unit` chooses and what `make cover` counts."""

from pathlib import Path

import pytest

from tests.cover import Figure, figures, lines
from tests.rooms import rooms
from tests.unit import ROOT, chosen, folder_of


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("trading", ["exchange.trading"]),
        ("exchange/trading/", ["exchange.trading"]),
        ("core", ["hostagent.core", "manager.core"]),
        ("manager/core", ["manager.core"]),
        ("exchange/keys.py", ["exchange.keys"]),
        ("rading", []),
    ],
)
def test_a_room_is_named_by_the_end_of_its_name(wanted: str, found: list[str]) -> None:
    assert [room.name for room in chosen(wanted)] == found


def test_without_a_name_every_pure_room_is_meant() -> None:
    assert chosen("") == [room for room in rooms().values() if room.pure]


def test_every_pure_folder_has_tests_where_they_are_looked_for() -> None:
    folders = [room for room in chosen("") if ROOT.joinpath(*room.name.split(".")).is_dir()]
    assert not [room.name for room in folders if not (ROOT / folder_of(room)).is_dir()]


def test_a_file_has_its_tests_beside_those_of_its_folder() -> None:
    [room] = chosen("exchange/keys.py")
    assert folder_of(room) == Path("tests/exchange/test_keys.py")


def test_branches_are_counted_by_room() -> None:
    book = {"num_branches": 10, "covered_branches": 9}
    ledger = {"num_branches": 6, "covered_branches": 6}
    shell = {"num_branches": 100, "covered_branches": 0}
    found = figures(
        {
            "exchange/model/book.py": {"summary": book, "missing_branches": [[7, -3]]},
            "exchange/model/ledger.py": {"summary": ledger, "missing_branches": []},
            "exchange/server/pump.py": {"summary": shell, "missing_branches": []},
        }
    )
    assert found == {"exchange.model": Figure(16, 15, ("exchange/model/book.py:7 -> -3",))}
    assert lines(found) == [
        "exchange/model           15 of     16   93.75 %",
        "all pure rooms           15 of     16   93.75 %",
    ]
