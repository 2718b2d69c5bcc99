"""What `make unit` chooses and what `make cover` counts."""

from pathlib import Path

import pytest

from tests.cover import Figure, figures, last_cases, lines
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
    book, ledger, shell = ({"covered_branches": number} for number in (14, 1, 0))
    found = figures(
        {
            "exchange/model/book.py": {"summary": book, "missing_branches": [[1, -3]]},
            "exchange/model/ledger.py": {"summary": ledger, "missing_branches": []},
            "exchange/server/pump.py": {"summary": shell, "missing_branches": []},
        }
    )
    assert found == {"exchange.model": Figure(16, 15, ("exchange/model/book.py:1 -> -3",))}
    assert lines(found) == [
        "exchange/model           15 of     16   93.75 %",
        "all pure rooms           15 of     16   93.75 %",
    ]


def test_past_the_last_case_of_a_match_there_is_no_branch() -> None:
    source = "match x:\n    case 1:\n        f()\n    case 2:\n        g()\n"
    assert last_cases(source) == {4: 5}
