"""Reading a guest's console: what its buyer asks for, and what the host answers.

As in ``requests.py``, the class name is the CamelCase of the wire tag.
"""

from typing import Annotated

from msgspec import Meta

from exchange.wire.types import (
    CONSOLE_LINES_MAX,
    MAX_FRAME_BYTES,
    ConsoleAfter,
    Cursor,
    Name,
    Report,
    Request,
)


class VmConsole(Request, tag="vm.console", frozen=True):
    """Read the last ``lines`` lines of the own VM's serial console, live from its host. With
    ``after``, the ``next`` of the answer before, what was written since; "" to begin with."""

    vm_id: Name
    lines: Annotated[int, Meta(ge=1, le=CONSOLE_LINES_MAX)]
    after: ConsoleAfter | None = None


class ConsoleText(Report, tag="console.text", frozen=True):
    """Answer to `ConsoleRead`; without ``text`` the host shows no console of that VM. Control
    characters but newline and tab go, and what is longer than the buyer asked for, or than 32,000
    bytes of UTF-8, is cut. ``next`` and ``gap`` only where ``after`` was asked: where to go on, and
    that what followed ``after`` is no longer there: these are the last lines instead."""

    read_id: Name
    text: Annotated[str, Meta(max_length=MAX_FRAME_BYTES)] | None = None
    next: Cursor | None = None
    gap: bool = False
