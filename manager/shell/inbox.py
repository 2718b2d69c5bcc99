"""What waits for the core: messages, and calls by the administrator. Shell."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

from manager.core.core import Manager
from manager.core.messages import ManagerMessage, Out

INBOX_MAX: Final = 10_000


class Work(Struct, eq=False):
    """``call`` gets the core and the time; ``done`` is set when its outs are carried out."""

    call: Callable[[Manager, int], list[Out]]
    done: asyncio.Future[None]

    def tell(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


Inbox: TypeAlias = asyncio.Queue[ManagerMessage | Work]


class Version:
    """Counts the steps of the core, and lets readers wait for the next one."""

    def __init__(self) -> None:
        self.number = 0
        self._event = asyncio.Event()

    def step(self) -> None:
        self.number += 1
        self._event.set()
        self._event = asyncio.Event()

    async def after(self, number: int, limit_s: float) -> int:
        """Return the number when it is another one, at the latest after ``limit_s``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while self.number == number:
                    await self._event.wait()
        return self.number
