"""Ways to end a connection, each a row of docs/protocol.md, "How a connection ends"."""

import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from msgspec import Struct
from websockets.exceptions import ConnectionClosed
from websockets.protocol import OPEN

from exchange.server.admission import SLOW
from exchange.server.connection import WireConnection
from exchange.server.server import ExchangeServer
from exchange.wire.types import MAX_FRAME_BYTES
from tests.exchange.support.harness import Raw, until


class Scene:
    """One row: ``armed`` is the connection to be ended, by ``account``."""

    def __init__(
        self, server: ExchangeServer, operator: Raw, account: str, armed: Raw, switch_ms: int
    ) -> None:
        self.server = server
        self.operator = operator
        self.account = account
        self.armed = armed
        self.switch_ms = switch_ms
        """When the dead man's switch is to fire."""
        (self.number,) = [
            number
            for number, session in server.pump.gateway.sessions.items()
            if session.account == account
        ]

    @property
    def there(self) -> WireConnection:
        """The exchange's end."""
        return self.server._admission.connections[self.number]

    def write(self, data: bytes) -> None:
        """Past the library, which would wait for an answer."""
        self.armed.connection.transport.write(data)

    def stop_reading(self) -> None:
        transport: Any = self.armed.connection.transport
        transport.pause_reading()

    async def closing(self) -> None:
        """Wait until the exchange has sent its close."""
        await until(lambda: self.there.protocol.state is not OPEN)

    async def revoke(self) -> None:
        reply = await self.operator.ask("admin.key_revoke", key_id=f"{self.account}-1")
        assert reply["type"] == "ack", reply


def close_frame(code: int) -> bytes:
    """A masked close frame with an all-zero mask."""
    return b"\x88\x82\0\0\0\0" + struct.pack("!H", code)


# --- the client ends it ---


async def goodbye(scene: Scene) -> None:
    await scene.armed.connection.close(1000)


async def goodbye_unread(scene: Scene) -> None:
    """It asks much, reads nothing of it, says goodbye and stays."""
    scene.stop_reading()
    for _ in range(200):
        await scene.armed.send({"type": "order.list", "req_id": 9})
    scene.write(close_frame(1000))


async def going_away(scene: Scene) -> None:
    await scene.armed.connection.close(1001)


async def own_code(scene: Scene) -> None:
    await scene.armed.connection.close(4000)


async def no_code(scene: Scene) -> None:
    scene.write(b"\x88\x80\0\0\0\0")
    await scene.armed.drained()


async def own_code_and_stays(scene: Scene) -> None:
    """Its TCP connection stays open, and it reads nothing more."""
    scene.stop_reading()
    scene.write(close_frame(4000))


async def hang_up(scene: Scene) -> None:
    scene.armed.connection.transport.close()


async def reset(scene: Scene) -> None:
    sock = scene.armed.connection.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    scene.armed.connection.transport.abort()


# --- the exchange ends it ---


async def revoked(scene: Scene) -> None:
    await scene.revoke()
    await scene.armed.drained()


async def revoked_answered_1000(scene: Scene) -> None:
    """As aiohttp and websocket-client do, whatever the code."""
    scene.stop_reading()
    await scene.revoke()
    await scene.closing()
    scene.write(close_frame(1000))


async def revoked_never_answered(scene: Scene) -> None:
    scene.stop_reading()
    await scene.revoke()


async def revoked_never_read(scene: Scene) -> None:
    """Much is written before the close, which so never gets out."""
    scene.stop_reading()
    scene.there.write_payloads([b" " * 60_000] * 200)
    assert scene.there.paused
    await scene.revoke()


async def expired(scene: Scene) -> None:
    """Its key has a time; see `entered`."""
    await scene.armed.drained()


async def cut(scene: Scene) -> None:
    scene.there.cut(SLOW)
    await scene.armed.drained()


async def bad_frames(scene: Scene) -> None:
    with suppress(ConnectionClosed):
        for _ in range(100):
            await scene.armed.send(b"gossip")
    await scene.armed.drained()


async def too_long(scene: Scene) -> None:
    with suppress(ConnectionClosed):
        await scene.armed.send(b" " * (MAX_FRAME_BYTES + 1))
    await scene.armed.drained()


async def broken_frame(scene: Scene) -> None:
    scene.write(b"\x83\x80\0\0\0\0")  # an opcode that does not exist
    await scene.armed.drained()


async def half_open(scene: Scene) -> None:
    """The peer is there for TCP and answers no ping; after a while the exchange asks."""
    scene.stop_reading()


async def stalled(scene: Scene) -> None:
    """The same, with so much written to it that not even a ping gets out."""
    scene.stop_reading()
    scene.there.write_payloads([b" " * 60_000] * 200)
    assert scene.there.paused


Way = Callable[[Scene], Awaitable[None]]


class Expected(Struct):
    way: Way
    fires: bool
    code: int
    """What the client's library says; 1006 where it was not told."""


TABLE: Final = (
    Expected(goodbye, False, 1000),
    Expected(goodbye_unread, False, 1006),
    Expected(going_away, True, 1001),
    Expected(own_code, True, 4000),
    Expected(no_code, True, 1005),
    Expected(own_code_and_stays, True, 1006),
    Expected(hang_up, True, 1006),
    Expected(reset, True, 1006),
    Expected(revoked, True, 4401),
    Expected(revoked_answered_1000, True, 1006),
    Expected(revoked_never_answered, True, 1006),
    Expected(revoked_never_read, True, 1006),
    Expected(expired, True, 4401),
    Expected(cut, True, 1013),
    Expected(bad_frames, True, 1008),
    Expected(too_long, True, 1009),
    Expected(broken_frame, True, 1002),
)
PINGED: Final = (Expected(half_open, True, 1006), Expected(stalled, True, 1006))
