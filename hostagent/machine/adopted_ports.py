"""Ports of VMs that an agent before this one started. Shell module.

They stay their VM's also while somebody else listens on one: every look tries again.
"""

from exchange.log import log
from hostagent.core import log_events
from hostagent.core.policy import Policy
from hostagent.core.ports import ObservedDomain
from hostagent.machine.forwarder import Counted, Forwarder, ForwardError


class AdoptedPorts:
    """``unreached``: by VM, its ports that cannot be bound now."""

    def __init__(self, forwarder: Forwarder, policy: Policy) -> None:
        self._forwarder = forwarder
        self._policy = policy
        self.unreached: dict[str, list[int]] = {}

    async def listen(self, domain: ObservedDomain) -> None:
        """Listen on all ports of ``domain`` on which nobody listens yet."""
        notes, spec = domain.notes, domain.spec
        if self._forwarder.is_open(spec.vm_id) and not self._forwarder.missing(spec.vm_id):
            return
        base = Counted(notes.net_rx_total, notes.net_tx_total)
        bytes_s = self._policy.rates.net_bytes_s(spec.shape.mvcpu)
        try:
            missing = await self._forwarder.resume(
                spec.vm_id, domain.forwards, spec.allow_from, base, bytes_s
            )
        except ForwardError as error:
            missing = [one.public_port for one in domain.forwards]
            why = f"not to be reached: {error}"
        else:
            why = f"not to be reached on {missing}, which others use; it is tried again"
        self._note(spec.vm_id, missing, why)

    def forget(self, vm_id: str) -> None:
        self.unreached.pop(vm_id, None)

    def _note(self, vm_id: str, missing: list[int], why: str) -> None:
        """Say it when it changes."""
        before = self.unreached.pop(vm_id, [])
        if missing:
            self.unreached[vm_id] = missing
        if missing and missing != before:
            log.write(log_events.vm_trouble(vm_id, "unreached", why))
        elif before and not missing:
            log.write(log_events.reached_again(vm_id))
