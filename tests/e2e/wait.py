"""Waiting with a deadline, and HTTP as a guest's visitor speaks it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from exchange.client import Client, Event

T = TypeVar("T")
POLL_S = 0.2
GUEST_S = 240.0
"""A guest boots in seconds, but emulated, on a busy machine, it may take minutes."""


async def eventually(ask: Callable[[], Awaitable[T | None]], timeout_s: float, what: str) -> T:
    """Ask until the answer is not None; an `AssertionError` names ``what`` did not come about."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        answer = await ask()
        if answer is not None:
            return answer
        await asyncio.sleep(POLL_S)
    raise AssertionError(f"not within {timeout_s:.0f} s: {what}")


async def event(client: Client, wanted: Callable[[Event], bool], timeout_s: float) -> Event:
    """Return the first event that is ``wanted``; those before it are dropped."""
    async with asyncio.timeout(timeout_s):
        async for found in client.events():
            if wanted(found):
                return found
    raise AssertionError("the client was closed")


async def http_get(
    address: str, port: int, path: str = "/", limit_s: float = 30.0
) -> tuple[int, str]:
    """Return the status and body of one request."""
    async with asyncio.timeout(limit_s):
        reader, writer = await asyncio.open_connection(address, port)
        try:
            writer.write(f"GET {path} HTTP/1.0\r\nHost: guest\r\n\r\n".encode())
            answer = (await reader.read()).decode()
        finally:
            writer.close()
            await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body


async def virsh(*arguments: str) -> str:
    """Return what virsh prints about the system's domains."""
    process = await asyncio.create_subprocess_exec(
        "virsh", "--connect", "qemu:///system", *arguments, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    return out.decode()
