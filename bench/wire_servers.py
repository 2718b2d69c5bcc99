"""The servers `bench.wire` compares, as processes: ``python -m bench.wire_servers KIND``.

``echo`` and ``broadcast`` are the bare references: what `websockets` does without an exchange;
``synced`` is an echo that makes each frame durable before it answers.
``durable`` is the exchange as it ships, ``memory`` the same with a journal that keeps nothing;
``compiled`` is ``durable`` again, on the compiled core.
Prints its address when it serves and ends with its standard input.
"""

import asyncio
import mmap
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from pathlib import Path
from typing import IO, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.server import ServerConnection, broadcast
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosedError

from exchange.gateway.gateway import Gateway
from exchange.journal.rows import AccountRow, JournalRow
from exchange.keys import public_key_b64
from exchange.model.config import default_config
from exchange.recovery import loading
from exchange.server import pauses
from exchange.server.clock import SystemClock
from exchange.server.form import FORM
from exchange.server.ports import KeptJournal
from exchange.server.pump import Pump
from exchange.server.server import ExchangeServer, Settings
from exchange.storage.sqlite_journal import DataLock
from exchange.storage.sqlite_store import SqliteStore

OPERATOR = Ed25519PrivateKey.from_private_bytes(b"bench operator".ljust(32, b"."))
FRAME = (
    b'{"type":"book.update","symbol":"small.eu-de.flat.spot","prev_seq":123456,"seq":123457,'
    b'"ts_ms":1800000000000,"bids":[[512,37,4]],"asks":[],"checksum":1234567890}'
)
"""As long as the exchange's update of one level."""


class MemoryJournal:
    """Keeps nothing: what is left is the exchange without its disk."""

    async def append(self, rows: list[JournalRow], accounts: list[AccountRow]) -> None:
        await asyncio.sleep(0)

    async def account_rows(
        self, account: str, after: int, upto: int, limit: int
    ) -> list[AccountRow]:
        return []


class MemoryServer(ExchangeServer):
    """The exchange on a `MemoryJournal`."""

    def make_pump(self, gateway: Gateway, journal: KeptJournal, clock: SystemClock) -> Pump:
        return Pump(gateway, MemoryJournal(), clock)


@asynccontextmanager
async def exchange(make: type[ExchangeServer]) -> AsyncIterator[str]:
    """Create an exchange in a scratch directory and serve it."""
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = Path(scratch) / "data"
        now_ms = SystemClock().now_ms()
        loading.create_exchange(data_dir, default_config(), public_key_b64(OPERATOR), now_ms)
        with DataLock(data_dir):
            settings = Settings(data_dir=data_dir, host="127.0.0.1", port=0)
            server = make(settings, loading.load(SqliteStore(data_dir)))
            await server.open()
            pauses.avoid()
            running = asyncio.create_task(server.run())
            yield server.url
            server.stop()
            await running


SCRATCH_BYTES: Final = 1 << 20


def syncing(scratch: IO[bytes]) -> Callable[[bytes], None]:
    """Return what writes a frame over old ones and waits for the disk: the file never grows."""
    scratch.truncate(SCRATCH_BYTES)
    scratch.write(bytes(SCRATCH_BYTES))
    os.fsync(scratch.fileno())
    places = cycle(range(0, SCRATCH_BYTES, mmap.PAGESIZE))

    def sync(frame: bytes) -> None:
        os.pwrite(scratch.fileno(), frame, next(places))
        os.fdatasync(scratch.fileno())

    return sync


@asynccontextmanager
async def bare(kind: str) -> AsyncIterator[str]:
    """Serve one of the references."""
    listeners: set[ServerConnection] = set()

    async def echo(connection: ServerConnection) -> None:
        with suppress(ConnectionClosedError):
            async for message in connection:
                await connection.send(message)

    async def fan_out(connection: ServerConnection) -> None:
        with suppress(ConnectionClosedError):
            async for message in connection:
                if message == "listen":
                    listeners.add(connection)
                else:
                    broadcast(listeners, FRAME.decode())
                await connection.send(message)
        listeners.discard(connection)

    async def synced(connection: ServerConnection) -> None:
        with suppress(ConnectionClosedError), tempfile.TemporaryFile(buffering=0) as scratch:
            sync = syncing(scratch)
            async for message in connection:
                await asyncio.to_thread(sync, str(message).encode())
                await connection.send(message)

    handler = {"echo": echo, "synced": synced, "broadcast": fan_out}[kind]
    async with listen(handler, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"


async def main(kind: str) -> None:
    makers = {"durable": ExchangeServer, "compiled": ExchangeServer, "memory": MemoryServer}
    assert kind != "compiled" or FORM == "compiled", "this exchange is not compiled"
    serving = exchange(makers[kind]) if kind in makers else bare(kind)
    async with serving as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    pauses.run(main(sys.argv[1]))
