"""How the ticket looks: the order in one row, what to press in the next, the last message."""

import textwrap
from typing import Final, NamedTuple

from exchange.wire.frames import InstrumentUpdate
from tui.view.prompts import Prompt
from tui.view.text import (
    Line,
    clip,
    clip_words,
    exact_price_text,
    fit,
    price_text,
    short_symbol,
    span,
    title_line,
    width_of,
)
from tui.view.ticket import Ticket, cost_text, manner, queue_note
from tui.view.words import Message

SIDE_INK: Final = {"buy": "bid", "sell": "ask"}
TALL_ROWS: Final = 5
STAGED_KEYS: Final = "Enter arms · Esc drops"
EDIT_KEYS: Final = (
    "q quantity  p price  t type  f in force  o post-only  n minimum  u until  h hosts"
)
REPLACE_KEYS: Final = "q total  p price"
SHORT_KEYS: Final = "q qty  p price  t type  f force  o post  n min  u until  h hosts"


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
    read_only: bool = False
    doubt: str = ""
    """How far through the market the ticket is, "" while it is not."""
    alert: str = ""
    """What is wrong with a lease right now, "" when nothing is."""


def lines(scene: TicketScene, width: int, height: int) -> list[Line]:
    """Return ``height`` rows. Five or more give everything its own row; fewer are shared."""
    tall = height >= TALL_ROWS
    hidden = not tall and scene.message is not None and _news_first(scene)
    title = _title(scene, hidden, width)
    ground = "arm" if scene.ticket.stage == "armed" else ""
    asking = "arm" if scene.prompt is not None else ground
    rows = [title, fit(_order(scene, width, with_cost=not tall), width, ground)]
    if tall:
        subject = [fit(_subject(scene, width), width, ground)]
        prompt = [fit(line, width, asking) for line in _prompt_rows(scene, width, height - 3)]
        rows += subject + prompt if scene.ticket.stage != "idle" else prompt + subject
        rows += _message(_news(scene), width, height - len(rows))
    elif hidden:
        rows += _message(scene.message, width, height - len(rows))
    else:
        # A long question takes the order's row too, unless it is about that very order.
        about = scene.ticket.stage == "armed"
        prompt = _prompt_rows(scene, width, height - (2 if about else 1))
        rows = rows[: 1 if len(prompt) >= height - 1 else 2]
        rows += [fit(line, width, asking) for line in prompt]
        rows += _message(scene.message, width, height - len(rows))
    return (rows + [fit((), width)] * height)[:height]


def _title(scene: TicketScene, hidden: bool, width: int) -> Line:
    """Return the first row: an alert stands there until it is over, whatever else happens."""
    note = _note(scene, hidden)
    if not scene.alert:
        return title_line("TICKET", note, width)
    room = width - len("TICKET ") - 2 - width_of(note)
    head = (span("TICKET ", "label!"), span(clip(scene.alert, room), "warn!"), span(" "))
    rule = width - width_of(head) - width_of(note) - 1
    tail = (span(" "), *note) if note else ()
    return (*head, span("─" * (rule if note else rule + 1), "rule"), *tail)


def _news_first(scene: TicketScene) -> bool:
    """Too low for a row of its own: news takes the hints' row while nothing is at stake."""
    if scene.ticket.stage == "armed" or scene.prompt is not None:
        return False
    warned = scene.message is not None and scene.message.ink == "warn"
    return warned or (scene.ticket.stage == "idle" and not scene.trouble)


def _note(scene: TicketScene, hidden: bool) -> Line:
    """Return the stage; what to press next too where news has ``hidden`` the row that says it."""
    if scene.trouble:
        return (span("orders held back", "warn"),)
    staged = STAGED_KEYS if hidden else "not armed"
    stages = {"idle": "", "staged": staged, "armed": "ARMED", "sent": "sent, waiting"}
    note = stages[scene.ticket.stage]
    slip: Line = (span(f"{scene.doubt}, ", "warn"),) if scene.doubt else ()
    return (*slip, span(note, "accent!" if note == "ARMED" else "dim")) if note else ()


def _order(scene: TicketScene, width: int, with_cost: bool) -> Line:
    ticket = scene.ticket
    if ticket.stage == "idle" or scene.instrument is None:
        return _invitation(scene)
    limit = ticket.order_type == "limit"
    # A market order's type is already there in place of its price.
    how = manner(ticket).removeprefix("market ")
    line: Line = (
        span(f" {ticket.side.upper():<5}", SIDE_INK[ticket.side] + "!"),
        *_before(scene),
        span(f"{ticket.qty:,}", "text!"),
        span(" × ", "dim"),
        span(exact_price_text(ticket.price_ucr, scene.places) if limit else "market", "text!"),
        span("" if ticket.replaces else f"  {how}", "text"),
    )
    if not with_cost:
        return line
    return (*line, span(f"   {_cost(scene, width - width_of(line) - 3)}", _cost_ink(scene)))


def _before(scene: TicketScene) -> Line:
    """Return what a replace changes: ``5 × 0.0310 → ``."""
    order = scene.ticket.replaces
    if order is None or order.price_ucr is None:
        return ()
    was = f"{order.order_qty:,} × {exact_price_text(order.price_ucr, scene.places)}"
    return (span(was, "dim"), span(" → ", "text"))


def _subject(scene: TicketScene, width: int) -> Line:
    """Return the second row of a tall ticket: what is traded, and what it ties up."""
    if scene.ticket.stage == "idle" or scene.instrument is None:
        return ()
    symbol = f" {short_symbol(scene.instrument.symbol, width // 2)}"
    cost = _cost(scene, width - len(symbol) - 3)
    return (span(symbol, "text"), span(f"   {cost}", _cost_ink(scene)))


def _cost(scene: TicketScene, width: int) -> str:
    assert scene.instrument is not None, "only asked for a staged order"
    return clip_words(cost_text(scene.ticket, scene.instrument, scene.best_ucr), width)


def _cost_ink(scene: TicketScene) -> str:
    return "text" if scene.ticket.stage == "armed" else "dim"


def _invitation(scene: TicketScene) -> Line:
    if scene.read_only:
        return (span(" watching only: this terminal sends no orders", "dim"),)
    if scene.cursor_ucr is None:
        text = " sell: name the first price"
        return (
            span(" b", "accent"),
            span(" buy or", "dim"),
            span(" s", "accent"),
            span(text, "dim"),
        )
    return (
        span(" b", "accent"),
        span(" buy or", "dim"),
        span(" s", "accent"),
        span(f" sell {scene.ticket.qty:,} at the cursor,", "dim"),
        span(f" {price_text(scene.cursor_ucr, scene.places)}", "text"),
    )


def _prompt_rows(scene: TicketScene, width: int, most: int) -> list[Line]:
    """Return the prompt's row, or, where a question is longer, up to ``most`` rows."""
    prompt = scene.prompt
    if prompt is None and scene.trouble:
        trouble = scene.trouble[0].upper() + scene.trouble[1:]
        rows = textwrap.wrap(trouble, width - 1, max_lines=max(most, 1), placeholder=" …")
        return [(span(f" {text}", "warn"),) for text in rows]
    if prompt is None and scene.ticket.stage == "staged":
        return _staged(scene, width, most - 1)
    if prompt is None or prompt.fault or len(prompt.text) < width:
        return [_prompt(scene, width)]
    rows = textwrap.wrap(prompt.text, width - 1, max_lines=most, placeholder=" …") or [""]
    short = [(span(f" {text}", "text!"),) for text in rows[:-1]]
    return [*short, _keys(rows[-1], [prompt.keys, "Enter · Esc"], width)]


def _staged(scene: TicketScene, width: int, most: int) -> list[Line]:
    """Return what to press next: in one row where all fits, else in up to ``most``."""
    begins, choices = STAGED_KEYS, [EDIT_KEYS, SHORT_KEYS]
    if scene.ticket.replaces is not None:
        begins, choices = f"{STAGED_KEYS}   {_replace_text(scene.ticket)}", [REPLACE_KEYS]
    for keys in choices:
        first, *more = _wrapped(f"{begins} ", keys, width - 2)
        if more and len(begins) < width and 1 + len(more) <= most:
            head: Line = (span(f" {STAGED_KEYS}", "text!"), span(first[len(STAGED_KEYS) :], "dim"))
            return [head, *((span(f" {row}", "dim"),) for row in more)]
        if not more:
            break
    return [_prompt(scene, width)]


def _wrapped(begins: str, keys: str, width: int) -> list[str]:
    """Return ``keys`` after ``begins`` in rows of ``width``; a key and its word stay together."""
    rows = [begins]
    for part in keys.split("  "):
        longer = f"{rows[-1]}  {part}"
        if len(longer) <= width:
            rows[-1] = longer
        else:
            rows.append(part)
    return rows


def _prompt(scene: TicketScene, width: int) -> Line:
    if scene.prompt is not None and scene.prompt.fault:
        text = f" {scene.prompt.text}"
        fault = clip_words(scene.prompt.fault, width - len(text) - 3)
        return (span(text, "text!"), span(f"   {fault}", "warn"))
    if scene.prompt is not None:
        return _keys(scene.prompt.text, [scene.prompt.keys, "Enter · Esc"], width)
    symbol = scene.instrument.symbol if scene.instrument else ""
    match scene.ticket.stage:
        case "armed":
            keys = "Enter sends · Esc disarms"
            asked = f"{symbol}: send this order?"
            if scene.ticket.replaces is not None:
                asked = f"{_replace_text(scene.ticket)}. Send it?"
                return _keys(asked, [keys, "Enter · Esc"], width)
            return _keys(
                asked if len(asked) + len(keys) + 4 <= width else "Send it?", [keys], width
            )
        case "staged":
            if scene.ticket.replaces is not None:
                note = _replace_text(scene.ticket)
                both = f"{note}  {REPLACE_KEYS}"
                return _keys(STAGED_KEYS, [both, REPLACE_KEYS, note], width)
            return _keys(STAGED_KEYS, [EDIT_KEYS, SHORT_KEYS, "q p t f o n u h change it"], width)
        case "sent":
            return (span(" Sent; waiting for the exchange's answer.", "dim"),)
        case "idle":
            return () if scene.read_only else (span(" q quantity  t type  f in force", "dim"),)


def _replace_text(ticket: Ticket) -> str:
    assert ticket.replaces is not None, "only asked for a replace"
    return f"{ticket.replaces.order_id}: {queue_note(ticket)}"


def _keys(text: str, choices: list[str], width: int) -> Line:
    """Return ``text`` and the longest of ``choices`` that fits beside it."""
    text = clip_words(text, width - 1)
    room = width - len(text) - 4
    keys = next((choice for choice in choices if len(choice) <= room), "")
    return (span(f" {text}", "text!"), span(f"   {keys}", "dim"))


def _news(scene: TicketScene) -> Message | None:
    fault = scene.prompt.fault if scene.prompt else ""
    return Message(fault, "warn", scene.now_ms) if fault else scene.message


def _message(message: Message | None, width: int, rows: int) -> list[Line]:
    """Return ``message`` in at most ``rows`` rows, an ellipsis in place of what is lost."""
    if message is None:
        return []
    wrapped = textwrap.wrap(message.text, width - 2, max_lines=max(1, rows), placeholder=" …")
    return [fit((span(f" {text}", message.ink),), width) for text in wrapped]
