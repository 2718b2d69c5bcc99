"""What a standby does next. Pure.

Only the place of the journal decides who may write (`exchange.standby.lead`); what is decided here
is whether to ask it. A standby whose state differs from the leader's must never serve, also when
nobody else does.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

Step: TypeAlias = Literal["follow", "take", "serve", "end"]
Agreement: TypeAlias = Literal["unknown", "same", "different"]
"""How the newest comparison with the leader's state ended."""


class Seen(Struct, frozen=True):
    """What a standby knows when it decides.

    ``agreement``: with the leader's state. ``leads``: the journal may be written by us alone now.
    ``read``: how many rows the last look brought. ``asked_to_stop``: by a signal.
    """

    agreement: Agreement = "unknown"
    leads: bool = False
    read: int = 0
    asked_to_stop: bool = False


def step(seen: Seen) -> Step:
    """Return what to do: look for rows, ask to lead, serve with what was read, or end.

    Rows that a look finds after we lead are the last ones: another look finds whether there are
    more. Before it leads, a standby asks only when it has read all it saw, so that whoever is
    nearest to the end takes over.
    """
    if seen.asked_to_stop or seen.agreement == "different":
        return "end"
    if seen.read:
        return "follow"
    return "serve" if seen.leads else "take"
