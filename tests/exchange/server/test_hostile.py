"""A campaign of hostile input against a real process, while a good client trades.

Malformed, mutated and oversized frames, bad handshakes, idle connections that never log in, and
readers that never read. Afterwards: nothing on stderr, exit code 0, memory bounded, and the good
client's round trip within 3 times of before. The numbers are small here; the full ones are

    HEADROOM_HOSTILE_FRAMES=100000 HEADROOM_HOSTILE_HANDSHAKES=1000 HEADROOM_HOSTILE_IDLE=300 \
        pytest -s tests/exchange/server/test_hostile.py
"""

import asyncio
import os
import random
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Final
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from exchange.client import Client
from exchange.wire.codec import JSON, MSGPACK
from exchange.wire.requests import OrderPlace
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    ROOT,
    SYMBOL,
    Raw,
    ServerProcess,
    add_account,
    create_exchange,
    key_of,
    raw,
)

FRAMES: Final = int(os.environ.get("HEADROOM_HOSTILE_FRAMES", "5000"))
HANDSHAKES: Final = int(os.environ.get("HEADROOM_HOSTILE_HANDSHAKES", "100"))
IDLE: Final = int(os.environ.get("HEADROOM_HOSTILE_IDLE", "60"))
SLOWER_MAX: Final = 3
GROWTH_MAX_MIB: Final = 64
ROUND_TRIPS: Final = 100
FLOOR_MS: Final = 2.0
"""Below this a round trip is the machine's noise, not the exchange's."""
BUNCH: Final = 90
"""A hundred unreadable frames in a row would close the connection."""
GOOD: Final = OrderPlace(
    req_id=7,
    client_order_id="a",
    symbol=SYMBOL,
    side="buy",
    order_type="limit",
    qty=1,
    price_ucr=5,
)
SHAPES: Final = (b"", b"{}", b"[]", b"null", b'"', b"{" * 5_000, b"[" * 60_000, b"\xff\xfe\x00")


def nasty(dice: random.Random) -> bytes:
    """Return a frame that is wrong in one of many ways: cut, flipped, repeated, noise, too deep."""
    good = bytearray(dice.choice((JSON, MSGPACK)).encode(GOOD))
    match dice.randrange(7):
        case 0:
            return bytes(good[: dice.randrange(len(good))])
        case 1:
            for _ in range(dice.randrange(1, 6)):
                good[dice.randrange(len(good))] = dice.randrange(256)
            return bytes(good)
        case 2:
            return bytes(good) * dice.randrange(2, 20)
        case 3:
            return dice.randbytes(dice.randrange(1, 400))
        case 4:
            return dice.choice(SHAPES)
        case 5:
            return bytes(good).replace(b"5", b"9" * dice.randrange(20, 400))
        case _:
            at = dice.randrange(len(good))
            return bytes(good[:at]) + dice.randbytes(8) + bytes(good[at:])


async def send_nasty(url: str, codec: str, seed: int, count: int) -> int:
    """Send ``count`` frames over as many connections as it takes; returns how many were answered.

    Now and then one is oversized, which ends the connection with 1009.
    """
    dice, answered, sent = random.Random(seed), 0, 0
    while sent < count:
        async with raw(url, codec) as attacker:
            if dice.random() < 0.5:
                await attacker.log_in(key_of("bob"))
            with suppress(ConnectionClosed):
                for _ in range(20):
                    number = min(BUNCH, count - sent)
                    sent += number
                    answered += await bunch(attacker, dice, number)
                await attacker.send(b"x" * (64 * 1024 + 1 + dice.randrange(1_000_000)))
                await attacker.drained()
            attacker.connection.transport.abort()
    return answered


async def bunch(attacker: Raw, dice: random.Random, number: int) -> int:
    """Send frames and a readable one behind them; returns how many answers came."""
    for _ in range(number):
        await attacker.send(nasty(dice))
    await attacker.send({"type": "unsubscribe", "req_id": 999_999, "channel": "instruments"})
    answers = 0
    while (await attacker.frame()).get("req_id") != 999_999:
        answers += 1
    return answers


def handshake(port: int, dice: random.Random) -> None:
    """Knock with something that is no proper upgrade, and leave in the middle or not."""
    texts = (
        b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\nHost: x\r\n\r\n",
        b"POST /v1/ws HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /v1/ws HTTP/1.1\r\n" + b"X-A: b\r\n" * 300 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + dice.randbytes(200),
        dice.randbytes(300),
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"",
    )
    where = "127.0.0.1", port
    with suppress(OSError), socket.create_connection(where, timeout=DEADLINE_S) as knocking:
        knocking.sendall(dice.choice(texts))
        if dice.random() < 0.5:
            knocking.settimeout(0.05)
            knocking.recv(1_000)


def handshakes(port: int, count: int) -> None:
    dice = random.Random("handshakes")
    for _ in range(count):
        handshake(port, dice)


async def bad_logins(url: str, count: int) -> None:
    """Log in with a key that the exchange does not know."""
    for _ in range(count):
        async with raw(url) as stranger:
            with suppress(ConnectionClosed):
                reply = await stranger.log_in(key_of("nobody"))
                assert reply["reason"] in ("bad_signature", "rate_limited")


async def never_reads(url: str) -> Raw:
    """Open a connection that asks for more than it reads."""
    opening = raw(url)
    reader = await opening.__aenter__()
    reader.connection.transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192
    )
    await reader.log_in(key_of("bob"))
    await reader.ask("subscribe", channel="account")
    with suppress(ConnectionClosed):
        for number in range(2_000):
            await reader.send({"type": "account.state", "req_id": 1_000 + number})
    return reader


ATTACK: Final = """
import asyncio, sys
from tests.exchange.server.test_hostile import send_nasty
url, count = sys.argv[1], int(sys.argv[2])
async def main():
    halves = [send_nasty(url, codec, seed, count // 2) for seed, codec in enumerate(CODECS)]
    print(sum([await half for half in halves]))
CODECS = ("json", "msgpack")
asyncio.run(main())
"""


class Trader:
    """The good client: places orders and keeps the time of each."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._placed = 0

    async def round_trip_ms(self) -> float:
        """Return the median of `ROUND_TRIPS` orders, one after the other."""
        times = []
        for _ in range(ROUND_TRIPS):
            self._placed += 1
            order = OrderPlace(
                req_id=1,
                client_order_id=f"good-{self._placed}",
                symbol=SYMBOL,
                side="buy",
                order_type="limit",
                time_in_force="ioc",
                qty=1,
                price_ucr=5,
            )
            begun_s = time.perf_counter()
            await self._client.request(order)
            times.append((time.perf_counter() - begun_s) * 1000)
        return median(times)


async def calmest_ms(trader: Trader) -> float:
    """Return the best of three medians: what else the machine does is not the exchange's."""
    return min([await trader.round_trip_ms() for _ in range(3)])


async def under_attack(url: str, trader: Trader) -> tuple[int, float]:
    """Trade while another process sends the frames; returns its answers and the lower quartile."""
    attacker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ATTACK, url, str(FRAMES)), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    finished, times = asyncio.create_task(attacker.communicate()), []
    while not finished.done():
        times.append(await trader.round_trip_ms())
    out, _ = await finished
    return int(out), quantiles(times, n=4, method="inclusive")[0] if times[1:] else times[0]


def memory_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


async def campaign(server: ServerProcess) -> None:
    url = await server.url()
    port = urlsplit(url).port
    assert port is not None
    pid = server.process.pid
    async with Client(url, OPERATOR) as operator:
        await add_account(operator, "bob")
        await add_account(operator, "good")
    async with Client(url, key_of("good")) as client:
        trader = Trader(client)
        before_ms, before_mib = await calmest_ms(trader), memory_mib(pid)
        idle = [raw(url) for _ in range(IDLE)]
        for one in idle:
            await one.__aenter__()
        dead = await never_reads(url)
        with_idle_ms = await calmest_ms(trader)
        await asyncio.gather(
            asyncio.to_thread(handshakes, port, HANDSHAKES), bad_logins(url, HANDSHAKES // 10)
        )
        answered, during_ms = await under_attack(url, trader)
        after_ms, after_mib = await calmest_ms(trader), memory_mib(pid)
        dead.connection.transport.abort()
        for one in idle:
            with suppress(ConnectionClosed, InvalidHandshake):
                await one.__aexit__(None, None, None)
    print(
        f"\n{FRAMES} frames ({answered} answered), {HANDSHAKES} handshakes, {IDLE} idle: "
        f"round trip {before_ms:.2f} ms, {with_idle_ms:.2f} ms beside idle and unread ones, "
        f"{during_ms:.2f} ms during the frames, {after_ms:.2f} ms after; "
        f"memory {before_mib:.0f} MiB, {after_mib:.0f} MiB after"
    )
    assert answered >= FRAMES * 0.9
    assert with_idle_ms < max(FLOOR_MS, before_ms) * SLOWER_MAX
    assert during_ms < max(FLOOR_MS, before_ms) * SLOWER_MAX
    assert after_ms < max(FLOOR_MS, before_ms) * SLOWER_MAX
    assert after_mib < before_mib + GROWTH_MAX_MIB


def test_hostile_input_leaves_no_trace(tmp_path: Path) -> None:
    create_exchange(tmp_path / "data")
    server = ServerProcess(tmp_path / "data")
    try:
        asyncio.run(campaign(server))
    finally:
        server.process.terminate()
        code, errors = server.end()
    assert (code, errors) == (0, "")
