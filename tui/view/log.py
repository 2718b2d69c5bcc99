"""What happened: fills, refusals, gaps, reconnects, notices, the Manager's alerts. Bounded, pure.

What is not over yet is in ``tui.view.alerts``.
"""

from collections import deque
from typing import Final, Literal, NamedTuple, TypeAlias

from exchange.wire.frames import (
    AccountFrame,
    BalanceUpdate,
    Charge,
    LeaseUpdate,
    Notice,
    OrderUpdate,
    VmUpdate,
)
from manager.control.frames import AlertRow
from manager.core.order_ids import MANAGERS_ORDERS
from tui.view.words import Message

ENTRIES_MAX: Final = 2_000

Kind: TypeAlias = Literal[
    "fill", "order", "lease", "vm", "notice", "refusal", "link", "gap", "manager", "done"
]


class Entry(NamedTuple):
    """``ident`` is what it is about: an order, a lease, a VM, a host, a rule; "" for none."""

    number: int
    at_ms: int
    kind: Kind
    ident: str
    text: str
    ink: str
    quiet: bool = False
    """Kept, and not shown as a toast."""


class Log:
    """Numbers grow by one; the oldest entries go first."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=ENTRIES_MAX)
        self.number = 0

    def add(
        self, at_ms: int, kind: Kind, ident: str, text: str, ink: str = "text", quiet: bool = False
    ) -> None:
        self.number += 1
        self.entries.append(Entry(self.number, at_ms, kind, ident, text, ink, quiet))

    def since(self, number: int) -> list[Entry]:
        """Return the entries after ``number``, oldest first; what was dropped is missing."""
        newer: list[Entry] = []
        for entry in reversed(self.entries):
            if entry.number <= number:
                break
            newer.append(entry)
        return newer[::-1]

    def happened(self, frame: AccountFrame, said: Message | None, now_ms: int) -> None:
        """Take one frame of the account, with the words for it if it has any."""
        if said is None:
            return
        kind, ident = _about(frame)
        self.add(now_ms, kind, ident, said.text, said.ink, is_routine(frame))

    def alert(self, row: AlertRow, quiet: bool = False) -> None:
        """Take one of the Manager's alerts."""
        ink = "text" if row.kind in ("fired", "bought") else "warn"
        self.add(row.at_ms, "manager", row.kind, row.text, ink, quiet)

    def read_anew(self, now_ms: int) -> None:
        """Frames were missed."""
        self.add(now_ms, "gap", "", "Frames were missed; the account was read as a whole", "warn")


def is_routine(frame: AccountFrame) -> bool:
    """Tell whether it happens many times a minute while a Manager sells and buys: its orders, whose
    purchases it tells itself, what renters give back, and a VM's first sign of life."""
    match frame:
        case OrderUpdate(client_order_id=str(name)):
            return name.startswith(MANAGERS_ORDERS)
        case LeaseUpdate():
            return frame.side == "sell"
        case VmUpdate(state="running"):
            return frame.ready_ms is None
        case _:
            return False


def _about(frame: AccountFrame) -> tuple[Kind, str]:
    match frame:
        case OrderUpdate():
            return "fill" if frame.exec == "trade" else "order", frame.order_id
        case LeaseUpdate():
            return "lease", frame.lease_id
        case VmUpdate():
            return "vm", frame.name
        case Notice():
            return "notice", frame.lease_id or frame.host or ""
        case BalanceUpdate() | Charge():
            return "done", ""
