"""A cable between browser and server that can be cut, and held apart."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

PIECE = 64 * 1024


class Cable:
    """Carries connections from the port ``near`` to ``port``, once that is known."""

    def __init__(self) -> None:
        self.near = self.port = 0
        self._carries = True
        self._going: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """Cut every connection; new ones may come at once."""
        for task in self._going:
            task.cancel()

    def cut_for_good(self) -> None:
        """Cut every connection, and carry no new one until `mend`."""
        self._carries = False
        self.cut()

    def mend(self) -> None:
        self._carries = True

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a callback of the server"
        self._going.add(task)
        try:
            if self._carries:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
                finally:
                    far_writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._going.discard(task)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE):
        writer.write(piece)
        await writer.drain()
    raise ConnectionResetError


@contextlib.asynccontextmanager
async def cable() -> AsyncIterator[Cable]:
    """Lay one."""
    laid = Cable()
    server = await asyncio.start_server(laid.carry, "127.0.0.1", 0)
    laid.near = server.sockets[0].getsockname()[1]
    try:
        yield laid
    finally:
        server.close()
        laid.cut()
