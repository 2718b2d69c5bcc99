"""The order ticket: chosen, armed, confirmed. Nothing is sent that was not armed first.

A ticket is a value; every key press makes a new one. What it would cost is reckoned as the
exchange will hold it (rules.md 3.1, 3.3), so the confirmation names the sum.
"""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from exchange.units import MAX_PRICE_UCR, MAX_QTY, MS_PER_MINUTE, count_text
from exchange.wire.frames import InstrumentUpdate, OrderUpdate
from exchange.wire.requests import OrderPlace, OrderReplace
from exchange.wire.terms import hold_unit_ucr, market_limit_ucr
from exchange.wire.types import SPOT, OrderType, Side, TimeInForce
from tui.view.text import exact_price_text, money_text

RESTING: Final[tuple[TimeInForce, ...]] = ("gtc", "gtd")
FORCES: Final[tuple[TimeInForce, ...]] = ("gtc", "ioc", "fok", "gtd")
GOOD_MIN: Final = 60
NAMED_MAX: Final = 3
"""Hosts that are named where the cost is told."""
UNCHANGED: Final = "stays as it is"
Stage: TypeAlias = Literal["idle", "staged", "armed", "sent"]


class Ticket(Struct, frozen=True):
    """One order being put together. ``price_ucr`` is unused while the type is market."""

    stage: Stage = "idle"
    side: Side = "buy"
    order_type: OrderType = "limit"
    price_ucr: int = 0
    qty: int = 1
    time_in_force: TimeInForce = "gtc"
    good_min: int = GOOD_MIN
    """Minutes that a gtd order is good for, counted from when it is sent."""
    post_only: bool = False
    min_qty: int | None = None
    """What must fill at once, or nothing does."""
    hosts: tuple[str, ...] = ()
    """The only hosts that may back a sell; none named: any of the account's."""
    replaces: OrderUpdate | None = None
    """The order that gets this price and total, None for a new order."""

    @property
    def open_qty(self) -> int:
        """Units that may still trade."""
        return self.qty if self.replaces is None else max(0, self.qty - self.replaces.filled_qty)

    @property
    def at_once(self) -> bool:
        """Whether it trades now or not at all."""
        return self.time_in_force in ("ioc", "fok")

    def staged(self, side: Side, price_ucr: int) -> "Ticket":
        """Return the ticket with a side chosen at a price; keeps the quantity in use."""
        hosts = self.hosts if side == "sell" else ()
        price_ucr = _bounded_price(price_ucr)
        return self._with(stage="staged", side=side, price_ucr=price_ucr, hosts=hosts)

    def with_price(self, price_ucr: int) -> "Ticket":
        assert 0 < price_ucr <= MAX_PRICE_UCR, "tui.view.entry lets no other price through"
        return self._edited(price_ucr=price_ucr)

    def with_qty(self, qty: int) -> "Ticket":
        return self._edited(qty=max(1, min(MAX_QTY, qty)))

    def other_type(self) -> "Ticket":
        """Switch between limit and market; a market order is always ioc (rules.md 4.1)."""
        market = self.order_type == "limit"
        return self._edited(
            order_type="market" if market else "limit",
            time_in_force="ioc" if market else "gtc",
            post_only=False,
        )

    def as_limit(self) -> "Ticket":
        """Return it as a limit order."""
        return self.other_type() if self.order_type == "market" else self

    def as_taking(self) -> "Ticket":
        """Return it as a limit order that trades at once or not at all."""
        return self.as_limit()._edited(time_in_force="ioc", post_only=False)

    def next_force(self) -> "Ticket":
        """Take the next time in force that goes with the rest; a market order has no choice."""
        if self.order_type == "market":
            return self
        choices = RESTING if self.post_only else FORCES
        at = choices.index(self.time_in_force) + 1
        return self._edited(time_in_force=choices[at % len(choices)])

    def with_minutes(self, minutes: int) -> "Ticket":
        return self._edited(time_in_force="gtd", good_min=minutes)

    def with_min_qty(self, min_qty: int | None) -> "Ticket":
        return self._edited(min_qty=min_qty)

    def other_post_only(self) -> "Ticket":
        return self._edited(post_only=not self.post_only)

    def with_hosts(self, hosts: tuple[str, ...]) -> "Ticket":
        return self._edited(hosts=hosts)

    def with_current(self, order: OrderUpdate) -> "Ticket":
        """Return a replace of ``order`` as it is by now; what was armed has to be again."""
        return self._edited(replaces=order)

    def armed(self) -> "Ticket":
        return self._with(stage="armed")

    def disarmed(self) -> "Ticket":
        """Return one step back: armed to staged, anything else to a ticket begun anew.

        A quantity or a type left over from the last order would be sent by habit.
        """
        return self._with(stage="staged") if self.stage == "armed" else Ticket()

    def sent(self) -> "Ticket":
        return self._with(stage="sent")

    def _edited(self, **changes: object) -> "Ticket":
        # What was confirmed is what is sent: any change takes the arming back.
        return self._with(**changes, stage="idle" if self.stage == "idle" else "staged")

    def _with(self, **changes: object) -> "Ticket":
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return Ticket(**(fields | changes))


def replacing(order: OrderUpdate) -> Ticket:
    """Return a staged ticket that changes nothing of ``order`` yet."""
    assert order.price_ucr is not None, "only limit orders rest"
    return Ticket("staged", order.side, "limit", order.price_ucr, order.order_qty, replaces=order)


def request(ticket: Ticket, symbol: str, client_order_id: str, now_ms: int = 0) -> OrderPlace:
    """Return the wire message of ``ticket``, sent at ``now_ms``; the client numbers it."""
    limit = ticket.order_type == "limit"
    gtd = ticket.time_in_force == "gtd"
    return OrderPlace(
        req_id=1,
        client_order_id=client_order_id,
        symbol=symbol,
        side=ticket.side,
        order_type=ticket.order_type,
        qty=ticket.qty,
        price_ucr=ticket.price_ucr if limit else None,
        time_in_force=ticket.time_in_force,
        expire_ms=now_ms + ticket.good_min * MS_PER_MINUTE if gtd else None,
        post_only=ticket.post_only,
        min_qty=ticket.min_qty,
        hosts=list(ticket.hosts) or None,
    )


def replacement(ticket: Ticket) -> OrderReplace:
    """Return the wire message that changes the order: only what is new (rules.md 4.2)."""
    order = ticket.replaces
    assert order is not None, "only asked for a replace"
    return OrderReplace(
        req_id=1,
        order_id=order.order_id,
        price_ucr=ticket.price_ucr if ticket.price_ucr != order.price_ucr else None,
        qty=ticket.qty if ticket.qty != order.order_qty else None,
    )


def queue_note(ticket: Ticket) -> str:
    """Return what a replace does to the order's place in the queue (rules.md 4.2)."""
    order = ticket.replaces
    assert order is not None, "only asked for a replace"
    if ticket.qty <= order.filled_qty:
        return f"ends as filled with {order.filled_qty:,}"
    if ticket.price_ucr != order.price_ucr or ticket.qty > order.order_qty:
        return "back of the queue"
    return "keeps its place" if ticket.qty < order.order_qty else UNCHANGED


def clash(ticket: Ticket) -> str:
    """Return why no exchange takes such an order, "" when nothing is wrong (rules.md 4.1)."""
    if ticket.min_qty is not None and ticket.min_qty > ticket.qty:
        return f"the minimum {ticket.min_qty:,} is above the quantity {ticket.qty:,}"
    if ticket.replaces is not None and queue_note(ticket) == UNCHANGED:
        return "nothing changes: q types the total, p the price"
    return ""


def reach_ucr(ticket: Ticket, best_ucr: int | None) -> int | None:
    """Return the worst price ``ticket`` may trade at; None when nobody is there to trade with."""
    if ticket.order_type == "limit":
        return ticket.price_ucr
    if best_ucr is None:
        return None
    return market_limit_ucr(ticket.side, best_ucr)


def hold_ucr(ticket: Ticket, instrument: InstrumentUpdate, price_ucr: int) -> int:
    """Return the cash the exchange will hold: the buyer's hour or the seller's bond."""
    return ticket.open_qty * hold_unit_ucr(ticket.side, instrument.delivery, price_ucr)


def manner(ticket: Ticket) -> str:
    """Return how the order is to trade: ``limit gtd 60 min post-only``."""
    good = f" {ticket.good_min:,} min" if ticket.time_in_force == "gtd" else ""
    post = " post-only" if ticket.post_only else ""
    least = f" min {ticket.min_qty:,}" if ticket.min_qty is not None else ""
    on = f" on {count_text(len(ticket.hosts), 'host')}" if ticket.hosts else ""
    return f"{ticket.order_type} {ticket.time_in_force}{good}{post}{least}{on}"


def terms(ticket: Ticket, places: int) -> str:
    """Return what is ordered, without the symbol: ``4 at 0.0312 limit gtc``."""
    if ticket.order_type == "market":
        return f"{ticket.qty} at market"
    return f"{ticket.qty} at {exact_price_text(ticket.price_ucr, places)}"


def cost_text(ticket: Ticket, instrument: InstrumentUpdate, best_ucr: int | None) -> str:
    """Return in words what sending the ticket ties up."""
    price_ucr = reach_ucr(ticket, best_ucr)
    if price_ucr is None:
        return "nobody to trade with now"
    hold = money_text(hold_ucr(ticket, instrument, price_ucr))
    term = "1 h" if instrument.delivery == SPOT else "the window"
    most = "up to " if ticket.order_type == "market" else ""
    if ticket.side == "buy":
        return f"holds {most}{hold} for {term}"
    return f"bond {hold}, {count_text(ticket.open_qty, 'free slot')} of {_backing(ticket)}"


def _backing(ticket: Ticket) -> str:
    """Return whose slots a sell takes."""
    named = ", ".join(ticket.hosts[:NAMED_MAX])
    more = len(ticket.hosts) - NAMED_MAX
    return f"{named} and {more} more" if more > 0 else named or "your hosts"


def _bounded_price(price_ucr: int) -> int:
    return max(1, min(MAX_PRICE_UCR, price_ucr))
