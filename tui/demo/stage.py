"""The demo's background process: an exchange, hosts on memory hypervisors, traders, a Manager.

Everything is the real thing but the hypervisor and the load balancer: the server of
``exchange.server``, `HostCore`, the traders' cores, each over its own WebSocket connection, and
the Manager of ``manager.shell``. Composes packages, like ``tui.demo``.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from exchange.client import Client
from exchange.journal.rows import JournalRow
from exchange.keys import load_private_key, new_key
from exchange.model.commands import Command, Genesis
from exchange.recovery.loading import load
from exchange.server.server import ExchangeServer, Settings
from exchange.storage.sqlite_journal import DataLock, create
from exchange.wire.codec import MSGPACK
from exchange.wire.types import Capacity
from tui.demo.actors import now_ms
from tui.demo.market import cast, config
from tui.demo.site import Site, port_of
from tui.demo.troupe import YOU, Troupe

BOOK_LEVELS: Final = 6
BOOK_TIMEOUT_S: Final = 15
YOUR_HOST: Final = Capacity(16_000, 40_000, 200_000)
BOOK: Final = "small.eu-de.flat.spot"
"""Who waits for a market waits for this book."""
WHOLE: Final = "whole"
SOCKET: Final = "manager.sock"
SOCKET_PATH_BYTES_MAX: Final = 107
"""What Linux takes as the path of a socket."""


async def perform(folder: Path, whole: bool) -> None:
    """Run it all in ``folder`` until standard input closes.

    Prints a line when the visitor can come in, and another when there is a market to look at.
    ``whole``: with metered books, windows and the visitor's farm.
    """
    operator_pem, you_pem, data = folder / "operator.pem", folder / "you.pem", folder / "data"
    genesis = Genesis(config(whole), new_key(operator_pem))
    create(data, [JournalRow(1, now_ms(), MSGPACK.encode(Command("", "", 0, genesis)))])
    with DataLock(data):
        server = ExchangeServer(Settings(data_dir=data, host="127.0.0.1", port=0), load(data))
        await server.open()
        running = asyncio.create_task(server.run())
        new_key(you_pem)
        troupe = asyncio.create_task(_troupe(server.url, operator_pem, you_pem, whole))
        await asyncio.wait(
            {running, troupe, asyncio.create_task(_input_closed())},
            return_when=asyncio.FIRST_COMPLETED,
        )
        troupe.cancel()
        await asyncio.wait({troupe})
        server.stop()
        await running
        if not troupe.cancelled():
            troupe.result()


async def _input_closed() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


async def _troupe(url: str, operator_pem: Path, you_pem: Path, whole: bool) -> None:
    site = Site()
    async with (
        await site.open() as door,
        Client(url, load_private_key(operator_pem)) as operator,
        asyncio.TaskGroup() as group,
    ):
        troupe, you = Troupe(url, operator, group, site), load_private_key(you_pem)
        await troupe.sign_up(YOU, you)
        control = str(you_pem.parent / SOCKET) if whole else None
        _say({"url": url, "key": str(you_pem), "control": control})
        await troupe.bring_host(YOU, you, f"{YOU}-host", "eu-de", YOUR_HOST)
        if whole:
            group.create_task(_farm(troupe, you_pem, port_of(door)))
        # Side by side: the exchange then stores many sign-ups with one sync of the disk.
        await asyncio.gather(*(troupe.hire(casting) for casting in cast(whole)))
        await _book_filled(url, BOOK)
        _say({})
        if whole:
            await troupe.keep_windows_alive()


async def _farm(troupe: Troupe, you_pem: Path, port: int) -> None:
    """Bring in the visitor's servers and run the Manager that sells and buys for them."""
    from tui.demo.farm import SERVERS, furnish, manage  # only here: nobody waits for it at the door

    you, folder = load_private_key(you_pem), you_pem.parent
    hour = datetime.now(UTC).hour
    # The Manager buys hours ahead as soon as it runs: there should be a market for them.
    await troupe.open_windows()
    config = await asyncio.to_thread(furnish, folder, troupe.url, port, hour)
    for name, (zone, capacity) in SERVERS.items():
        await troupe.bring_host(YOU, you, name, zone, capacity)
    await manage(config, folder / SOCKET)
    raise FarmEndedError("the demo's Manager was stopped")


class FarmEndedError(Exception):
    """The Manager was told to end: so does the demo."""


def _say(line: dict[str, str | None]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _book_filled(url: str, symbol: str) -> None:
    """Wait until the book is worth looking at; a slow machine may open with a thin one."""
    try:
        async with asyncio.timeout(BOOK_TIMEOUT_S), Client(url) as watcher:
            await watcher.subscribe("book", symbol)
            async for _ in watcher.events():
                book = watcher.book(symbol)
                if min(len(book.bids), len(book.asks)) >= BOOK_LEVELS:
                    return
    except TimeoutError:
        return


def main() -> None:
    """Play until standard input closes; the folder of it all goes with the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with tempfile.TemporaryDirectory(prefix="headroom-demo-") as folder:
        if len(os.fsencode(f"{folder}/{SOCKET}")) > SOCKET_PATH_BYTES_MAX:
            sys.exit(f"TMPDIR: {Path(folder).parent} is too long a path for a socket in it")
        asyncio.run(perform(Path(folder), WHOLE in sys.argv[1:]))


if __name__ == "__main__":
    main()
