"""How an order is to trade: each key's change of the ticket, and what there is to say about it."""

from typing import NamedTuple

from tui.view.prompts import Field
from tui.view.ticket import Ticket, manner


class Choice(NamedTuple):
    """The ticket after a key, what to say of it, the number to be typed then, if any."""

    ticket: Ticket
    said: str = ""
    ink: str = "text"
    field: Field | None = None


ALWAYS_IOC = "A market order is always ioc."
REPLACE_ONLY = "A replace changes the total (q) and the price (p), nothing else."


def other_type(ticket: Ticket) -> Choice:
    """Switch between limit and market."""
    return _fixed(ticket) or _next(ticket.other_type())


def next_force(ticket: Ticket) -> Choice:
    """Take the next time in force."""
    return _fixed(ticket) or _market(ticket) or _next(ticket.next_force())


def until(ticket: Ticket) -> Choice:
    """Type for how many minutes the order is good; makes it gtd."""
    return _fixed(ticket) or _market(ticket) or Choice(ticket, field="minutes")


def post_only(ticket: Ticket) -> Choice:
    """Switch between an order that may trade at once and one that never does."""
    if ticket.order_type == "market" or ticket.at_once or ticket.min_qty is not None:
        said = "Post-only is for limit orders that rest, without a minimum."
        return _fixed(ticket) or Choice(ticket, said, "warn")
    return _fixed(ticket) or _next(ticket.other_post_only())


def minimum(ticket: Ticket) -> Choice:
    """Type what must fill at once; again, ask for nothing."""
    if ticket.post_only:
        return Choice(ticket, "A post-only order never fills at once; o ends post-only.", "warn")
    if ticket.min_qty is not None:
        return _next(ticket.with_min_qty(None))
    return _fixed(ticket) or Choice(ticket, field="minimum")


def hosts(ticket: Ticket, picked: tuple[str, ...]) -> Choice:
    """Let only ``picked`` hosts back a sell; none picked: any of the account's."""
    why = no_hosts(ticket)
    return Choice(ticket, why, "warn") if why else _next(ticket.with_hosts(picked))


def no_hosts(ticket: Ticket) -> str:
    """Return why the ticket's order cannot name hosts, "" when it can."""
    if ticket.replaces is not None:
        return REPLACE_ONLY
    if ticket.stage == "idle":
        return "Begin with s; then h picks the hosts that back it."
    return "" if ticket.side == "sell" else "Hosts back a sell; this is a buy."


def _fixed(ticket: Ticket) -> Choice | None:
    return Choice(ticket, REPLACE_ONLY, "warn") if ticket.replaces is not None else None


def _market(ticket: Ticket) -> Choice | None:
    return Choice(ticket, ALWAYS_IOC, "warn") if ticket.order_type == "market" else None


def _next(ticket: Ticket) -> Choice:
    """Before a side is chosen the ticket shows none of this, so it is said."""
    return Choice(ticket, f"Next order: {manner(ticket)}." if ticket.stage == "idle" else "")
