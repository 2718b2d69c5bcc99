"""What of a console's text is shown, wherever it comes from. Pure.

The host makes its text with this, and the exchange does not take the host's word for it.
"""

import re
from hashlib import sha256
from typing import Final

from exchange.wire.types import CONSOLE_MAX_BYTES

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""All but newline and tab. In JSON one of them would be six bytes instead of one."""


def console_end(text: str, lines: int) -> str:
    """Return the last ``lines`` lines of a console, at most `CONSOLE_MAX_BYTES` of UTF-8.

    Control characters go first, then the oldest lines, of a single line that is too long its
    beginning. A line that the guest has not ended yet counts.
    """
    plain = _CONTROLS.sub("", text)
    shown = "\n".join(plain.removesuffix("\n").rsplit("\n", lines)[-lines:])
    encoded = shown.encode()
    if len(encoded) <= CONSOLE_MAX_BYTES:
        return shown
    # A character that the cut went through is left out.
    cut = encoded[-CONSOLE_MAX_BYTES:].decode("utf-8", "ignore")
    _, found, whole = cut.partition("\n")
    return whole if found else cut


def vm_state(state: str, ready_ms: int | None) -> str:
    """Return what people read: a running VM whose guest serves is ready."""
    return "ready" if state == "running" and ready_ms is not None else state


def account_tag(account: str) -> str:
    """Return what stands for ``account`` in a file name; the name itself may hold a slash."""
    return sha256(account.encode()).hexdigest()[:16]
