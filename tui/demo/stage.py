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
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from exchange.client import Client
from exchange.journal.rows import JournalRow
from exchange.keys import load_private_key, new_key
from exchange.model.commands import Command, Genesis
from exchange.model.config import ExchangeConfig
from exchange.recovery.loading import load
from exchange.server.server import ExchangeServer, Settings
from exchange.storage.sqlite_journal import DataLock, create
from exchange.storage.sqlite_store import SqliteStore
from exchange.wire.codec import MSGPACK
from exchange.wire.types import Capacity
from tui.demo.market import (
    SYMBOL,
    BackgroundTrader,
    flat_config,
    flat_traders,
    metered_traders,
    whole_config,
)
from tui.demo.population import YOU, Population
from tui.demo.runners import now_ms
from tui.demo.site import Site, port_of

BOOK_LEVELS: Final = 6
BOOK_TIMEOUT_S: Final = 15
YOUR_HOST: Final = Capacity(16_000, 40_000, 200_000)
SOCKET: Final = "manager.sock"
SOCKET_PATH_BYTES_MAX: Final = 107
"""What Linux takes as the path of a socket."""


Fill: TypeAlias = Callable[[Population, Path, int], Awaitable[None]]
"""Puts hosts and traders on an exchange, of which the visitor's key is in the file; at the port
is the site."""


async def run(folder: Path, config: ExchangeConfig, fill: Fill) -> None:
    """Run an exchange of ``config`` in ``folder``, filled by ``fill``, until stdin closes.

    Prints a line when the visitor can come in, and another when there is a market to look at.
    """
    operator_pem, you_pem, data = folder / "operator.pem", folder / "you.pem", folder / "data"
    genesis = Genesis(config, new_key(operator_pem))
    create(data, [JournalRow(1, now_ms(), MSGPACK.encode(Command("", "", 0, genesis)))])
    with DataLock(data):
        server = ExchangeServer(
            Settings(data_dir=data, host="127.0.0.1", port=0), load(SqliteStore(data))
        )
        await server.open()
        running = asyncio.create_task(server.run())
        new_key(you_pem)
        filling = asyncio.create_task(_fill(server.url, operator_pem, you_pem, fill))
        await asyncio.wait(
            {running, filling, asyncio.create_task(_input_closed())},
            return_when=asyncio.FIRST_COMPLETED,
        )
        filling.cancel()
        await asyncio.wait({filling})
        server.stop()
        await running
        if not filling.cancelled():
            filling.result()


async def _input_closed() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


async def _fill(url: str, operator_pem: Path, you_pem: Path, fill: Fill) -> None:
    site = Site()
    async with (
        await site.open() as door,
        Client(url, load_private_key(operator_pem)) as operator,
        asyncio.TaskGroup() as group,
    ):
        people = Population(url, operator, group, site)
        await people.sign_up(YOU, load_private_key(you_pem))
        await fill(people, you_pem, port_of(door))


async def fill_flat(people: Population, you_pem: Path, port: int) -> None:
    """Fill the flat spot books alone, as the tests of screens want it."""
    await _let_in(people, you_pem, None)
    await _trade(people, flat_traders())


async def fill_whole(people: Population, you_pem: Path, port: int) -> None:
    """Fill every book and window, and run the visitor's farm."""
    control = you_pem.parent / SOCKET
    await _let_in(people, you_pem, str(control))
    people.group.create_task(_farm(people, you_pem, port, control))
    await _trade(people, [*flat_traders(), *metered_traders()])
    await people.keep_windows_alive()


DEMOS: Final[dict[str, tuple[Callable[[], ExchangeConfig], Fill]]] = {
    "flat": (flat_config, fill_flat),
    "whole": (whole_config, fill_whole),
}
"""By the word on the command line."""


async def _let_in(people: Population, you_pem: Path, control: str | None) -> None:
    """Say that the visitor can come in, and bring the visitor's host."""
    _say({"url": people.url, "key": str(you_pem), "control": control})
    await people.add_host(YOU, load_private_key(you_pem), f"{YOU}-host", "eu-de", YOUR_HOST)


async def _trade(people: Population, traders: Sequence[BackgroundTrader]) -> None:
    """Let ``traders`` begin, and say when there is a market."""
    # Side by side: the exchange then stores many sign-ups with one sync of the disk.
    await asyncio.gather(*(people.add_trader(each) for each in traders))
    await _book_filled(people.url, SYMBOL)
    _say({})


async def _farm(people: Population, you_pem: Path, port: int, control: Path) -> None:
    """Bring in the visitor's servers and run the Manager that sells and buys for them."""
    from tui.demo.farm import SERVERS, furnish, manage  # only here: nobody waits for it at the door

    you, folder = load_private_key(you_pem), you_pem.parent
    hour = datetime.now(UTC).hour
    # The Manager buys hours ahead as soon as it runs: there should be a market for them.
    await people.open_windows()
    config = await asyncio.to_thread(furnish, folder, people.url, port, hour)
    for name, (zone, capacity) in SERVERS.items():
        await people.add_host(YOU, you, name, zone, capacity)
    await manage(config, control)
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
    """Run the demo named by the argument; the folder of it all goes with the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with tempfile.TemporaryDirectory(prefix="headroom-demo-") as folder:
        if len(os.fsencode(f"{folder}/{SOCKET}")) > SOCKET_PATH_BYTES_MAX:
            sys.exit(f"TMPDIR: {Path(folder).parent} is too long a path for a socket in it")
        config, fill = DEMOS[sys.argv[1]]
        asyncio.run(run(Path(folder), config(), fill))


if __name__ == "__main__":
    main()
