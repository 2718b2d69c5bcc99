"""The order ticket: chosen, armed, confirmed. Nothing is sent that was not armed first.

A ticket is a value; every key press makes a new one. What it would cost is reckoned as the
exchange will hold it (rules.md 3.1, 3.3), so the confirmation names the sum.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

from exchange.units import MAX_PRICE_UCR, MAX_QTY
from exchange.wire.frames import InstrumentUpdate
from exchange.wire.requests import OrderPlace
from exchange.wire.terms import hold_unit_ucr, market_limit_ucr
from exchange.wire.types import SPOT, OrderType, Side, TimeInForce
from tui.view.text import exact_price_text, money_text

Stage: TypeAlias = Literal["idle", "staged", "armed", "sent"]


class Ticket(Struct, frozen=True):
    """One order being put together. ``price_ucr`` is unused while the type is market."""

    stage: Stage = "idle"
    side: Side = "buy"
    order_type: OrderType = "limit"
    price_ucr: int = 0
    qty: int = 1
    time_in_force: TimeInForce = "gtc"

    @property
    def open_qty(self) -> int:
        """Units that may still trade."""
        return self.qty

    def staged(self, side: Side, price_ucr: int) -> "Ticket":
        """Return the ticket with a side chosen at a price; keeps the quantity in use."""
        return self._with(stage="staged", side=side, price_ucr=_bounded_price(price_ucr))

    def with_price(self, price_ucr: int) -> "Ticket":
        assert 0 < price_ucr <= MAX_PRICE_UCR, "tui.view.entry lets no other price through"
        return self._edited(price_ucr=price_ucr)

    def with_qty(self, qty: int) -> "Ticket":
        return self._edited(qty=max(1, min(MAX_QTY, qty)))

    def other_type(self) -> "Ticket":
        """Switch between limit and market; a market order is always ioc (rules.md 4.1)."""
        market = self.order_type == "limit"
        return self._edited(
            order_type="market" if market else "limit", time_in_force="ioc" if market else "gtc"
        )

    def next_force(self) -> "Ticket":
        """Switch between gtc and ioc; nothing to choose for a market order."""
        if self.order_type == "market":
            return self
        return self._edited(time_in_force="ioc" if self.time_in_force == "gtc" else "gtc")

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


def request(ticket: Ticket, symbol: str, client_order_id: str) -> OrderPlace:
    """Return the wire message of ``ticket``; the client numbers it."""
    limit = ticket.order_type == "limit"
    return OrderPlace(
        req_id=1,
        client_order_id=client_order_id,
        symbol=symbol,
        side=ticket.side,
        order_type=ticket.order_type,
        qty=ticket.qty,
        price_ucr=ticket.price_ucr if limit else None,
        time_in_force=ticket.time_in_force,
    )


def reach_ucr(ticket: Ticket, best_ucr: int | None) -> int | None:
    """Return the worst price ``ticket`` may trade at; None when nobody is there to trade with."""
    if ticket.order_type == "limit":
        return ticket.price_ucr
    if best_ucr is None:
        return None
    return market_limit_ucr(ticket.side, best_ucr)


def hold_ucr(ticket: Ticket, instrument: InstrumentUpdate, price_ucr: int) -> int:
    """Return the cash the exchange will hold: the buyer's hour or the seller's bond."""
    return ticket.qty * hold_unit_ucr(ticket.side, instrument.delivery, price_ucr)


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
    return f"bond {hold}, {ticket.qty} free {'slot' if ticket.qty == 1 else 'slots'} of your hosts"


def _bounded_price(price_ucr: int) -> int:
    return max(1, min(MAX_PRICE_UCR, price_ucr))
