"""The control socket: a Unix socket that only its owner may open. Shell.

Each connection has a task that reads a line, answers it, and reads on; a subscriber has one more,
which sends what has changed since it last sent. A line has a longest length, a connection that does
not read is cut, and there are at most `CONNECTIONS_MAX` at a time.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

from exchange.files import why
from manager.control.changes import change
from manager.control.codec import LINE_BYTES_MAX, line_of, request_of
from manager.control.frames import Ack, ControlFrame, ErrorReply, Snapshot
from manager.control.requests import ControlRequest, Status, Subscribe
from manager.shell.inbox import Version

CONNECTIONS_MAX: Final = 32
WRITE_LIMIT_S: Final = 10.0
CHANGES_EVERY_S: Final = 0.25
LOOK_EVERY_S: Final = 2.0
"""Time alone changes some rows."""
BACKLOG: Final = 64

Answer: TypeAlias = Callable[[ControlRequest], Awaitable[ControlFrame]]


class SocketTakenError(Exception):
    """The socket cannot be had; one line."""


class ControlServer:
    """``answer`` does a request; ``snapshot`` shows everything as it is now; ``version``
    counts its changes."""

    def __init__(self, answer: Answer, snapshot: Callable[[], Snapshot], version: Version) -> None:
        self._answer = answer
        self._snapshot = snapshot
        self._version = version
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket) -> None:
        """Serve until canceled."""
        server = await asyncio.start_unix_server(
            self._accept, sock=listener, limit=LINE_BYTES_MAX, backlog=BACKLOG
        )
        try:
            async with server:
                await server.serve_forever()
        finally:
            for task in list(self._connections):
                task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio runs this as a task"
        if len(self._connections) >= CONNECTIONS_MAX:
            with contextlib.suppress(OSError, TimeoutError):
                await _send(writer, ErrorReply(0, "busy", f"{CONNECTIONS_MAX} connections at most"))
            writer.close()
            return
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # it went away, reads too slowly, or the Manager ends
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        feed: asyncio.Task[None] | None = None
        try:
            while True:
                try:
                    line = await reader.readuntil()
                except asyncio.IncompleteReadError:
                    return
                except asyncio.LimitOverrunError:
                    text = f"longer than {LINE_BYTES_MAX} bytes"
                    await _send(writer, ErrorReply(0, "line_too_long", text))
                    return
                request = request_of(line)
                if isinstance(request, Subscribe) and feed is None:
                    await _send(writer, Ack(request.req_id))
                    feed = asyncio.create_task(self._feed(writer))
                else:
                    await _send(writer, await self._reply(request))
        finally:
            if feed is not None:
                feed.cancel()

    async def _reply(self, request: ControlRequest | ErrorReply) -> ControlFrame:
        match request:
            case ErrorReply():
                return request
            case Subscribe():
                return ErrorReply(request.req_id, "not_allowed", "this connection is subscribed")
            case Status():
                return Ack(request.req_id, self._snapshot())
            case _:
                return await self._answer(request)

    async def _feed(self, writer: asyncio.StreamWriter) -> None:
        """Send one snapshot, then what has changed, until the connection ends."""
        try:
            seen, shown = self._version.number, self._snapshot()
            await _send(writer, shown)
            while True:
                seen = await self._version.after(seen, LOOK_EVERY_S)
                await asyncio.sleep(CHANGES_EVERY_S)
                now = self._snapshot()
                if (news := change(shown, now)) is not None:
                    await _send(writer, news)
                shown = now
        except (OSError, TimeoutError):
            writer.transport.abort()


async def _send(writer: asyncio.StreamWriter, frame: ControlFrame) -> None:
    """Raises `TimeoutError` when the reader does not keep up."""
    writer.write(line_of(frame))
    async with asyncio.timeout(WRITE_LIMIT_S):
        await writer.drain()


def bind(path: Path) -> socket.socket:
    """Return a socket that listens at ``path``, mode 0600. Raises `SocketTakenError`.

    What a Manager that died has left there is taken over.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_socket():
            _remove_dead(path)
        return _listening(path)
    except OSError as error:
        raise SocketTakenError(f"{path}: {why(error)}") from error


def _listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    listener.setblocking(False)
    return listener


def _remove_dead(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise SocketTakenError(f"{path}: another Manager listens there; name another with --control")
