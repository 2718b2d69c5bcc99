"""kill -9 while rows are sealed: at no step is a row lost, and none is there twice."""

import subprocess
import sys
from pathlib import Path

from exchange.journal.rows import JournalRow
from exchange.storage import snapshots
from exchange.storage.snapshots import SnapshotFile
from exchange.storage.sqlite_journal import create
from tests.exchange.support.harness import DEADLINE_S, ROOT

ROWS = [JournalRow(seq, 1_000 + seq, b"body-%d" % seq) for seq in range(1, 101)]


def sealed_with_kills(data_dir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    create(data_dir, ROWS)
    snapshots.write(data_dir, SnapshotFile(1, 90, 1, b"", "", b"", b""))
    words = [sys.executable, "-m", "tests.crash.sealed", str(data_dir), "40", *options]
    return subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Two segments: for each a file's sync, its rename, the syncs of two folders, the deletion."""
    done = sealed_with_kills(tmp_path / "data")
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout.split()[0]) >= 2 * 5


def test_rows_that_leave_the_table_first_are_found_missing(tmp_path: Path) -> None:
    """The check itself is checked: it notices the one order of work that loses rows."""
    done = sealed_with_kills(tmp_path / "data", "--early")
    assert done.returncode != 0
    assert "rows 1 to 40 are missing" in done.stderr
