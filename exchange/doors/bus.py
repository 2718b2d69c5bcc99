"""One connection to NATS, on which nothing is lost without being noticed. Shell.

It never connects again by itself: what was under way would be lost, so whoever holds it ends and
begins anew. `nats-py` is imported only here, and only when a bus is opened.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from msgspec import Struct

from exchange import files

CONNECT_S: Final = 2
PING_S: Final = 1
UNSENT_MAX_BYTES: Final = 64 * 1024 * 1024
"""What may wait for NATS; beyond it the connection counts as lost."""
FLUSH_S: Final = 2
LOGIN_MAX_BYTES: Final = 4096


class BusError(Exception):
    """The bus cannot be reached or was lost. ``str()`` is one line without a password."""


class BusSettings(Struct, frozen=True, kw_only=True):
    """``login``: user and password; ``tls``: for tls:// addresses."""

    url: str
    login: tuple[str, str] | None = None
    tls: ssl.SSLContext | None = None

    @property
    def shown(self) -> str:
        """The address without user and password."""
        return without_login(self.url)


def without_login(url: str) -> str:
    """Return ``url`` as it may be shown."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def login_in(path: Path) -> tuple[str, str]:
    """Return user and password from a file that holds USER:PASSWORD. Raises `BusError`."""
    try:
        text = files.read(path, LOGIN_MAX_BYTES).decode()
    except OSError as error:
        raise BusError(f"{path}: {files.why(error)}") from error
    except UnicodeDecodeError as error:
        raise BusError(f"{path}: not text") from error
    user, colon, password = text.strip().partition(":")
    if not (user and colon and password):
        raise BusError(f"{path}: not USER:PASSWORD")
    return user, password


class Bus:
    """Open it with `connect`. ``lost`` is done when the connection is."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._client: Any = None
        self._unsent: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._wake, self._sent = asyncio.Event(), asyncio.Event()
        self._sent.set()
        self._sender: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, settings: BusSettings) -> "Bus":
        """Raises `BusError`."""
        bus = cls()
        bus._client = library()()
        options: dict[str, Any] = {}
        if settings.login is not None:
            options["user"], options["password"] = settings.login
        if settings.tls is not None:
            options["tls"] = settings.tls
        try:
            async with asyncio.timeout(2 * CONNECT_S):
                await bus._client.connect(
                    settings.url,
                    allow_reconnect=False,
                    connect_timeout=CONNECT_S,
                    ping_interval=PING_S,
                    no_echo=True,
                    error_cb=bus._failed,
                    disconnected_cb=bus._gone,
                    closed_cb=bus._gone,
                    **options,
                )
        except Exception as error:  # noqa: BLE001 - the library raises many kinds
            await bus.close()
            raise BusError(f"{settings.shown}: {_why(error, settings)}") from None
        bus._sender = asyncio.create_task(bus._send())
        return bus

    async def subscribe(self, subject: str, take: Callable[[bytes], None]) -> None:
        """Have ``take`` called with each message, in their order."""

        async def arrived(message: Any) -> None:
            take(message.data)

        await self._client.subscribe(subject, cb=arrived)

    def publish(self, subject: str, data: bytes) -> None:
        """Send later, in the order of calls."""
        self._unsent.append((subject, data))
        self._bytes += len(data)
        if self._bytes > UNSENT_MAX_BYTES:
            self.give_up("NATS takes too little")
        self._sent.clear()
        self._wake.set()

    async def flush(self) -> None:
        """Wait until NATS has taken all that was asked of it before. Raises `BusError`."""
        try:
            async with asyncio.timeout(FLUSH_S):
                await self._sent.wait()
                await self._client.flush(FLUSH_S)
        except Exception as error:
            raise BusError(f"NATS does not answer: {error}") from error

    async def close(self) -> None:
        """End the connection; what was not flushed may be lost."""
        self.give_up("closed")
        if self._sender is not None:
            self._sender.cancel()
        with suppress(Exception):
            async with asyncio.timeout(CONNECT_S):
                await self._client.close()

    def give_up(self, why: str) -> None:
        if not self.lost.done():
            self.lost.set_result(why)

    async def _send(self) -> None:
        """Publish what waits, until the connection is lost."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._unsent:
                    subject, data = self._unsent.popleft()
                    self._bytes -= len(data)
                    await self._client.publish(subject, data)
                self._sent.set()
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is sent any more
            self.give_up(str(error) or type(error).__name__)

    async def _failed(self, error: Exception) -> None:
        self.give_up(str(error) or type(error).__name__)

    async def _gone(self) -> None:
        self.give_up("the connection to NATS was lost")


def library() -> Any:
    """Return the library's client class. Raises `BusError` when it is not installed."""
    try:
        from nats.aio.client import Client
    except ImportError:
        raise BusError("--bus needs the package nats-py: install headroom[cluster]") from None
    return Client


def _why(error: Exception, settings: BusSettings) -> str:
    text = str(error) or type(error).__name__
    password = urlsplit(settings.url).password
    for secret in (password, password and quote(password), settings.login and settings.login[1]):
        text = text.replace(secret, "...") if secret else text
    return text
