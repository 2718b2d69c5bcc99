"""Reports VMs to the exchange until it confirms each report.

Pure. A status or a usage report is a request: the exchange acknowledges it when it is durable.
Until then it counts as unreported and goes again, at the next heartbeat or after the next login.
Instructions are confirmed when what they ask for has come about; before that the exchange sends
them again, which changes nothing.
"""

from msgspec.structs import replace

from exchange.wire.frames import Ack, ErrorReply
from exchange.wire.requests import HostDone, VmStatus
from hostagent.core.offer import Offer
from hostagent.core.outbox import RETRY_REASONS, Outbox, Pending
from hostagent.core.ports import Out, Send
from hostagent.core.vm import Vm


class Reporter:
    """Appends what is to be sent to the ``out`` it is given; says nothing while unconnected."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._outbox = Outbox()
        self.connected = False
        self.unapproved = False

    def link_up(self, vms: dict[str, Vm], out: list[Out]) -> None:
        self.link_down(vms)
        self.connected = True
        for vm in vms.values():
            vm.connected = True
        self._offer.forget_announced()
        self.announce(out)

    def link_down(self, vms: dict[str, Vm]) -> None:
        """Whatever was not acknowledged may not have arrived: all of it goes again."""
        self.connected = False
        self._outbox.clear()
        for vm in vms.values():
            vm.unreported = True
            vm.meter.reported = None

    def announce(self, out: list[Out]) -> None:
        if self.connected and self._offer.changed():
            out.append(Send(self._offer.announcement(self._outbox.open("announce"))))

    def tell(self, vm: Vm, out: list[Out]) -> None:
        """Send the VM's state unless it is known or under way, and confirm what came about."""
        if not self.connected or vm.disowned:
            return
        state = _reported_state(vm)
        if vm.unreported and not self._outbox.waits("status", vm.spec.vm_id, state):
            if vm.ended:
                self.usage(vm, out)
            out.append(Send(_status(vm, self._outbox.open("status", vm.spec.vm_id, state))))
        self._confirm(vm, out)

    def has_news(self, vms: dict[str, Vm]) -> bool:
        """Tell whether the next heartbeat brings more than itself."""
        if self.unapproved or self._offer.changed():
            return True
        return any(vm.unreported or vm.launches or vm.kills for vm in vms.values())

    def usage(self, vm: Vm, out: list[Out]) -> None:
        """Send the counters when they are newer than those sent before."""
        if not self.connected or vm.disowned or not vm.meter.has_news():
            return
        report = vm.meter.report(self._outbox.open("usage", vm.spec.vm_id), vm.spec.vm_id)
        out.append(Send(replace(report, at_ms=vm.clock.theirs(report.at_ms))))

    def answered(self, answer: Ack | ErrorReply, vms: dict[str, Vm]) -> Vm | None:
        """Take an answer in; return the VM that the exchange now knows to have ended."""
        pending = self._outbox.close(answer.req_id)
        if pending is None:
            return None
        again = _reason(answer) in RETRY_REASONS
        if pending.about == "announce":
            # Until the owner approves this host, it keeps asking.
            self.unapproved = _reason(answer) == "not_approved"
            if again or self.unapproved:
                self._offer.forget_announced()
            return None
        vm = vms.get(pending.vm_id)
        if vm is None:
            return None
        _note_answer(vm, pending, again)
        known = vm.ended and not vm.unreported and not self._outbox.waits_for(vm.spec.vm_id)
        return vm if known else None

    def _confirm(self, vm: Vm, out: list[Out]) -> None:
        if vm.state == "running":
            _confirm_all(vm.launches, True, None, out)
        elif vm.ended:
            _confirm_all(vm.launches, vm.state == "stopped", vm.reason, out)
            _confirm_all(vm.kills, True, None, out)


def _reason(answer: Ack | ErrorReply) -> str | None:
    return answer.reason if isinstance(answer, ErrorReply) else None


def _note_answer(vm: Vm, pending: Pending, again: bool) -> None:
    if pending.about == "usage" and again:
        vm.meter.reported = None
    # An answer about a state that has been left since says nothing about the state now.
    if pending.about == "status" and pending.state == _reported_state(vm) and not again:
        vm.unreported = False


def _confirm_all(ids: list[str], ok: bool, reason: str | None, out: list[Out]) -> None:
    for instruction_id in ids:
        done = HostDone(instruction_id=instruction_id, ok=ok, reason=None if ok else reason)
        out.append(Send(done))
    ids.clear()


def _status(vm: Vm, req_id: int) -> VmStatus:
    return VmStatus(
        req_id=req_id,
        vm_id=vm.spec.vm_id,
        state=vm.state,
        reason=vm.reason,
        ready_ms=vm.ready_ms,
        endpoints=vm.endpoints,
    )


def _reported_state(vm: Vm) -> str:
    return f"{vm.state}/{vm.reason}/{vm.ready_ms}"
