"""Waits until guests accept connections. Shell module."""

import asyncio
from functools import partial

from exchange.log import log
from hostagent.core import log_events
from hostagent.core.knocks import Knocks
from hostagent.core.ports import GuestHangs, GuestReady, Hypervisor, HypervisorError, Result
from hostagent.machine.calls import Calls, HangsError
from hostagent.machine.forwarder import CONNECT_TIMEOUT_S, LOOPBACK, Forwarder

WATCH_EVERY_S = 0.2
HANGS_AGAIN_S = 5.0
GUEST_ANSWER_S = 0.2
"""How long a guest gets to answer a connection before QEMU's table is asked about it."""


class GuestWatch:
    """Watches each guest in a task of its own.

    ``simulated``: the guests are not real, so that nobody can connect to one.
    """

    def __init__(
        self, hypervisor: Hypervisor, calls: Calls, forwarder: Forwarder, simulated: bool
    ) -> None:
        self._hypervisor = hypervisor
        self._calls = calls
        self._forwarder = forwarder
        self._simulated = simulated
        self._watching: dict[str, asyncio.Task[bool]] = {}
        self._unknown: set[str] = set()
        """The VMs of which nobody could tell, when last asked, whether they serve."""

    async def wait(self, vm_id: str) -> Result | None:
        """Wait until the guest accepts connections, or until the VM is destroyed."""
        self.stop(vm_id)
        if self._forwarder.first_inner_port(vm_id) is None:
            return None
        task = asyncio.create_task(self._until_ready(vm_id))
        self._watching[vm_id] = task
        await asyncio.wait([task])
        if task.cancelled():
            return None
        return GuestReady(vm_id) if task.result() else GuestHangs(vm_id)

    def stop(self, vm_id: str) -> None:
        task = self._watching.pop(vm_id, None)
        if task is not None:
            task.cancel()

    def forget(self, vm_id: str) -> None:
        """The VM is gone."""
        self.stop(vm_id)
        self._unknown.discard(vm_id)

    def close(self) -> None:
        for task in self._watching.values():
            task.cancel()

    async def _until_ready(self, vm_id: str) -> bool:
        """Return True once the guest serves, False after a while if QEMU does not answer."""
        clock = asyncio.get_running_loop().time
        knocks = Knocks(clock())
        while True:
            try:
                if await self._accepts(vm_id, knock=knocks.due(clock())):
                    return True
            except HangsError as error:
                self._not_told(vm_id, error)
                await asyncio.sleep(HANGS_AGAIN_S)
                return False
            await asyncio.sleep(WATCH_EVERY_S)

    async def _accepts(self, vm_id: str, knock: bool) -> bool:
        """Ask the hypervisor whether the guest took a connection to its first port, a new one if
        ``knock``."""
        inner_port = self._forwarder.first_inner_port(vm_id)
        if inner_port is None:
            return False
        if self._simulated or not knock:
            return await self._guest_accepts(vm_id)
        try:
            connecting = asyncio.open_connection(LOOPBACK, inner_port)
            _, writer = await asyncio.wait_for(connecting, CONNECT_TIMEOUT_S)
        except (OSError, TimeoutError):
            return False
        try:
            await asyncio.sleep(GUEST_ANSWER_S)
            return await self._guest_accepts(vm_id)
        finally:
            writer.transport.abort()

    async def _guest_accepts(self, vm_id: str) -> bool:
        try:
            asked = partial(self._hypervisor.guest_accepts, vm_id)
            accepts = await self._calls.call("guest_accepts", vm_id, asked)
        except HangsError:
            raise
        except HypervisorError as error:
            self._not_told(vm_id, error)
            return False
        self._unknown.discard(vm_id)
        return accepts

    def _not_told(self, vm_id: str, error: HypervisorError) -> None:
        """Say it once until there is an answer: it is asked twice a second."""
        if vm_id not in self._unknown:
            self._unknown.add(vm_id)
            log.write(log_events.vm_trouble(vm_id, "ready_unknown", f"ready or not? {error}"))
