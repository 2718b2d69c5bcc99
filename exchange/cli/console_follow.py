"""Follows a VM's serial console: prints what is new until the VM ends or Ctrl-C. Shell.

It asks again and again, giving back where the last answer ended: nobody keeps anything for a
follower, and an outage of the exchange or its host costs no line.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from exchange.client import Client, Refused, Unknown
from exchange.wire.console_requests import VmConsole

BUSY_PAUSE_S: Final = 0.1
"""Between two parts of a console that has more."""
IDLE_PAUSE_S: Final = 0.5
SILENT_PAUSE_S: Final = 2.0
_WAITED_FOR: Final = frozenset({"no_console", "host_unreachable", "busy", "rate_limited"})


class CannotFollow(Exception):  # noqa: N818 - read as an answer
    """``str(error)`` is one line."""


async def follow(
    client: Client, request: VmConsole, show: Callable[[Any], None], say: Callable[[str], None]
) -> None:
    """``show`` gets each answer that has text, ``say`` each line about what it waits for.

    Returns when the VM has ended. Raises `Refused` when there was no such VM, `CannotFollow`.
    """
    after, waits = "", ""
    while True:
        try:
            part, trouble, pause_s = await _part(client, _asking(request, after))
        except Refused as error:
            if error.reason == "unknown_vm" and (after or waits):
                say(f"{request.vm_id} has ended")
                return
            raise
        if part is not None:
            after = _next(part)
            if part["text"]:
                show(part)
        if trouble != waits:
            say(f"{request.vm_id}: {trouble}; waiting" if trouble else f"{request.vm_id}: going on")
            waits = trouble
        await asyncio.sleep(pause_s)


async def _part(client: Client, request: VmConsole) -> tuple[dict[str, Any] | None, str, float]:
    """Return (the answer, why there is none yet, seconds to wait before the next request).

    Raises `Refused` when there will be none.
    """
    try:
        part = await client.request(request)
    except Refused as error:
        if error.reason not in _WAITED_FOR and not error.later:
            raise
        return None, error.message, max(SILENT_PAUSE_S, error.retry_after_s)
    except Unknown as error:
        return None, str(error), SILENT_PAUSE_S
    return part, "", BUSY_PAUSE_S if part["text"] else IDLE_PAUSE_S


def _asking(request: VmConsole, after: str) -> VmConsole:
    return VmConsole(req_id=1, vm_id=request.vm_id, lines=request.lines, after=after)


def _next(part: dict[str, Any]) -> str:
    if "next" not in part:
        raise CannotFollow("the agent of the VM's host is too old for its console to be followed")
    return str(part["next"])
