"""`exchange backup --segments`: an earlier backup gets what it lacks, and nothing twice."""

import json
import shutil
from pathlib import Path
from typing import Final

import pytest

from exchange.recovery.backup import back_up
from exchange.recovery.loading import load
from exchange.recovery.sealing import seal
from exchange.recovery.verifying import verified
from exchange.storage import segments, snapshots
from exchange.storage.joined import joined
from exchange.storage.sqlite_store import SqliteStore
from tests.crash.past import make
from tests.crash.sealed import seal_all
from tests.exchange.support.harness import headroom

COUNT: Final = 1_300
EACH: Final = 300
SMALLER: Final = 100


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An exchange with sealed rows, and a copy of it in which more of them are sealed."""
    early = tmp_path_factory.mktemp("early") / "data"
    make(early, COUNT, a_day=500, each=EACH)
    late = early.with_name("late")
    shutil.copytree(early, late)
    seal_all(late, SMALLER, early=False)
    assert segments.last_seq_in(late) > segments.last_seq_in(early) > 0
    return early, late


def backed_up(source: Path, out: Path) -> tuple[int, str, str]:
    return headroom("exchange", "backup", "--data", str(source), str(out), "--segments")


def test_what_is_there_stays_and_what_is_new_comes(made: tuple[Path, Path], tmp_path: Path) -> None:
    early, late = made
    out = tmp_path / "copy"
    assert backed_up(early, out)[0] == 0
    before = {path.name: path.stat().st_ino for path in segments.paths(out)}
    code, told, errors = backed_up(late, out)
    assert (code, errors) == (0, "")
    assert json.loads(told)["state_hash"] == verified(SqliteStore(late)).state_hash
    after = {path.name: path.stat().st_ino for path in segments.paths(out)}
    assert before.items() < after.items()
    assert list(after) == [path.name for path in segments.paths(late)]
    assert verified(SqliteStore(out)).engine.seq == COUNT
    kept = [path.name for path in snapshots.newest_first(late)]
    found = sorted(path.name for path in out.iterdir() if not path.name.startswith("journal.db-"))
    assert found == sorted(["journal.db", "segments", *kept])


def test_a_copy_that_ended_between_its_files_is_whole(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    """The new segments are there, the journal and its snapshots are still the old ones."""
    early, late = made
    back_up(early, tmp_path / "copy")
    for path in segments.paths(late):
        shutil.copy(path, segments.folder(tmp_path / "copy"))
    assert verified(SqliteStore(tmp_path / "copy")).engine.seq == COUNT
    assert backed_up(late, tmp_path / "copy")[0] == 0


def test_a_backup_of_another_exchange_is_refused(made: tuple[Path, Path], tmp_path: Path) -> None:
    early, _ = made
    other = tmp_path / "other"
    make(other, COUNT, a_day=400, each=EACH)
    out = tmp_path / "copy"
    back_up(early, out)
    listed = sorted(out.rglob("*"))
    code, _, errors = backed_up(other, out)
    assert code == 1
    said = f"{out}: is no earlier backup of {other}: its row {COUNT} is another"
    assert errors == f"headroom: {said}\n"
    assert sorted(out.rglob("*")) == listed


def test_a_damaged_old_row_that_is_new_to_it_is_found(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    early, late = made
    source, out = Path(shutil.copytree(late, tmp_path / "data")), tmp_path / "copy"
    back_up(early, out)
    path = joined(source)[-1].path
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    code, _, errors = backed_up(source, out)
    assert code == 1 and f"{path.name}: " in errors and errors.count("\n") == 1
    assert verified(SqliteStore(out)).engine.seq == COUNT


@pytest.mark.parametrize("since", [0, 1, EACH + 5, 950, COUNT])
def test_verify_since_a_row(made: tuple[Path, Path], since: int) -> None:
    for data_dir in made:
        whole = verified(SqliteStore(data_dir))
        code, told, errors = headroom(
            "exchange", "verify", "--data", str(data_dir), "--since", str(since)
        )
        assert (code, errors) == (0, "")
        assert json.loads(told) == {"seq": COUNT, "state_hash": whole.state_hash}


def test_verify_since_reads_what_came_behind_it_only(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    data_dir = Path(shutil.copytree(made[0], tmp_path / "data"))
    path = joined(data_dir)[0].path
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    verify = ("exchange", "verify", "--data", str(data_dir))
    # Row 1 names the exchange, so its block is read in any case.
    code, _, errors = headroom(*verify, "--since", str(COUNT))
    assert code == 1 and f"{path.name}: damaged: rows 1 to {EACH}" in errors
    second = Path(shutil.copytree(made[0], tmp_path / "second"))
    path = joined(second)[1].path
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    verify = ("exchange", "verify", "--data", str(second))
    rows = (EACH, 2 * EACH - 1, 2 * EACH)
    assert [headroom(*verify, "--since", str(since))[0] for since in rows] == [1, 1, 0]


def test_verify_since_a_row_that_is_not_there(made: tuple[Path, Path]) -> None:
    verify = ("exchange", "verify", "--data", str(made[0]))
    code, _, errors = headroom(*verify, "--since", str(COUNT + 1))
    assert code == 1 and f"--since {COUNT + 1}: the journal ends with row {COUNT}" in errors
    code, _, errors = headroom(*verify, "--since", "1", "--to-seq", "5")
    assert code == 2 and errors == "headroom: exchange verify: --since or --to-seq, not both\n"


def test_sealing_again_finds_nothing_to_do(made: tuple[Path, Path]) -> None:
    _, late = made
    assert seal(late, SMALLER) == []
    assert load(SqliteStore(late)).engine.seq == COUNT
