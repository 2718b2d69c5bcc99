"""Turns key presses into requests: the ticket, the typed text, actions waiting for a yes.

Nothing that costs money or gives up a place in a queue leaves without having been armed; what
only takes back (canceling the orders under the cursor) goes at once. Pure: requests are returned.
"""

from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from exchange.wire.frames import InstrumentUpdate, OrderUpdate
from exchange.wire.requests import (
    LeaseRelease,
    OrderCancel,
    OrderMassCancel,
    OrderPlace,
    OrderReplace,
)
from exchange.wire.types import Side
from tui.view.entry import Fault
from tui.view.prompts import Field, Prompt, Typing
from tui.view.ticket import Ticket, replacement, replacing, request

Order: TypeAlias = OrderPlace | OrderReplace | OrderCancel | OrderMassCancel | LeaseRelease


class Question(Struct, frozen=True):
    """What waits for Enter: a request, or, None, the armed ticket that looks like a slip."""

    text: str
    request: Order | None


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
        # What is on its way to the exchange lends nothing to the next order.
        used = self.ticket.stage == "sent" or self.ticket.replaces is not None
        self.ticket = (Ticket() if used else self.ticket).staged(side, price_ucr)

    def stage_replace(self, order: OrderUpdate) -> None:
        """Begin to change the price and the total of an open order."""
        self.question = self.typing = None
        self.symbol = order.symbol
        self.ticket = replacing(order)

    def ask(self, text: str, asked: Order) -> None:
        """Arm ``asked``; Enter will send it."""
        self.typing = None
        if self.ticket.stage == "armed":
            self.ticket = self.ticket.disarmed()
        self.question = Question(text, asked)

    def edit(self, ticket: Ticket) -> None:
        """Take a changed ticket; what was asked about the last one is asked no more."""
        self.ticket = ticket
        if self.question is not None and self.question.request is None:
            self.question = None

    def confirm(self, doubt: str = "", exchange_ms: int = 0) -> Order | None:
        """Enter: take what was typed, arm what is staged, or return what is armed to be sent.

        With a ``doubt`` an armed ticket is asked about once more.
        """
        if self.typing is not None:
            self._take_typed()
            return None
        if self.question is not None:
            asked, self.question = self.question.request, None
            return self._order(exchange_ms) if asked is None else asked
        if self.ticket.stage == "staged":
            self.ticket = self.ticket.armed()
            return None
        if self.ticket.stage != "armed":
            return None
        if doubt:
            self.question = Question(f"{doubt}. Send it?", None)
            return None
        return self._order(exchange_ms)

    def back(self) -> None:
        """Esc: give up typing, else the question, else one step of the ticket."""
        if self.typing is not None:
            self.typing = None
        elif self.question is not None and self.question.request is not None:
            self.question = None
        else:
            self.edit(self.ticket.disarmed())

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

    def type(self, field: Field, instrument: InstrumentUpdate | None = None) -> None:
        """Begin to type a number."""
        self.hold_fire()
        self.typing = Typing(field, instrument=instrument)

    def typed(self, characters: str) -> None:
        """Add what a key typed or a paste brought; "backspace" takes the last one back."""
        if self.typing is None or not characters:
            return
        back = characters == "backspace"
        self.typing = self.typing.without_last() if back else self.typing.with_typed(characters)

    def _take_typed(self) -> None:
        """Put the number into the ticket; leave the prompt open when it cannot be one."""
        typing = self.typing
        assert typing is not None, "only called while typing"
        if not typing.text:
            self.typing = None
            return
        read = typing.read()
        if isinstance(read, Fault):
            self.typing = replace(typing, fault=read.text)
            return
        self.typing = None
        takes = {
            "price": self.ticket.with_price,
            "minimum": self.ticket.with_min_qty,
            "minutes": self.ticket.with_minutes,
        }
        self.ticket = takes.get(typing.field, self.ticket.with_qty)(read)

    def _order(self, exchange_ms: int) -> OrderPlace | OrderReplace:
        self.ticket = self.ticket.sent()
        if self.ticket.replaces is not None:
            return replacement(self.ticket)
        return request(self.ticket, self.symbol, self.next_id(), exchange_ms)

    def next_id(self) -> str:
        """Return a ``client_order_id`` that this terminal has not used yet."""
        self._sent += 1
        return f"tui/{self.session}/{self._sent}"

    def answered(self) -> None:
        """The exchange took the order: the next ticket begins anew, with one unit."""
        if self.ticket.stage == "sent":
            self.ticket = self.ticket.disarmed()

    def refused(self) -> None:
        """The exchange refused the order: it can be changed and armed again."""
        if self.ticket.stage == "sent":
            self.ticket = self.ticket.staged(self.ticket.side, max(1, self.ticket.price_ucr))

    def prompt(self) -> Prompt | None:
        """Return the question or the line being typed, if any."""
        if self.typing is not None:
            return self.typing.prompt()
        if self.question is not None:
            return Prompt(self.question.text, "Enter does it · Esc leaves it")
        return None
