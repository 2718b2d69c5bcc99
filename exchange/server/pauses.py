"""An event loop that knows how long it was busy at once: meanwhile the exchange does nothing else.
Shell.

Waiting for the disk is no such pause: threads do that, as they do commits and checkpoints. But what
a thread keeps from the loop, the interpreter's lock, makes one longer.
"""

import asyncio
import gc
import selectors
import sys
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any, Final, TypeVar

LEAST_S: Final = 0.005
"""Shorter ones are not told."""
SWITCH_S: Final = 0.0005
"""How long a thread beside the loop may keep the interpreter's lock when the loop wants it. By
Python's 5 ms each write to a socket could take that long while the history is followed."""

T = TypeVar("T")


class _Watched(selectors.DefaultSelector):
    """``told`` gets the seconds from one look at the sockets to the next, in the loop's thread."""

    def __init__(self) -> None:
        super().__init__()
        self.told: Callable[[float], None] | None = None
        self._woken_s = perf_counter()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        busy_s = perf_counter() - self._woken_s
        if busy_s >= LEAST_S and self.told is not None:
            self.told(busy_s)
        found = super().select(timeout)
        self._woken_s = perf_counter()
        return found


class WatchedLoop(asyncio.SelectorEventLoop):
    """Like any event loop; `tell` says who hears of its pauses."""

    def __init__(self) -> None:
        self._watched = _Watched()
        super().__init__(self._watched)

    def tell(self, told: Callable[[float], None]) -> None:
        self._watched.told = told


def tell(told: Callable[[float], None]) -> None:
    """Let ``told`` get the length of each pause from now on, in seconds, if this loop knows it."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, WatchedLoop):
        loop.tell(told)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, in a `WatchedLoop`."""
    with asyncio.Runner(loop_factory=WatchedLoop) as runner:
        return runner.run(main)


def avoid() -> None:
    """Let nothing of the interpreter's own hold the loop for long: called when all is loaded.

    Garbage is collected by `watch.Garbage` from here on, which does not walk what is frozen here.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(SWITCH_S)
