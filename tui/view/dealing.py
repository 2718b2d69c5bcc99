"""From key presses to requests: the ticket, what is being typed, what waits for a yes.

Nothing that costs money or gives up a place in a queue leaves without having been armed; what
only takes back (canceling the orders under the cursor) goes at once. Pure: requests are returned.
"""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from exchange.protocol import (
    LeaseRelease,
    OrderCancel,
    OrderMassCancel,
    OrderPlace,
)
from exchange.units import MAX_QTY
from exchange.wire import Side
from tui.view.text import parse_price_ucr
from tui.view.ticket import Ticket, request
from tui.view.ticket_lines import Prompt

Order: TypeAlias = OrderPlace | OrderCancel | OrderMassCancel | LeaseRelease
TYPED_MAX: Final = 12


class Typing(Struct, frozen=True):
    """A number being typed into the ticket."""

    field: Literal["quantity", "price"]
    text: str = ""


class Question(Struct, frozen=True):
    """Something other than an order that waits for Enter."""

    text: str
    request: Order


class Dealing:
    """The trader's side of the screen: at most one thing armed at a time."""

    def __init__(self, session: str) -> None:
        self.session = session
        """Makes our client order ids unlike those of every other run."""
        self.ticket = Ticket()
        self.symbol = ""
        """What the ticket is for; fixed when it is staged."""
        self.typing: Typing | None = None
        self.question: Question | None = None
        self._sent = 0

    @property
    def armed(self) -> bool:
        return self.question is not None or self.ticket.stage == "armed"

    def stage(self, side: Side, symbol: str, price_ucr: int) -> None:
        self.question = self.typing = None
        self.symbol = symbol
        self.ticket = self.ticket.staged(side, price_ucr)

    def ask(self, text: str, asked: Order) -> None:
        """Arm ``asked``; Enter will send it."""
        self.typing = None
        if self.ticket.stage == "armed":
            self.ticket = self.ticket.disarmed()
        self.question = Question(text, asked)

    def confirm(self) -> Order | None:
        """Enter: take what was typed, arm what is staged, or return what is armed to be sent."""
        if self.typing is not None:
            self._take_typed()
            return None
        if self.question is not None:
            asked, self.question = self.question.request, None
            return asked
        if self.ticket.stage == "staged":
            self.ticket = self.ticket.armed()
            return None
        if self.ticket.stage == "armed":
            return self._order()
        return None

    def back(self) -> None:
        """Esc: give up typing, else the question, else one step of the ticket."""
        if self.typing is not None:
            self.typing = None
        elif self.question is not None:
            self.question = None
        else:
            self.ticket = self.ticket.disarmed()

    def drop(self) -> None:
        """Disarm everything: the instrument changed or the connection is gone."""
        self.typing = self.question = None
        while self.ticket.stage != "idle":
            self.ticket = self.ticket.disarmed()

    def hold_fire(self) -> None:
        """Take the arming back, keep the ticket: what was confirmed was confirmed on old prices."""
        self.question = None
        if self.ticket.stage == "armed":
            self.ticket = self.ticket.disarmed()

    def type(self, field: Literal["quantity", "price"]) -> None:
        """Begin to type a number."""
        self.hold_fire()
        self.typing = Typing(field)

    def typed(self, character: str) -> None:
        """Add one character, or take the last one back when it is "backspace"."""
        if self.typing is None:
            return
        text = self.typing.text
        if character == "backspace":
            text = text[:-1]
        elif self._fits(character) and len(text) < TYPED_MAX:
            text += character
        self.typing = Typing(self.typing.field, text)

    def _fits(self, character: str) -> bool:
        assert self.typing is not None, "only called while typing"
        point = character == "." and self.typing.field == "price" and "." not in self.typing.text
        return (character.isascii() and character.isdecimal()) or point

    def _take_typed(self) -> None:
        assert self.typing is not None, "only called while typing"
        field, text, self.typing = self.typing.field, self.typing.text, None
        if field == "quantity" and text and 0 < int(text) <= MAX_QTY:
            self.ticket = self.ticket.with_qty(int(text))
        price_ucr = parse_price_ucr(text) if field == "price" else None
        if price_ucr:
            self.ticket = self.ticket.with_price(price_ucr)

    def _order(self) -> OrderPlace:
        self._sent += 1
        self.ticket = self.ticket.sent()
        return request(self.ticket, self.symbol, f"tui/{self.session}/{self._sent}")

    def answered(self) -> None:
        """The exchange took the order: the ticket is free again."""
        if self.ticket.stage == "sent":
            self.ticket = self.ticket.disarmed()

    def refused(self) -> None:
        """The exchange refused the order: it can be changed and armed again."""
        if self.ticket.stage == "sent":
            self.ticket = self.ticket.staged(self.ticket.side, max(1, self.ticket.price_ucr))

    def prompt(self) -> Prompt | None:
        """Return the question or the line being typed, if any."""
        if self.typing is not None:
            return Prompt(
                f"{self.typing.field} {self.typing.text}▏", "Enter takes it · Esc leaves it"
            )
        if self.question is not None:
            return Prompt(self.question.text, "Enter does it · Esc leaves it")
        return None
