"""What an attacker does on one connection, again and again: a table, and how each way is run.

Run by `attacks` as a process of its own. Frames are masked with zeros, so that they can be written
as they are. Whoever is cut off comes back at once.
"""

import asyncio
import sys
from contextlib import suppress
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.exchange.support.harness import SYMBOL, Raw, key_of, raw

Way: TypeAlias = Literal["flood", "drip", "handshake", "headers", "hang up"]
_TEXT, _CONT, _PING, _PONG, _FIN = 0x01, 0x00, 0x89, 0x8A, 0x80
BLOB_BYTES: Final = 64 * 1024
PACE_S: Final = 0.05
"""Between two writes of `BLOB_BYTES`: a good megabyte a second."""
HANDSHAKE: Final = (
    b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Kind(Struct, frozen=True):
    """``account`` "": without a login. ``first`` is sent once, ``again`` for ever."""

    again: bytes = b""
    first: bytes = b""
    account: str = ""
    reads: bool = True
    way: Way = "flood"


def framed(first: int, payload: bytes) -> bytes:
    """Return one masked frame."""
    length = len(payload)
    size = bytes((0x80 | length,)) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
    return bytes((first,)) + size + b"\0\0\0\0" + payload


def asking(tag: str, **fields: Any) -> bytes:
    """Return one request as a masked frame."""
    return framed(_FIN | _TEXT, msgspec.json.encode({"type": tag, "req_id": 7, **fields}))


def bids(count: int) -> bytes:
    """Return ``count`` orders that rest."""
    terms = {"symbol": SYMBOL, "side": "buy", "order_type": "limit", "qty": 1}
    return b"".join(
        asking("order.place", client_order_id=f"h{number}", price_ucr=1 + number, **terms)
        for number in range(count)
    )


def toggles(tag: str) -> bytes:
    return asking(tag, enabled=True) + asking(tag, enabled=False)


_BEGIN = framed(_TEXT, b"{")
KINDS: Final[dict[str, Kind]] = {
    "empty pings": Kind(framed(_PING, b"")),
    "pings of 125 bytes, pongs unread": Kind(framed(_PING, b"p" * 125), reads=False),
    "pongs nobody asked for": Kind(framed(_PONG, b"")),
    "empty continuation frames": Kind(framed(_CONT, b""), first=_BEGIN),
    "fragments of one byte": Kind(framed(_CONT, b" "), first=_BEGIN),
    "messages in two fragments": Kind(framed(_TEXT, b"") + framed(_FIN | _CONT, b"{}")),
    "empty messages": Kind(framed(_FIN | _TEXT, b"")),
    "unreadable messages": Kind(framed(_FIN | _TEXT, b"{" * 100)),
    "byte by byte": Kind(asking("unsubscribe", channel="instruments"), way="drip"),
    "handshakes": Kind(HANDSHAKE, way="handshake"),
    "endless headers": Kind(b"X: y\r\n" * 100, way="headers"),
    "small requests without a login": Kind(asking("unsubscribe", channel="instruments")),
    "whole books without a login": Kind(
        asking("subscribe", channel="book", symbol=SYMBOL, depth=0)
    ),
    "directory without a login": Kind(asking("directory.search")),
    "order.list of 3,000 orders": Kind(asking("order.list"), account="bob"),
    "order.list, answers unread": Kind(asking("order.list"), account="bob", reads=False),
    "account.state": Kind(asking("account.state"), account="bob"),
    "subscribe account": Kind(asking("subscribe", channel="account"), account="bob"),
    "account.statement": Kind(asking("account.statement", kind="postings"), account="bob"),
    "image.list": Kind(asking("image.list"), account="bob"),
    "cancel_on_disconnect on and off": Kind(toggles("order.cancel_on_disconnect"), account="tenth"),
    "cancel_all_after renewed": Kind(
        asking("order.cancel_all_after", timeout_ms=60_000), account="tenth"
    ),
    "orders and mass cancels": Kind(bids(100) + asking("order.mass_cancel"), account="carol"),
    "mass cancels that find nothing": Kind(asking("order.mass_cancel", side="sell"), account="bob"),
    "orders, then hung up": Kind(
        bids(200), asking("order.cancel_on_disconnect", enabled=True), "carol", way="hang up"
    ),
}


async def attack(kind: Kind, url: str) -> None:
    """Do it until the process ends."""
    port = urlsplit(url).port
    assert port is not None
    while True:
        with suppress(OSError, ConnectionClosed, InvalidHandshake, EOFError, AssertionError):
            if kind.way in ("handshake", "headers"):
                await _begin_handshake(kind, port)
            elif kind.account:
                async with raw(url) as attacker:
                    await attacker.log_in(key_of(kind.account))
                    await _as_somebody(kind, attacker)
            else:
                await _as_nobody(kind, port)
        await asyncio.sleep(0)


async def _begin_handshake(kind: Kind, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(kind.again if kind.way == "handshake" else b"GET / HTTP/1.1\r\n")
        while kind.way == "headers":
            writer.write(kind.again)
            await writer.drain()
            await asyncio.sleep(0.001)
        await reader.readline()
    finally:
        writer.transport.abort()


async def _as_nobody(kind: Kind, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        reading = asyncio.create_task(_swallow(reader)) if kind.reads else None
        writer.write(kind.first)
        while reading is None or not reading.done():
            await _write(kind, writer)
    finally:
        writer.transport.abort()


async def _swallow(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(BLOB_BYTES):
            pass


async def _write(kind: Kind, writer: asyncio.StreamWriter) -> None:
    if kind.way == "drip":
        for at in range(len(kind.again)):
            writer.write(kind.again[at : at + 1])
            await asyncio.sleep(0)
    else:
        writer.write(kind.again * (BLOB_BYTES // len(kind.again)))
        await asyncio.sleep(PACE_S)
    await writer.drain()


async def _as_somebody(kind: Kind, attacker: Raw) -> None:
    connection, transport = attacker.connection, attacker.connection.transport
    transport.write(kind.first)
    if kind.way == "hang up":
        transport.write(kind.again)
        await asyncio.sleep(PACE_S)
        transport.abort()
        return
    reading = asyncio.create_task(attacker.drained()) if kind.reads else None
    if reading is None:
        transport.pause_reading()
    while not transport.is_closing() and not (reading and reading.done()):
        transport.write(kind.again * max(1, BLOB_BYTES // len(kind.again)))
        await asyncio.sleep(PACE_S)
        await connection.drain()


async def main(name: str, number: int, url: str) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(number):
            group.create_task(attack(KINDS[name], url))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
