"""Scripts what goes wrong on a hypervisor in memory: calls that fail, hang or are slow. Pure.

What happens to a domain by itself or by somebody, such as a crash or a full disk, is
`MemoryHypervisor.show` and `vanish`.
"""

from collections.abc import Callable

from msgspec import Struct

from hostagent.core.ports import HYPERVISOR_LOST, HypervisorError


class Fault(Struct, frozen=True):
    """The next ``times`` calls of ``call`` for ``vm_id`` go wrong; "" is any call, or any VM.

    ``wait`` comes first: while it does not return, the call hangs. Then ``error``, if any, is
    raised with ``reason``.
    """

    call: str = ""
    vm_id: str = ""
    times: int = 1
    error: str | None = None
    reason: str = "start_failed"
    wait: Callable[[], None] | None = None


def lost(times: int) -> Fault:
    """Return the fault of a libvirt that is away for so many calls."""
    return Fault(times=times, error="libvirt is away", reason=HYPERVISOR_LOST)


class Script:
    """A `FaultPlan`; of several faults that fit a call the first comes first."""

    def __init__(self, *faults: Fault) -> None:
        self._left: list[tuple[Fault, int]] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        self._left.append((fault, fault.times))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._left.clear()

    def __call__(self, call: str, vm_id: str) -> None:
        for at, (fault, left) in enumerate(self._left):
            if fault.call in ("", call) and fault.vm_id in ("", vm_id):
                self._left[at : at + 1] = [(fault, left - 1)] if left > 1 else []
                _happen(fault)
                return


def _happen(fault: Fault) -> None:
    if fault.wait is not None:
        fault.wait()
    if fault.error is not None:
        raise HypervisorError(fault.error, fault.reason)
