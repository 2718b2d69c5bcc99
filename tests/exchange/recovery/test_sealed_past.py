"""An exchange of which most rows are sealed: everything that reads rows reads them all."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from exchange.journal.chain import BrokenChainError
from exchange.recovery import past
from exchange.recovery.backup import back_up
from exchange.recovery.loading import load, replayed
from exchange.recovery.rebuild import rebuild
from exchange.recovery.verifying import verified
from exchange.storage import branch, schema, segments, snapshots
from exchange.storage.history import needs_rows
from exchange.storage.joined import joined
from exchange.storage.sqlite_journal import DataDirError, stored_chain, stored_rows
from exchange.storage.sqlite_store import SqliteStore
from tests.crash.past import make

COUNT: Final = 1_300
EACH: Final = 300


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("past") / "data"
    make(data_dir, COUNT, a_day=500, each=EACH)
    return data_dir


@pytest.fixture
def data_dir(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "data"))


def test_a_start_from_a_snapshot_is_the_state_of_all_rows(made: Path) -> None:
    store = SqliteStore(made)
    loaded, whole = load(store), verified(store)
    assert 0 < segments.last_seq_in(made) < loaded.restored_seq < whole.engine.seq == COUNT
    assert loaded.engine.state_hash() == whole.state_hash
    assert loaded.last_chain == whole.last_chain
    past.check(store, loaded.restored_seq)


def test_without_snapshots_it_replays_the_segments(data_dir: Path) -> None:
    expected = load(SqliteStore(data_dir)).engine.state_hash()
    for path in snapshots.newest_first(data_dir):
        path.unlink()
    assert load(SqliteStore(data_dir)).engine.state_hash() == expected


@pytest.mark.parametrize("seq", [1, 7, EACH, EACH + 1, 2 * EACH + 5, COUNT])
def test_verify_ends_where_it_is_told(made: Path, seq: int) -> None:
    assert verified(SqliteStore(made), seq).engine.seq == seq
    rows = list(stored_rows(made, seq - 1))
    assert rows[0][0] == seq and rows[0][4] == stored_chain(made, seq)


def test_a_backup_has_the_segments(data_dir: Path, tmp_path: Path) -> None:
    copied = back_up(data_dir, tmp_path / "copy")
    assert copied.engine.seq == COUNT
    names = [segment.path.name for segment in joined(tmp_path / "copy")]
    assert names == [segment.path.name for segment in joined(data_dir)]


def test_the_read_model_is_rebuilt_from_sealed_rows(data_dir: Path) -> None:
    assert needs_rows(data_dir)
    assert rebuild(data_dir) == COUNT
    assert not needs_rows(data_dir)
    with closing(sqlite3.connect(data_dir / "history.db")) as history:
        assert history.execute("SELECT count(*) FROM trade").fetchone()[0] > COUNT / 50


def test_the_branch_stays_when_its_row_is_sealed(data_dir: Path) -> None:
    chain = stored_chain(data_dir, 5)
    assert chain is not None
    first = branch.of(data_dir, 5, chain)
    again = branch.of(data_dir, COUNT, replayed(SqliteStore(data_dir)).last_chain)
    assert (again.branch, again.new) == (first.branch, False)


def remove_first(data_dir: Path) -> Path:
    path = joined(data_dir)[0].path
    path.unlink()
    return path.parent


def remove_last(data_dir: Path) -> Path:
    [*_, before, last] = joined(data_dir)
    last.path.unlink()
    return before.path


def remove_all(data_dir: Path) -> Path:
    shutil.rmtree(segments.folder(data_dir))
    return segments.folder(data_dir)


def cut(data_dir: Path) -> Path:
    path = joined(data_dir)[1].path
    path.write_bytes(path.read_bytes()[:-1])
    return path


def of_another(data_dir: Path) -> Path:
    """The last segment is that of an exchange with other commands."""
    path = joined(data_dir)[-1].path
    other = data_dir.with_name("other")
    make(other, COUNT, a_day=400, each=EACH)
    shutil.rmtree(segments.folder(data_dir))
    shutil.copytree(segments.folder(other), segments.folder(data_dir))
    return joined(other)[-1].path if path.exists() else segments.folder(data_dir)


@pytest.mark.parametrize("spoil", [remove_first, remove_last, remove_all, cut, of_another])
def test_a_start_says_which_file_is_wrong(data_dir: Path, spoil: Callable[[Path], Path]) -> None:
    place = spoil(data_dir)
    for read in (load, verified):
        with pytest.raises(DataDirError) as caught:
            read(SqliteStore(data_dir))
        assert str(caught.value).startswith(str(place)) and "\n" not in str(caught.value)


def test_damage_inside_is_found_by_verify_and_backup_not_by_a_start(
    data_dir: Path, tmp_path: Path
) -> None:
    path = joined(data_dir)[1].path
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    assert load(SqliteStore(data_dir)).engine.seq == COUNT
    with pytest.raises(DataDirError, match=f"{path.name}: damaged: rows"):
        verified(SqliteStore(data_dir))
    with pytest.raises(DataDirError, match=f"{data_dir}.*{path.name}: damaged: rows"):
        back_up(data_dir, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_changed_row_behind_the_segments_is_found_beside_the_start(data_dir: Path) -> None:
    store = SqliteStore(data_dir)
    seq = segments.last_seq_in(data_dir) + 3
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        database.execute("UPDATE journal SET now_ms = now_ms + 1 WHERE seq = ?", (seq,))
        database.commit()
    with pytest.raises(BrokenChainError, match=f"row {seq}: its hash"):
        past.check(store, load(store).restored_seq)


def test_an_earlier_release_is_told_that_a_later_one_made_it() -> None:
    """It refuses a version above its own; without sealed rows the version stays."""
    assert schema.SEALED_VERSION > schema.SCHEMA_VERSION


def test_sealing_deletes_only_with_a_version_of_its_own(data_dir: Path) -> None:
    from tests.crash.sealed import drop

    asyncio.run(drop(data_dir, segments.last_seq_in(data_dir)))
    assert version(data_dir) == schema.SCHEMA_VERSION  # nothing was left to delete
    asyncio.run(drop(data_dir, segments.last_seq_in(data_dir) + 1))
    assert version(data_dir) == schema.SEALED_VERSION


def version(data_dir: Path) -> int:
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])
