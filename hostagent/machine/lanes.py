"""Turns: what is about the same VM is done one after the other. Shell module."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Lanes:
    """A lane for each VM that somebody wants a turn for; those nobody wants are forgotten."""

    def __init__(self) -> None:
        self._lanes: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def turn(self, vm_id: str) -> AsyncIterator[None]:
        """Wait for the turns asked for before, and have one."""
        lock, users = self._lanes.get(vm_id, (asyncio.Lock(), 0))
        self._lanes[vm_id] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._lanes.pop(vm_id)
            if users > 1:
                self._lanes[vm_id] = lock, users - 1
