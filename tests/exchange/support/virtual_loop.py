"""An event loop whose clock jumps to the next timer when nothing can be read or written.

Sockets are real, both ends in this loop; loopback hands bytes over before the jump. So hours of
timeouts and pauses run in seconds, through the same library and kernel as in earnest.
"""

import asyncio
import gc
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
NOTHING_MORE_S = 5.0
"""So long nothing at all may be due; then the test waits for what never comes."""


class _Jumping(selectors.DefaultSelector):
    """``now_s``: the loop's clock. ``longest_turn_s``: CPU time of the longest turn of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.longest_turn_s = 0.0
        self._turn_began_s: float | None = None

    def select(self, timeout: float | None = None) -> list[Any]:
        if self._turn_began_s is not None:
            turn_s = time.thread_time() - self._turn_began_s
            self.longest_turn_s = max(self.longest_turn_s, turn_s)
        ready = super().select(NOTHING_MORE_S if timeout is None else 0)
        assert ready or timeout is not None, "nothing is due, ever"
        if not ready and timeout:
            self.now_s += timeout
        self._turn_began_s = time.thread_time()
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.jumping = _Jumping()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.now_s

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        """Run ``func`` at once: the clock would jump while a thread works."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
            done.set_exception(error)
        return done


def run_virtual(main: Coroutine[Any, Any, T]) -> tuple[T, VirtualLoop]:
    """Run ``main`` to its end; returns its result and the loop, for what it measured."""
    made: list[VirtualLoop] = []
    # What the tests before left is not for a turn of this loop to look through.
    gc.collect()
    gc.freeze()

    def make() -> VirtualLoop:
        made.append(VirtualLoop())
        return made[0]

    try:
        with asyncio.Runner(loop_factory=make) as runner:
            return runner.run(main), made[0]
    finally:
        gc.unfreeze()
