"""Reads of guests' consoles, relayed live from a buyer to the host and back. Pure.

Nothing here is journalled or part of the engine's state: a read that is under way when the exchange
stops is lost with its connection. Each read ends once: with the host's first answer, with the end
of the host's connection, or when it is overdue. Source: protocol.md, "Leases and VMs"; rules.md
7.2; docs/decisions/0031-console-relay.md.
"""

from typing import Final

from msgspec import Struct

from exchange.session.session import Session
from exchange.units import MS_PER_SECOND
from exchange.wire.console_requests import VmConsole
from exchange.wire.instructions import ConsoleRead
from exchange.wire.results import Refused
from exchange.wire.types import CONSOLE_READS_MAX

PER_VM_MAX: Final = 2
"""Open reads of one VM, so that its buyer leaves room for the other buyers of its host."""
RETRY_MS: Final = MS_PER_SECOND


class Read(Struct):
    """``session`` waits for the answer to ``request``."""

    session: Session
    request: VmConsole
    due_ms: int


class Consoles:
    """Reads that each host's connection has not answered yet, oldest first."""

    def __init__(self) -> None:
        self._reads: dict[int, dict[str, Read]] = {}
        """Open reads by the number of the host's session; hosts without open reads are not in
        it."""
        self._last = 0

    def begin(self, host: Session, read: Read, epoch: int) -> ConsoleRead | Refused:
        """Return the request to send to the host, or the reason to refuse the read.

        A read stays open when its buyer disconnects: reconnecting must not get around the limits.
        """
        reads = self._reads.get(host.number, {})
        vm_id = read.request.vm_id
        of_vm = sum(other.request.vm_id == vm_id for other in reads.values())
        if of_vm >= PER_VM_MAX or len(reads) >= CONSOLE_READS_MAX:
            text = f"at most {PER_VM_MAX} reads of a VM and {CONSOLE_READS_MAX} of a host at a time"
            return Refused("busy", text, None, RETRY_MS)
        self._last += 1
        # The id has the epoch in it, so that an answer to an earlier run is not taken for another
        # read's.
        read_id = f"c-{epoch}-{self._last}"
        self._reads.setdefault(host.number, {})[read_id] = read
        return ConsoleRead(read_id, vm_id, read.request.lines, read.request.after)

    def end(self, host: Session, read_id: str) -> Read | None:
        """Return the read that the host answers, once; None when no such read is open."""
        reads = self._reads.get(host.number, {})
        read = reads.pop(read_id, None)
        if not reads:
            self._reads.pop(host.number, None)
        return read

    def end_all(self, host: Session) -> list[Read]:
        """The host's connection is gone: return its open reads, which it will never answer."""
        return list(self._reads.pop(host.number, {}).values())

    def end_overdue(self, now_ms: int) -> list[Read]:
        """Return the reads that have waited long enough."""
        overdue: list[Read] = []
        for number, reads in list(self._reads.items()):
            late = [read_id for read_id, read in reads.items() if read.due_ms <= now_ms]
            overdue += [reads.pop(read_id) for read_id in late]
            if not reads:
                del self._reads[number]
        return overdue

    def next_deadline_ms(self) -> int | None:
        """Return when the first read is overdue; of each host the oldest is the first."""
        due = (next(iter(reads.values())).due_ms for reads in self._reads.values())
        return min(due, default=None)
