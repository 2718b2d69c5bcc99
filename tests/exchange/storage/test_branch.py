"""Each place where a journal is served has a branch of its own."""

import asyncio
import shutil
from pathlib import Path

import pytest

from exchange.client import Client, Connected
from exchange.recovery.backup import back_up
from exchange.recovery.loading import load
from exchange.storage import branch
from exchange.storage.sqlite_store import SqliteStore
from tests.exchange.support.harness import OPERATOR, create_exchange, running


def drawn(data_dir: Path) -> branch.Drawn:
    loaded = load(SqliteStore(data_dir))
    return branch.of(data_dir, loaded.engine.seq, loaded.last_chain)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    create_exchange(tmp_path / "data")
    return tmp_path / "data"


def test_a_branch_stays_with_its_place(data: Path) -> None:
    first = drawn(data)
    assert (first.before, first.new, len(first.branch)) == ("", True, 16)
    assert drawn(data) == branch.Drawn(first.branch, first.branch, False)
    moved = data.rename(data.with_name("moved"))
    assert drawn(moved).branch == first.branch, "the same file of the same machine"


def test_a_backup_is_another_branch_and_each_copy_of_it_too(data: Path, tmp_path: Path) -> None:
    first = drawn(data)
    back_up(data, tmp_path / "backup")
    copies = [shutil.copytree(tmp_path / "backup", tmp_path / name) for name in ("a", "b")]
    found = {drawn(Path(copy)).branch for copy in copies} | {drawn(tmp_path / "backup").branch}
    assert len(found | {first.branch}) == 4


def test_a_copied_directory_is_another_branch(data: Path, tmp_path: Path) -> None:
    first = drawn(data)
    copy = Path(shutil.copytree(data, tmp_path / "copy"))
    second = drawn(copy)
    assert (second.new, second.before) == (True, first.branch)
    assert second.branch != first.branch
    assert drawn(copy) == branch.Drawn(second.branch, second.branch, False)


def test_a_disk_that_was_cloned_to_another_machine_is_another_branch(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = drawn(data)
    other = tmp_path / "machine-id"
    other.write_text("another\n")
    monkeypatch.setattr(branch, "MACHINE_ID", other)
    assert drawn(data).branch != first.branch


def test_an_earlier_journal_written_over_this_one_is_another_branch(
    data: Path, tmp_path: Path
) -> None:
    loaded = load(SqliteStore(data))
    first = branch.of(data, loaded.engine.seq + 1, b"a row that the earlier one lacks")
    assert drawn(data).branch != first.branch


@pytest.mark.parametrize("text", ["", "{}", "[" * 5_000, "\x00", '{"branch": 1}'])
def test_a_spoiled_file_costs_a_new_branch_and_nothing_else(data: Path, text: str) -> None:
    first = drawn(data)
    (data / branch.FILE_NAME).write_text(text)
    again = drawn(data)
    assert (again.new, again.before) == (True, "")
    assert again.branch != first.branch


def test_clients_are_told_which_copy_they_talk_to(data: Path, tmp_path: Path) -> None:
    """A start leaves it as it is; a backup that is served is another one with the same id."""

    async def told(data_dir: Path) -> tuple[str, str]:
        async with running(data_dir) as server, Client(server.url, OPERATOR) as client:
            event = await anext(client.events())
            assert isinstance(event, Connected)
            return event.exchange, event.branch

    first = asyncio.run(told(data))
    back_up(data, tmp_path / "backup")
    assert asyncio.run(told(data)) == first
    other = asyncio.run(told(tmp_path / "backup"))
    assert (other[0], len(other[1]), other[1] != first[1]) == (first[0], 16, True)
