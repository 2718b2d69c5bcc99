"""How long an exchange with many journalled commands takes to start: prints figures, tests nothing.

python -m tests.crash.restart [ROWS] [--ended]

Most commands place orders that rest and cancel them again, some trade and are released. All are
less than 24 h old, so that the state holds every order: the worst case for a snapshot. With
``--ended`` everything ended more than a day ago, so that there is nothing left to hold.
"""

import asyncio
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from exchange.engine.engine import Engine
from exchange.journal.rows import JournalRow
from exchange.model.commands import AdvanceTime, Command
from exchange.model.config import default_config
from exchange.recovery.loading import load
from exchange.recovery.snapshotter import Snapshotter
from exchange.recovery.verifying import verified
from exchange.storage import snapshots
from exchange.storage.sqlite_journal import create
from exchange.storage.sqlite_store import SqliteStore
from exchange.units import MS_PER_HOUR
from exchange.wire.codec import MSGPACK
from exchange.wire.requests import LeaseRelease, OrderCancel, OrderPlace
from exchange.wire.types import Side
from tests.exchange.support.harness import ServerProcess
from tests.exchange.support.market import Market

ROWS = 1_000_000
A_WHILE_MS = 50 * MS_PER_HOUR
MONEY_UCR = 10**15
PER_MS = 20
CROSSING = 0.1
SYMBOL = "small.eu-de.flat.spot"


def rows(count: int, ended: bool) -> Iterator[JournalRow]:
    """Yield the rows of a busy day, as the gateway would have journalled them."""
    market = Market(default_config())
    market.thorough = False
    for name in ("ann", "bob"):
        market.open_account(name, MONEY_UCR)
        market.add_host(name, 1_000_000)
    for seq, (command, now_ms) in enumerate(market.journal, 1):
        yield JournalRow(seq, now_ms, MSGPACK.encode(command))
    engine, rng = market.engine, random.Random("restart")
    now_ms = market.now_ms
    while engine.seq < count:
        now_ms += engine.seq % PER_MS == 0
        for command in [*commands(rng, engine.seq), *releases(engine)]:
            yield from settled(engine, now_ms)
            before = engine.seq
            engine.apply(command, now_ms)
            if engine.seq > before:
                yield JournalRow(engine.seq, now_ms, MSGPACK.encode(command))
    end_ms = now_ms + (A_WHILE_MS if ended else 0)
    while (due_ms := engine.next_deadline_ms()) is not None and due_ms <= end_ms:
        yield from settled(engine, due_ms)


def settled(engine: Engine, now_ms: int) -> Iterator[JournalRow]:
    due_ms = engine.next_deadline_ms()
    if due_ms is not None and due_ms <= now_ms:
        nudge = Command("", "", 0, AdvanceTime(forget=True))
        engine.apply(nudge, now_ms)
        yield JournalRow(engine.seq, now_ms, MSGPACK.encode(nudge))


def releases(engine: Engine) -> Iterator[Command]:
    for lease in engine.state.leases.values():
        release = LeaseRelease(req_id=1, lease_id=lease.lease_id)
        yield Command(lease.buyer.account_id, "", 0, release)


def commands(rng: random.Random, number: int) -> Iterator[Command]:
    account, name = rng.choice(("ann", "bob")), f"c-{number}"
    side: Side = "buy" if rng.random() < 0.5 else "sell"
    crosses = rng.random() < CROSSING
    order = OrderPlace(
        req_id=1,
        client_order_id=name,
        symbol=SYMBOL,
        side=side,
        order_type="limit",
        qty=1,
        price_ucr=3_000 if crosses and side == "buy" else (500 if side == "buy" else 2_000),
        time_in_force="ioc" if crosses else "gtc",
    )
    if crosses:
        yield Command("bob" if account == "ann" else "ann", "", 0, resting(order))
    yield Command(account, "", 0, order)
    if not crosses:
        yield Command(account, "", 0, OrderCancel(req_id=1, client_order_id=name))


def resting(order: OrderPlace) -> OrderPlace:
    """Return the order that ``order`` trades with."""
    side: Side = "sell" if order.side == "buy" else "buy"
    price_ucr = 2_000 if side == "sell" else 3_000
    terms = {"side": side, "price_ucr": price_ucr, "time_in_force": "gtc"}
    return replace(order, client_order_id=f"{order.client_order_id}-rests", **terms)


async def start(data_dir: Path) -> tuple[float, float, float]:
    """Return the seconds to ready, from SIGTERM to the end, and of CPU all in all."""
    begun, cpu = time.monotonic(), children_cpu_s()
    server = ServerProcess(data_dir, "--listen", "127.0.0.1:0", "--accept-clock")
    while not server.ready_file.exists():
        assert server.process.poll() is None, server.process.communicate()[1]
        await asyncio.sleep(0.02)
    ready = time.monotonic()
    server.process.terminate()
    server.process.wait()
    return ready - begun, time.monotonic() - ready, children_cpu_s() - cpu


def children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def pause(data_dir: Path) -> tuple[float, float, float]:
    """Return how long a snapshot stops the exchange, and how long its child works, in seconds."""
    loaded = load(SqliteStore(data_dir))
    for path in snapshots.newest_first(data_dir):
        path.unlink()
    snapshotter = Snapshotter(SqliteStore(data_dir), loaded.gateway, lambda: loaded.last_chain, 1)
    begun = time.monotonic()
    await snapshotter.if_due()
    paused = time.monotonic() - begun
    snapshotter.reap(0)
    whole = time.monotonic() - begun
    begun = time.monotonic()
    loaded.engine.snapshot()
    return paused, whole, time.monotonic() - begun


def say(what: str, value: float, unit: str = "s") -> None:
    print(f"{what:52} {value:10.3f} {unit}", flush=True)


def main() -> int:
    ended = "--ended" in sys.argv
    numbers = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    count = numbers[0] if numbers else ROWS
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = Path(scratch) / "data"
        begun = time.monotonic()
        create(data_dir, list(rows(count, ended)))
        say("making the journal", time.monotonic() - begun)
        say("journal.db", (data_dir / "journal.db").stat().st_size / 2**20, "MiB")
        ready, stop, cpu = asyncio.run(start(data_dir))
        say("ready without a snapshot", ready)
        say("orderly end, with its snapshot", stop)
        say("CPU of both", cpu)
        snapshot = snapshots.newest_first(data_dir)[0]
        say("snapshot", snapshot.stat().st_size, "bytes")
        ready, stop, cpu = asyncio.run(start(data_dir))
        say("ready from the snapshot", ready)
        say("orderly end, with its snapshot", stop)
        say("CPU of both", cpu)
        paused, child, inline = asyncio.run(pause(data_dir))
        say("pause for a snapshot (fork)", paused * 1_000, "ms")
        say("its child's work", child)
        say("the same written without a fork: encoding alone", inline)
        begun = time.monotonic()
        verified(SqliteStore(data_dir))
        say("verify, in process", time.monotonic() - begun)
        say("peak memory here", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
