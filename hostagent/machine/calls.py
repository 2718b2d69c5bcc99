"""Blocking calls, each with its time limit, a lane for each VM. Shell module.

A call that does not return in time is given up: its thread is left to itself, since nothing can end
it, and the caller hears a `HypervisorError`. Since each call has a connection of its own, a QEMU
that hangs costs its own VM its calls, and the other VMs nothing.
"""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from exchange.log import log
from hostagent.core import log_events
from hostagent.core.ports import HypervisorError
from hostagent.machine.lanes import Lanes

Name: TypeAlias = Literal[
    "start",
    "shutdown",
    "destroy",
    "keep_notes",
    "own",
    "observe",
    "guest_accepts",
    "console",
    "close",
    "boot_files",
    "forget_vm",
]

LIMITS_S: Final[dict[Name, float]] = {
    "start": 120.0,
    "shutdown": 10.0,
    "destroy": 30.0,
    "keep_notes": 10.0,
    "own": 10.0,
    "observe": 30.0,
    "guest_accepts": 5.0,
    "console": 10.0,
    "close": 2.0,
    # Longer than qemu-img's own limits together, which tell more.
    "boot_files": 6000.0,
    "forget_vm": 60.0,
}
STUCK_PER_LANE: Final = 2
"""Calls of one VM that may hang at a time; beyond them only `destroy` is still tried."""
STUCK_MAX: Final = 64
EVERYBODY: Final = ""
"""The lane of calls that are about no VM in particular."""
_T = TypeVar("_T")


class HangsError(HypervisorError):
    """A call was given up, or not begun beside others that hang. It may still come about."""


class Calls:
    """``limits_s``: in place of `LIMITS_S`."""

    def __init__(self, limits_s: dict[Name, float] | None = None) -> None:
        self._limits_s = {**LIMITS_S, **(limits_s or {})}
        self._lanes = Lanes()
        self._stuck: Counter[str] = Counter()

    async def call(self, name: Name, vm_id: str, blocking: Callable[[], _T]) -> _T:
        """Return what ``blocking`` returns; one after the other for each VM.

        Raises what it raises, and `HypervisorError` when it does not return in time.
        """
        async with self._lanes.turn(vm_id):
            self._check(name, vm_id)
            return await self._limited(name, vm_id, blocking)

    def _check(self, name: Name, vm_id: str) -> None:
        stuck, everywhere = self._stuck[vm_id], self._stuck.total()
        if everywhere >= STUCK_MAX or (stuck >= STUCK_PER_LANE and name != "destroy"):
            of = f"of {vm_id} " if vm_id else ""
            raise HangsError(f"{name}: not asked, {stuck or everywhere} calls {of}still hang")

    async def _limited(self, name: Name, vm_id: str, blocking: Callable[[], _T]) -> _T:
        limit_s = self._limits_s[name]
        running = _Running(asyncio.get_running_loop(), blocking, lambda: self._came_back(vm_id))
        # Not a pool's: a pool waits for its threads when the agent ends.
        threading.Thread(target=running.work, name=f"{name} {vm_id}", daemon=True).start()
        await asyncio.wait([running.done], timeout=limit_s)
        if running.done.done():
            return running.done.result()
        running.given_up = True
        self._stuck[vm_id] += 1
        log.write(log_events.call_hangs(name, vm_id, limit_s))
        raise HangsError(f"{name} did not return within {limit_s:g} s")

    def _came_back(self, vm_id: str) -> None:
        self._stuck[vm_id] -= 1
        if self._stuck[vm_id] == 0:
            del self._stuck[vm_id]


class _Running(Generic[_T]):
    """One call in a thread of its own. ``late``: it returned after it was given up."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        blocking: Callable[[], _T],
        late: Callable[[], None],
    ) -> None:
        self.done: asyncio.Future[_T] = loop.create_future()
        self.given_up = False
        self._loop = loop
        self._blocking = blocking
        self._late = late

    def work(self) -> None:
        try:
            tell = partial(self.done.set_result, self._blocking())
        except Exception as error:  # noqa: BLE001  Whoever waits is to hear it, whatever it is.
            tell = partial(self.done.set_exception, error)
        with contextlib.suppress(RuntimeError):  # The agent has ended meanwhile.
            self._loop.call_soon_threadsafe(self._returned, tell)

    def _returned(self, tell: Callable[[], None]) -> None:
        if self.given_up:
            self._late()
        elif not self.done.done():
            tell()
