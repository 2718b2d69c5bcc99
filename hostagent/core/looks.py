"""When the hypervisor is looked at: every few seconds, and soon after a hint. Pure."""

from collections.abc import Mapping
from typing import Final

from hostagent.core.vm import Vm

STOPPING_MS: Final = 1_000
"""While a guest is asked to power off: the buyer pays until it has."""
HINT_MS: Final = 300
"""Not at once: a guest that restarts may be seen to stop first."""


class Looks:
    """``every_ms``: how long after one look the next one is due, at most."""

    def __init__(self, every_ms: int) -> None:
        self._every_ms = every_ms
        self._due_ms: int | None = None
        self._hint_due_ms: int | None = None

    @property
    def due_ms(self) -> int | None:
        """None before the first one."""
        if self._due_ms is None or self._hint_due_ms is None:
            return self._due_ms
        return min(self._due_ms, self._hint_due_ms)

    def begin(self, now_ms: int, vms: Mapping[str, Vm]) -> None:
        self.done(now_ms, vms)
        self._hint_due_ms = None

    def done(self, now_ms: int, vms: Mapping[str, Vm]) -> None:
        """A hint still counts: this look may have been taken before what it hints at."""
        self._due_ms = now_ms + self._pause_ms(vms)

    def hurry(self, now_ms: int, vms: Mapping[str, Vm]) -> None:
        """A VM begins to stop."""
        if self._due_ms is not None:
            self._due_ms = min(self._due_ms, now_ms + self._pause_ms(vms))

    def pass_over(self, now_ms: int) -> None:
        """Leave out those up to ``now_ms``, for virtual time: nothing would be seen."""
        if self._due_ms is not None and self._due_ms <= now_ms:
            self._due_ms += ((now_ms - self._due_ms) // self._every_ms + 1) * self._every_ms

    def hint(self, now_ms: int) -> None:
        """Something may have happened. Several hints make one look."""
        if self._hint_due_ms is None:
            self._hint_due_ms = now_ms + HINT_MS

    def _pause_ms(self, vms: Mapping[str, Vm]) -> int:
        stopping = any(vm.state == "stopping" for vm in vms.values())
        return min(STOPPING_MS, self._every_ms) if stopping else self._every_ms
