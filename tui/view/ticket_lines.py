"""How the ticket looks: the order in one row, what to press in the next, the last message."""

from typing import Final, NamedTuple

from exchange.frames import InstrumentUpdate
from tui.view.text import Line, fit, price_text, span, title_line
from tui.view.ticket import Ticket, cost_text
from tui.view.words import Message

SIDE_INK: Final = {"buy": "bid", "sell": "ask"}
ROWS: Final = 3


class Prompt(NamedTuple):
    """A question that waits for Enter or Esc, or a line being typed."""

    text: str
    keys: str


class TicketScene(NamedTuple):
    """All the ticket pane shows."""

    ticket: Ticket
    instrument: InstrumentUpdate | None
    places: int
    cursor_ucr: int | None
    best_ucr: int | None
    """The best price on the side the ticket would trade with."""
    prompt: Prompt | None
    message: Message | None
    trouble: str
    """Why orders are held back, "" when they are not."""
    now_ms: int


def lines(scene: TicketScene, width: int, height: int) -> list[Line]:
    """Return ``height`` rows: title, order, prompt, then the message (sharing when short)."""
    rows = [title_line("TICKET", _note(scene), width)]
    armed = scene.ticket.stage == "armed" or (scene.prompt is not None)
    rows.append(fit(_order(scene), width, "arm" if scene.ticket.stage == "armed" else ""))
    rows.append(fit(_prompt(scene), width, "arm" if armed else ""))
    if height <= ROWS:
        # Too low for a row of its own: news takes the hints' row while nothing is at stake.
        quiet = scene.ticket.stage == "idle" and scene.prompt is None and not scene.trouble
        warned = scene.message is not None and scene.message.ink == "warn"
        if scene.message is not None and not armed and (quiet or warned):
            rows[-1] = fit(_message(scene.message), width)
    elif scene.message is not None:
        rows.append(fit((), width))
        rows.append(fit(_message(scene.message), width))
    rows += [fit((), width)] * (height - len(rows))
    return rows[:height]


def _note(scene: TicketScene) -> Line:
    if scene.trouble:
        return (span("orders held back", "warn"),)
    stages = {"idle": "", "staged": "not armed", "armed": "ARMED", "sent": "sent, waiting"}
    note = stages[scene.ticket.stage]
    return (span(note, "accent!" if note == "ARMED" else "dim"),) if note else ()


def _order(scene: TicketScene) -> Line:
    ticket = scene.ticket
    if ticket.stage == "idle" or scene.instrument is None:
        return _invitation(scene)
    price = "market"
    if ticket.order_type == "limit":
        price = price_text(ticket.price_ucr, scene.places)
    cost = cost_text(ticket, scene.instrument, scene.best_ucr, scene.now_ms)
    return (
        span(f" {ticket.side.upper():<5}", SIDE_INK[ticket.side] + "!"),
        span(f"{ticket.qty:,}", "text!"),
        span(" × ", "dim"),
        span(price, "text!"),
        span(f"  {ticket.order_type} {ticket.time_in_force}", "text"),
        span(f"   {cost}", "dim" if ticket.stage != "armed" else "text"),
    )


def _invitation(scene: TicketScene) -> Line:
    if scene.cursor_ucr is None:
        return (span(" waiting for the book", "dim"),)
    return (
        span(" b", "accent"),
        span(" buy or", "dim"),
        span(" s", "accent"),
        span(f" sell {scene.ticket.qty:,} at the cursor,", "dim"),
        span(f" {price_text(scene.cursor_ucr, scene.places)}", "text"),
    )


def _prompt(scene: TicketScene) -> Line:
    if scene.prompt is not None:
        return _keys(scene.prompt.text, scene.prompt.keys)
    if scene.trouble:
        return (span(f" {scene.trouble}", "warn"),)
    symbol = scene.instrument.symbol if scene.instrument else ""
    match scene.ticket.stage:
        case "armed":
            return _keys(f"{symbol}: send this order?", "Enter sends · Esc disarms")
        case "staged":
            return _keys("Enter arms · Esc drops", "q quantity  p price  t type  f in force")
        case "sent":
            return (span(" Sent; waiting for the exchange's answer.", "dim"),)
        case "idle":
            return _keys("", "q quantity  t type  f in force")


def _keys(text: str, keys: str) -> Line:
    if not text:
        return (span(f" {keys}", "dim"),)
    return (span(f" {text}", "text!"), span(f"   {keys}", "dim"))


def _message(message: Message) -> Line:
    return (span(f" {message.text}", message.ink),)
