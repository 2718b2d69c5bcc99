"""The book-keeper bites: each wrong rule, planted in the engine, is seen within a few seeds.

Without this file a comparison that can never differ would look just like one that holds.
"""

from pathlib import Path
from typing import Final

import pytest

from sim.results.checker import LawBrokenError
from tests.sim.oracle.bugs import BY_THE_BOOKS_ALONE, MORE, Bug
from tests.sim.oracle.day import BusyWorld, loaded

SEEDS: Final = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("planted")


def run(folder: Path, seed: int) -> None:
    BusyWorld(loaded(folder, seed), "threshold", seed).run()


@pytest.mark.parametrize("seed", range(1, 7))
def test_the_right_rules_are_not_blamed(folder: Path, seed: int) -> None:
    """The same runs, with nothing planted."""
    run(folder, seed)


@pytest.mark.source
@pytest.mark.parametrize("bug", [*BY_THE_BOOKS_ALONE, *MORE], ids=lambda bug: bug.name)
def test_a_wrong_rule_is_seen(folder: Path, monkeypatch: pytest.MonkeyPatch, bug: Bug) -> None:
    monkeypatch.setattr(bug.owner, bug.attribute, bug.wrong(getattr(bug.owner, bug.attribute)))
    with pytest.raises(LawBrokenError):
        look(folder, bug.seed)


def look(folder: Path, first: int) -> None:
    for seed in range(first, first + SEEDS):
        run(folder, seed)
