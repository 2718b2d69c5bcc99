"""Reads of guests' consoles that are under way. Pure."""

from exchange.wire.console_requests import ConsoleText
from exchange.wire.instructions import ConsoleRead
from exchange.wire.types import CONSOLE_READS_MAX
from hostagent.core.console import ConsolePart
from hostagent.core.ports import ConsoleSeen, Out, ReadConsole, Send


def console_seen(read_id: str, part: ConsolePart | None) -> ConsoleSeen:
    if part is None:
        return ConsoleSeen(read_id, None)
    return ConsoleSeen(read_id, part.text, part.next, part.gap)


class Consoles:
    """Bounds the reads under way, and answers every one that was asked for."""

    def __init__(self) -> None:
        self._reads: dict[str, None] = {}

    def read(self, order: ConsoleRead, known: bool) -> Out:
        """Return what to do about ``order``; ``known``: its VM is here, and ours to show."""
        if not known or len(self._reads) >= CONSOLE_READS_MAX:
            # No text, but at once: a buyer waits for it.
            return Send(ConsoleText(read_id=order.read_id))
        self._reads[order.read_id] = None
        return ReadConsole(order.read_id, order.vm_id, order.lines, order.after)

    def seen(self, message: ConsoleSeen) -> Out:
        self._reads.pop(message.read_id, None)
        return Send(
            ConsoleText(
                read_id=message.read_id, text=message.text, next=message.next, gap=message.gap
            )
        )
