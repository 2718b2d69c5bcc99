"""A request that breaks the engine stops the exchange once: never journalled, refused afterwards.

The bugs are planted in ``poisoned.py``. Seen to fail when `Gateway.receive` forgets to ask the
guard: the exchange then stops again at the resend.
"""

import asyncio
import json
import random
import sys
from pathlib import Path

import msgspec
import pytest

from exchange.client import Client, Refused, Unknown
from exchange.protocol import OrderPlace
from exchange.replay import read_command
from tests.exchange.harness import ServerProcess, found, headroom, journal_rows, key_of
from tests.exchange.trading import order, trade, traders

PROGRAM = [sys.executable, "-m", "tests.crash.poisoned"]
LISTEN = ("--listen", "127.0.0.1:0")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("asserts", "AssertionError: a planted invariant"),
        ("attribute", "AttributeError: a planted slip of the pen"),
    ],
)
def test_a_poisonous_request_stops_us_once(tmp_path: Path, name: str, error: str) -> None:
    data_dir = tmp_path / "data"
    found(data_dir)
    poison = order(random.Random("poison"), name)
    before = asyncio.run(stop_by(data_dir, poison, error))
    entry = json.loads((data_dir / "quarantine.jsonl").read_text())
    assert (entry["account"], entry["request"], entry["error"]) == ("alice", "order.place", error)
    assert any("planted" in line for line in entry["trace"])
    asyncio.run(go_on(data_dir, poison))
    rows = [read_command(row).message for row in journal_rows(data_dir)]
    placed = [row.client_order_id for row in rows if isinstance(row, OrderPlace)]
    assert len(placed) == before + 2
    assert name not in placed
    assert headroom("exchange", "verify", "--data", str(data_dir))[0] == 0


async def stop_by(data_dir: Path, poison: OrderPlace, error: str) -> int:
    """Send ``poison``; the process ends with one line. Returns how many orders stand before it."""
    server = ServerProcess(data_dir, *LISTEN, program=PROGRAM)
    async with traders(await server.url()) as (alice, bob):
        acked = await trade(alice, "alice", 20) + await trade(bob, "bob", 20)
        with pytest.raises(Unknown):
            await alice.request(poison)
        code, errors = await asyncio.to_thread(server.end)
    assert (code, len(errors.splitlines())) == (1, 1), errors
    assert f"internal error at order.place of alice: {error}" in errors
    return acked


async def go_on(data_dir: Path, poison: OrderPlace) -> None:
    """After the restart the poison is refused, from any connection, and all else is taken."""
    server = ServerProcess(data_dir, *LISTEN, program=PROGRAM)
    url = await server.url()
    for codec in ("json", "msgpack"):
        async with Client(url, key_of("alice"), codec=codec) as alice:
            with pytest.raises(Refused) as refused:
                await alice.request(poison)
            assert refused.value.reason == "internal"
            other = msgspec.structs.replace(poison, client_order_id=f"fine-{codec}", side="buy")
            assert (await alice.request(other))["status"] in ("new", "filled", "partially_filled")
    server.process.terminate()
    assert await asyncio.to_thread(server.end) == (0, "")
