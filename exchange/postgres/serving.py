"""Serves an exchange whose journal is in PostgreSQL. Shell.

What must outlive a take-over is in PostgreSQL: rows, account frames, snapshots, images, the branch.
The scratch folder holds the rest: uploads under way, copies of images, the quarantine and the read
model ``history.db``, which is made again from the journal where it is missing.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable
from functools import partial
from pathlib import Path

from msgspec import Struct

from exchange.engine.engine import Engine
from exchange.gateway import log_events
from exchange.log import log
from exchange.postgres import branching, past
from exchange.postgres.connecting import shown
from exchange.postgres.lead import Lead, taken
from exchange.postgres.leader import Leader
from exchange.postgres.postgres_images import PostgresImages
from exchange.postgres.postgres_journal import PostgresJournal
from exchange.postgres.postgres_source import PostgresSource
from exchange.postgres.postgres_store import PostgresStore
from exchange.recovery.loading import Loaded, load
from exchange.recovery.past import PastCheck
from exchange.server.server import ExchangeServer, Settings, serve
from exchange.storage.branch import Drawn
from exchange.storage.history_source import HistorySource
from exchange.storage.images import ImageStore
from exchange.storage.store import Store
from exchange.units import MS_PER_SECOND


class Journalled(Struct, frozen=True):
    """Where the journal is; ``unsafe_single``: a commit on one node is enough."""

    url: str
    unsafe_single: bool = False


class PostgresServer(ExchangeServer):
    """An exchange that leads."""

    def __init__(self, at: Journalled, lead: Lead, settings: Settings, loaded: Loaded) -> None:
        self._at = at
        self._lead = lead
        self._renewing: asyncio.Task[None]
        super().__init__(settings, loaded)

    def make_journal(self, data_dir: Path, last_chain: bytes) -> PostgresJournal:
        return PostgresJournal(self._at.url, last_chain, self._lead.epoch, self._at.unsafe_single)

    def make_store(self) -> Store:
        return PostgresStore(self._at.url)

    @property
    def place(self) -> str:
        return shown(self._at.url)

    def make_past(self, upto_seq: int) -> PastCheck:
        return PastCheck(past.words(upto_seq), upto_seq, {past.ENV: self._at.url})

    def make_images(self) -> ImageStore:
        return PostgresImages(self._at.url, self._settings.data_dir)

    def make_source(self) -> HistorySource:
        return PostgresSource(self._at.url)

    def drawn(self) -> Drawn:
        return branching.of(self._at.url, self._loaded.engine.seq, self._loaded.last_chain)

    async def open(self) -> None:
        await super().open()
        await self._lead.announce(self.url)

    def lead(self, renewing: asyncio.Task[None]) -> None:
        """End as on a lost disk when ``renewing`` ends by an error."""
        renewing.add_done_callback(self.pump.ended)


async def serve_journal(
    settings: Settings,
    at: Journalled,
    make_engine: type[Engine] = Engine,
    private: bool = False,
) -> int:
    """Lead and serve until SIGTERM or SIGINT; returns the exit code.

    Raises what `loading.load` and `serve` raise.
    """
    lead = await taken(at.url, owner(), _waits)

    async def loaded() -> Loaded:
        return await asyncio.to_thread(load, PostgresStore(at.url), make_engine, private)

    return await serve_as(lead, at, settings, loaded())


def owner() -> str:
    """Return what others call this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


async def serve_as(
    lead: Lead, at: Journalled, settings: Settings, loading: Awaitable[Loaded]
) -> int:
    """Serve as the leader, and renew the lease from now on."""
    renewing = asyncio.create_task(lead.renew())
    try:
        return await serve(settings, await loading, partial(_made, at, lead, renewing))
    finally:
        renewing.cancel()
        await asyncio.wait({renewing})
        await lead.release()


def _made(
    at: Journalled, lead: Lead, renewing: asyncio.Task[None], settings: Settings, loaded: Loaded
) -> PostgresServer:
    server = PostgresServer(at, lead, settings, loaded)
    server.lead(renewing)
    return server


def _waits(found: Leader) -> None:
    log.write(log_events.lease_awaited(found.owner, int(found.left_s * MS_PER_SECOND)))
