"""Answers questions about the past, beside the order path. Shell.

The gateway has checked who may ask. Here a thread first updates the read model to the last durable
row, then reads one page. One thread at a time: the next question waits, also for a thread whose
question was given up meanwhile, since nothing ends a thread.
"""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from exchange.gateway import log_events
from exchange.log import log
from exchange.recovery.rebuild import rebuilt
from exchange.server.pump import Pump
from exchange.session.outbox import HistoryJob
from exchange.storage.history import (
    FILE_NAME,
    Follower,
    HistoryError,
    needs_rows,
    opened,
    require_usable,
)
from exchange.storage.history_source import HistorySource
from exchange.storage.sqlite_journal import DiskLostError
from exchange.storage.statements import Page, page
from exchange.storage.store import Store
from exchange.wire.codec import CODECS
from exchange.wire.frames import Ack, ErrorReply

WAITING_MAX: Final = 64
"""Questions that may wait for the thread; more are refused as temporary."""
RETRY_AFTER_MS: Final = 1_000


class HistoryServer:
    """Owns the read model while the exchange runs. ``fee_pct``: of each charge, for invoices."""

    def __init__(
        self, folder: Path, pump: Pump, fee_pct: int, store: Store, source: HistorySource
    ) -> None:
        self._path = folder / FILE_NAME
        self._store = store
        self._source = source
        self._follower = Follower(folder, source)
        self._pump = pump
        self._fee_pct = fee_pct
        self._turn = asyncio.Lock()
        self._in_thread = threading.Lock()
        self._waiting = 0

    def check(self) -> None:
        """Check the file; it is rebuilt when it lacks frames that only a replay of the rows can
        make.

        Raises `HistoryError`, and what `store.rebuild` raises.
        """
        require_usable(self._path)
        if needs_rows(self._path.parent, self._source):
            log.write(log_events.history_rebuilt(str(self._path)))
            rebuilt(self._path, self._store, self._source)

    async def follow(self) -> None:
        """Copy what was committed. Raises `DiskLostError`, `HistoryError`."""
        async with self._turn:
            await asyncio.to_thread(self._catch_up)

    def start(self, job: HistoryJob) -> None:
        """Begin to answer ``job``, unless its connection is gone."""
        connection = self._pump.connections.get(job.session)
        if connection is None:
            return
        if self._waiting >= WAITING_MAX:
            text = "too many questions about the past at once"
            self._reply(job, ErrorReply(job.message.req_id, "busy", text, None, RETRY_AFTER_MS))
            return
        self._waiting += 1
        connection.spawn(self._answer(job))

    async def _answer(self, job: HistoryJob) -> None:
        reply: Any
        try:
            async with self._turn:
                found = await asyncio.to_thread(self._read, job)
            reply = Ack(job.message.req_id, None, None, found)
        except (sqlite3.Error, DiskLostError, HistoryError) as error:
            reply = ErrorReply(
                job.message.req_id, "internal", f"the history cannot be read: {error}"
            )
        finally:
            self._waiting -= 1
        self._reply(job, reply)

    def _catch_up(self) -> None:
        with self._in_thread:
            self._follower.catch_up()

    def _read(self, job: HistoryJob) -> Page:
        self._catch_up()
        with self._in_thread, closing(opened(self._path)) as database:
            return page(database, job.account, job.message, self._fee_pct)

    def _reply(self, job: HistoryJob, reply: Ack | ErrorReply) -> None:
        connection = self._pump.connections.get(job.session)
        if connection is not None:
            connection.deliver([CODECS[job.codec].encode(reply)])
