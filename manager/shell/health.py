"""Probes whether a server is healthy, before it gets traffic. Shell."""

import asyncio
from typing import Final

from manager.shell.http_get import get

LIMIT_S: Final = 2.0
MAX_PAGE: Final = 64 * 1024
HTTP_OK: Final = 200


async def is_healthy(address: str, port: int, health: str) -> bool:
    """Tell whether the server answers 200 at the path ``health``, or accepts TCP if it is ""."""
    host = f"[{address}]" if ":" in address else address
    try:
        if health:
            status, _ = await get(f"http://{host}:{port}{health}", LIMIT_S, MAX_PAGE)
            return status == HTTP_OK
        async with asyncio.timeout(LIMIT_S):
            _, writer = await asyncio.open_connection(address, port)
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return True
