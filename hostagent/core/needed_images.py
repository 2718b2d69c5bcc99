"""Which images VMs wait for: those are kept, whatever else needs their room. Pure."""

from collections.abc import Mapping

from hostagent.core.ports import NeedImages, Out
from hostagent.core.vm import Vm


class NeededImages:
    """Tells of a change once."""

    def __init__(self) -> None:
        self._told: frozenset[str] = frozenset()

    def news(self, vms: Mapping[str, Vm]) -> list[Out]:
        """Return what to do now that ``vms`` are as they are; one that is up has its own disk."""
        waiting = (vm for vm in vms.values() if vm.domain != "up" and not vm.ended)
        needed = frozenset(vm.spec.image for vm in waiting)
        if needed == self._told:
            return []
        self._told = needed
        return [NeedImages(needed)]
