"""A small web server, and visitors that count what becomes of every request."""

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from collections import Counter
from typing import Final

REQUEST: Final = b"GET / HTTP/1.1\r\nHost: farm\r\n\r\n"
ANSWERS_WITHIN_S: Final = 60.0
VISITORS: Final = 300
"""At most; while that many wait, no others come."""
TICK_S: Final = 0.02
IDLE_S: Final = 10.0
SERVED_BY: Final = b"x-served-by: "
"""HAProxy is told to name the server in this header: `SHOP`."""
SHOP: Final = """    balance leastconn
    option redispatch
    retries 3
    http-response set-header X-Served-By %s
"""
"""What a normal farm has in its backend."""


class Website:
    """Answers every request with 200 on connections that stay open."""

    def __init__(self, body: bytes = b"<h1>own</h1>") -> None:
        self._answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> int:
        """Return the port it listens on."""
        self._server = await asyncio.start_server(self._serve, address, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(self._answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()


class Visitors:
    """Ask for the page at ``per_s`` in all, on connections that stay open; none waits for another.

    ``failed`` says what became of each request that did not end in a whole page with status 200;
    ``served`` counts the pages by the server that HAProxy names.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.per_s = 1.0
        self.served: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._idle: list[tuple[float, StreamReader, StreamWriter]] = []
        self._asking: set[asyncio.Task[None]] = set()
        self._ticker: asyncio.Task[None] | None = None

    @property
    def asked(self) -> int:
        return self.served.total() + self.failed.total()

    def begin(self) -> None:
        self._ticker = asyncio.create_task(self._tick())

    async def end(self) -> None:
        """Let requests under way end: they count too."""
        assert self._ticker is not None
        self._ticker.cancel()
        await asyncio.gather(*self._asking)
        self._forget(0.0)

    async def _tick(self) -> None:
        due, last_s = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            due = min(due + (now_s - last_s) * self.per_s, VISITORS - len(self._asking))
            last_s = now_s
            while due >= 1:
                due -= 1
                task = asyncio.create_task(self._ask())
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                reader, writer = await self._connection()
                try:
                    writer.write(REQUEST)
                    self.served[await _page(reader)] += 1
                except BaseException:
                    writer.close()
                    raise
                self._idle.append((time.monotonic(), reader, writer))
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            self.failed[repr(error)[:80]] += 1

    async def _connection(self) -> tuple[StreamReader, StreamWriter]:
        self._forget(IDLE_S)
        if self._idle:
            return self._idle.pop()[1:]
        return await asyncio.open_connection("127.0.0.1", self._port)

    def _forget(self, idle_s: float) -> None:
        """Close what has been idle for so long: a proxy may close it just when we ask."""
        while self._idle and time.monotonic() - self._idle[0][0] >= idle_s:
            self._idle.pop(0)[2].close()


async def _page(reader: StreamReader) -> str:
    """Read a whole answer; return who served it. Raises `ValueError` if it is no page."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status, *lines = head.splitlines()
    if status.split()[1] != b"200":
        raise ValueError(status.decode("latin-1"))
    by = next((line[len(SERVED_BY) :] for line in lines if line.startswith(SERVED_BY)), b"?")
    if b"transfer-encoding: chunked" in lines:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
    else:
        length = next(line for line in lines if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
    return by.decode()
