"""A page on loopback, as some other side serves it: well, badly or never to its end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

Body = bytes | Callable[[], bytes]


@asynccontextmanager
async def page(
    body: Body, status: int = 200, headers: str = "", drips: bytes = b""
) -> AsyncIterator[str]:
    """Serve ``body`` at the address that is yielded; ``drips``: repeated for ever after it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            text = body() if callable(body) else body
            length = "" if drips else f"Content-Length: {len(text)}\r\n"
            head = f"HTTP/1.1 {status} X\r\n{length}{headers}Connection: close\r\n\r\n"
            writer.write(head.encode() + text)
            while drips:
                writer.write(drips)
                await writer.drain()
                await asyncio.sleep(0.01)
            await writer.drain()
        except OSError:
            pass  # the other side has had enough
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/page"
