"""The process that writes a snapshot, where the system forbids some of what it asks for."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from exchange.recovery.loading import load
from exchange.recovery.snapshotter import Snapshotter
from exchange.storage import snapshots
from exchange.storage.sqlite_store import SqliteStore
from tests.exchange.support.harness import create_exchange


def test_who_may_not_choose_its_turn_writes_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(Seen to fail: a filter of system calls was taken for a lost disk.)"""

    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    create_exchange(tmp_path)
    loaded = load(SqliteStore(tmp_path))
    snapshotter = Snapshotter(
        SqliteStore(tmp_path), loaded.gateway, lambda: loaded.last_chain, every=1
    )
    monkeypatch.setattr(os, "sched_setscheduler", forbidden)
    asyncio.run(snapshotter.if_due())
    snapshotter.reap(0)
    (written,) = snapshots.newest_first(tmp_path)
    assert snapshots.read(written).seq == loaded.engine.seq
