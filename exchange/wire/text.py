"""Words and texts that several programs show alike: states, shares, consoles. Pure.

A console is cut to its last lines without control characters: by the host, and again by the
exchange, for a host is not trusted.
"""

import re
from hashlib import sha256
from typing import Final

from exchange.wire.types import CONSOLE_MAX_BYTES

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""All but newline and tab. In JSON one of them would be six bytes instead of one."""


def without_controls(text: str) -> str:
    return _CONTROLS.sub("", text)


def console_end(text: str, lines: int) -> str:
    """Return the last ``lines`` lines of a console, at most `CONSOLE_MAX_BYTES` of UTF-8.

    Removes control characters, then the oldest lines; a single line that is too long loses its
    beginning. A line that the guest has not ended yet counts.
    """
    plain = without_controls(text)
    shown = "\n".join(plain.removesuffix("\n").rsplit("\n", lines)[-lines:])
    encoded = shown.encode()
    if len(encoded) <= CONSOLE_MAX_BYTES:
        return shown
    # Drop a character that was cut in half.
    cut = encoded[-CONSOLE_MAX_BYTES:].decode("utf-8", "ignore")
    _, found, whole = cut.partition("\n")
    return whole if found else cut


def console_piece(text: str) -> str:
    """Return a part of a console that is followed: every line, without control characters.

    A host sends no more than `CONSOLE_MAX_BYTES`; of a longer text the beginning is kept.
    """
    encoded = without_controls(text).encode()
    return encoded[:CONSOLE_MAX_BYTES].decode("utf-8", "ignore")


def printable(text: str) -> str:
    """Return ``text`` without terminal control sequences: neither guest nor host is trusted."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


def vm_state(state: str, ready_ms: int | None) -> str:
    """Return the VM state to show: a running VM whose guest is ready is shown as ready."""
    return "ready" if state == "running" and ready_ms is not None else state


PAUSED: Final = {"hypervisor_lost": "libvirtd does not answer"}


def paused_text(reason: str) -> str:
    """Return why a host starts no VM, for its owner; a word of a newer exchange as it is."""
    return PAUSED.get(reason, reason)


def uptime(contracted_s: int, delivered_s: int) -> str:
    """Return the delivered part, never rounded up to 100 %; ``-`` when nothing was sold."""
    if contracted_s <= 0:
        return "-"
    hundredths = min(delivered_s, contracted_s) * 10_000 // contracted_s
    return f"{hundredths // 100}.{hundredths % 100:02d} %"


def account_tag(account: str) -> str:
    """Return a tag for ``account`` that is safe in a file name: account names may hold a slash."""
    return sha256(account.encode()).hexdigest()[:16]
