"""Console reads: forwarded to the VM's host, its answer returned to the buyer. Pure.

Open reads are in `session.consoles`. Source: protocol.md, "Leases and VMs"; rules.md 7.2.
"""

from typing import Any, Final

from exchange.gateway.context import Context
from exchange.session.consoles import Read
from exchange.session.session import Session
from exchange.units import MS_PER_SECOND
from exchange.wire.console_requests import ConsoleText, VmConsole
from exchange.wire.results import Refused
from exchange.wire.text import console_end, console_piece

ANSWER_MS: Final = 10 * MS_PER_SECOND


_AWAY: Final = Refused("host_unreachable", "the VM's host is not connected")


_MUTE: Final = Refused("host_unreachable", f"the host did not answer within {ANSWER_MS} ms")


_NOTHING: Final = Refused("no_console", "the host shows no console of this VM", "vm_id")


def read(context: Context, session: Session, message: VmConsole, now_ms: int) -> None:
    """A buyer wants to see a console: ask the host that runs the VM."""
    host_id = context.engine.vm_host(session.account, message.vm_id)
    if isinstance(host_id, Refused):
        context.refuse(session, message, host_id)
        return
    host = context.instructions.session(host_id)
    if host is None or host.closing:
        context.refuse(session, message, _AWAY)
        return
    asked = Read(session, message, now_ms + ANSWER_MS)
    order = context.consoles.begin(host, asked, context.engine.epoch)
    if isinstance(order, Refused):
        context.refuse(session, message, order)
    else:
        context.outbox.send(host, order)


def answer(context: Context, session: Session, message: ConsoleText, now_ms: int) -> None:
    """A host answers, perhaps with more than was asked; an answer that comes too late is
    dropped."""
    found = context.consoles.end(session, message.read_id)
    if found is None or found.session.closing:
        return
    if message.text is None:
        context.refuse(found.session, found.request, _NOTHING)
    else:
        result = _shown(found.request, message)
        found.session.unpaid += len(result["text"])
        context.ack(found.session, found.request, result)


def _shown(request: VmConsole, message: ConsoleText) -> dict[str, Any]:
    text = message.text or ""
    whole = request.after and not message.gap
    shown = console_piece(text) if whole else console_end(text, request.lines)
    result: dict[str, Any] = {"vm_id": request.vm_id, "text": shown}
    if request.after is not None and message.next is not None:
        result["next"] = message.next
        if message.gap:
            result["gap"] = True
    return result


def cut_off(context: Context, host: Session) -> None:
    """A host's connection is gone."""
    _refuse(context, context.consoles.end_all(host), _AWAY)


def advance(context: Context, now_ms: int) -> None:
    """Refuse the reads that no host has answered in time."""
    _refuse(context, context.consoles.end_overdue(now_ms), _MUTE)


def _refuse(context: Context, reads: list[Read], why: Refused) -> None:
    for found in reads:
        if not found.session.closing:
            context.refuse(found.session, found.request, why)
