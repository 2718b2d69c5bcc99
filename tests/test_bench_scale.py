"""The limits of docs/scale.md are what `bench.scale` computes."""

import pytest

from bench.scale import MEASURED, PAGE, Figures, Machine, count, rows, start_s, with_table, years


def test_the_page_has_the_table() -> None:
    page = PAGE.read_text("utf-8")
    assert with_table(page) == page, "run python -m bench.scale"


def test_every_figure_is_measured() -> None:
    assert all(value > 0 for value in MEASURED)


@pytest.mark.parametrize(
    ("value", "text"), [(28_340, "28,000"), (7, "7"), (149_999, "150,000"), (0.4, "0")]
)
def test_a_number_has_two_places(value: float, text: str) -> None:
    assert count(value) == text


def test_limits_follow_from_the_figures() -> None:
    ten = Figures(*[10.0] * len(Figures._fields))._replace(door_us=5.0)
    machine = Machine(core=0.5, memory=8_640_000 * 2, disk=60_480_000 + 31_536_000_000)
    found = {row.limit: (row.alone, row.doors) for row in rows(ten, machine)}
    assert found["orders a second, with a queue"] == ("50,000", "at most 100,000")
    assert found["orders a second, all day long"][0] == "10"
    assert years(machine, ten, 10) == 10
    assert start_s(machine, ten, 0) == 1.0
