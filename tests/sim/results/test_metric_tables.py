"""Every metric is on the page once, in words, in tables of a few columns."""

from pathlib import Path

import pytest

from sim.page.model import Value
from sim.results.metric_tables import BESIDE, GROUPS, PARTS, WORDS, metric_tables
from sim.results.stats import estimate
from tests.sim.scenes import outcome, scene


def test_every_metric_of_a_run_has_words_and_a_group(tmp_path: Path) -> None:
    measured = set(outcome(tmp_path, scene(duration_s=60)).metrics)
    assert set(WORDS) == measured
    assert sum(map(len, GROUPS.values())) == len(measured), "each in one group"
    assert set(PARTS.values()) < measured


@pytest.mark.parametrize("choices", [1, BESIDE, BESIDE + 1, 40])
def test_no_table_has_more_than_a_name_and_six_columns(choices: int) -> None:
    names = [*WORDS, "a metric of tomorrow"]
    found = {
        f"choice {number}": {name: estimate([float(number)]) for name in names}
        for number in range(choices)
    }
    tables = metric_tables(found)
    assert len(tables) == 1 or choices > BESIDE
    assert all(len(table.head) <= 1 + BESIDE for table in tables)
    assert all(len(row) == len(table.head) for table in tables for row in table.rows)
    cells = [cell for table in tables for row in table.rows for cell in row[1:]]
    assert len(cells) == choices * len(names)
    assert all(isinstance(cell, Value) for cell in cells)
    named = [str(row[0]) for row in tables[0].rows] if choices <= BESIDE else []
    named = named or [head for table in tables for head in table.head[1:]]
    assert sorted(name.partition("\n")[0] for name in named) == sorted(names)
