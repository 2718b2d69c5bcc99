"""The state hash that `verify` tells: the last row's, computed once, whatever snapshots there are.

Which account frames are compared as stored bytes, and which as what they say.
"""

from pathlib import Path

import pytest

from exchange.engine.engine import Engine
from exchange.recovery import frame_check
from exchange.recovery.loading import replayed
from exchange.recovery.verifying import verified
from exchange.storage import snapshots
from exchange.storage.sqlite_store import SqliteStore
from exchange.wire.frames import AccountFrame
from tests.exchange.recovery.test_snapshots import data_dir, traded

__all__ = ["data_dir", "traded"]


def counted(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """From now on, write the rows after which a state hash is computed to ``path``, a line each:
    also a child computes some."""
    hashed = Engine.state_hash

    def count(engine: Engine) -> str:
        with path.open("a") as file:
            file.write(f"{engine.seq}\n")
        return hashed(engine)

    monkeypatch.setattr(Engine, "state_hash", count)


def test_the_hash_is_the_last_rows_and_computed_once_a_row(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last, wanted = (
        replayed(SqliteStore(data_dir)).engine.seq,
        replayed(SqliteStore(data_dir)).engine.state_hash(),
    )
    stored = [snapshots.read(path).seq for path in snapshots.newest_first(data_dir)]
    counted(monkeypatch, tmp_path / "rows")
    assert verified(SqliteStore(data_dir)).state_hash == wanted
    rows = [int(line) for line in (tmp_path / "rows").read_text().split()]
    assert sorted(rows) == sorted({*stored, last})


def test_up_to_a_row_the_hash_is_that_rows(data_dir: Path) -> None:
    newest = snapshots.read(snapshots.newest_first(data_dir)[0])
    at = verified(SqliteStore(data_dir), newest.seq)
    assert (at.engine.seq, at.state_hash) == (newest.seq, newest.state_hash)
    before = verified(SqliteStore(data_dir), newest.seq - 1)
    assert before.state_hash == before.engine.state_hash() != newest.state_hash


def test_frames_stored_as_today_are_not_decoded(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[bytes] = []

    def read(body: bytes, after: int, upto: int) -> list[AccountFrame]:
        decoded.append(body)
        return []

    monkeypatch.setattr(frame_check, "stored_frames", read)
    assert verified(SqliteStore(data_dir)).engine.seq > 0
    assert decoded == []
