"""Connections to PostgreSQL, and its errors in one line without anything secret. Shell.

The password stands in the address or in PostgreSQL's own environment (``PGPASSWORD``,
``PGPASSFILE``). Messages name the servers and the database alone.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final, TypeAlias, TypeVar
from urllib.parse import parse_qs, urlsplit

import asyncpg

from exchange.storage.sqlite_journal import DataDirError
from exchange.storage.store import AwayError

CONNECT_S: Final = 10.0
CALL_S: Final = 60.0
"""How long one statement may take that nothing waits for in a hurry."""
CLOSE_S: Final = 2.0
SCHEMES: Final = ("postgresql", "postgres")

Connection: TypeAlias = asyncpg.Connection
T = TypeVar("T")

RAISED: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""What a call to PostgreSQL may raise; the third when a connection is lost between two replies."""


class DatabaseError(DataDirError):
    """PostgreSQL cannot be used for this. ``str()`` is one line for the user."""


class LostDatabaseError(DatabaseError, AwayError):
    """No answer, or a bad one: another node may take writes soon."""


def shown(url: str) -> str:
    """Return an address as messages show it: its servers and database, nothing secret."""
    parts = urlsplit(url)
    servers = parts.netloc.rpartition("@")[2] or parse_qs(parts.query).get("host", ["local"])[0]
    return f"postgresql://{servers}{parts.path}"


def why(error: BaseException) -> str:
    """Return what PostgreSQL said, as one line."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return " ".join(str(error).split()) or type(error).__name__


async def connected(url: str) -> Connection:
    """Return a new connection. Raises `DatabaseError`."""
    if urlsplit(url).scheme not in SCHEMES:
        raise DatabaseError("--journal: not an address such as postgresql://HOST:PORT/DATABASE")
    names = {"application_name": "headroom", "client_min_messages": "warning"}
    try:
        return await asyncpg.connect(
            url, timeout=CONNECT_S, command_timeout=CALL_S, server_settings=names
        )
    except RAISED as error:
        raise LostDatabaseError(f"{shown(url)}: cannot connect: {why(error)}") from None
    except (asyncpg.ClientConfigurationError, ValueError):
        # Its text may quote the address.
        raise DatabaseError(f"{shown(url)}: not an address of PostgreSQL") from None


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[Connection]:
    """Return a connection that is closed afterwards. Raises `DatabaseError`, also for whatever
    goes wrong within."""
    opened = await connected(url)
    try:
        yield opened
    except RAISED as error:
        raise LostDatabaseError(f"{shown(url)}: {why(error)}") from error
    finally:
        await closed(opened)


async def closed(opened: Connection) -> None:
    """Close a connection, whatever state it is in, within `CLOSE_S`."""
    with suppress(*RAISED):
        await opened.close(timeout=CLOSE_S)
    opened.terminate()


class Asker:
    """A connection for code that waits: each question runs in a thread and loop of their own, so
    that it may be asked within a running loop, in a forked child, or between two others."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._thread = ThreadPoolExecutor(1)
        self._loop = asyncio.new_event_loop()
        self._connection: Connection

    def open(self) -> None:
        self._connection = self._run(connected(self._url))

    def ask(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Return what ``work`` does with the connection. Raises `DatabaseError`."""
        try:
            return self._run(work(self._connection))
        except RAISED as error:
            raise LostDatabaseError(f"{shown(self._url)}: {why(error)}") from error

    def _run(self, work: Awaitable[T]) -> T:
        return self._thread.submit(self._loop.run_until_complete, work).result()

    def close(self) -> None:
        if hasattr(self, "_connection"):
            self._run(closed(self._connection))
        self._thread.submit(self._loop.close)
        self._thread.shutdown()


@contextmanager
def asking(url: str) -> Iterator[Asker]:
    """Return an open `Asker`. Raises `DatabaseError`."""
    asker = Asker(url)
    try:
        asker.open()
        yield asker
    finally:
        asker.close()


def ask(url: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Return what ``work`` does with a connection of its own. Raises `DatabaseError`."""
    with asking(url) as asker:
        return asker.ask(work)
