"""Rows of coloured text: the one thing the view layer makes and the widgets draw.

A `Line` is a tuple of spans ``(text, ink, ground)``. Ink and ground name colours of the theme
(``tui/themes.py``); ground "" is the row's own background, an ink that ends in ``!`` is bold.
Lines are hashable, so that a widget can tell what changed and keep what it has drawn.
"""

import textwrap
from functools import lru_cache
from typing import Final, TypeAlias

from exchange.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_SECOND, UCR_PER_CREDIT

Span: TypeAlias = tuple[str, str, str]
Line: TypeAlias = tuple[Span, ...]

MAX_PRICE_PLACES: Final = 6
MONEY_PLACES: Final = 4
MINUS: Final = "−"
FITTED_MAX: Final = 1024
"""Lines kept as `fit` made them; of a screen's rows few change from one frame to the next."""


def span(text: str, ink: str = "text", ground: str = "") -> Span:
    """Return one run of text in one colour."""
    return (text, ink, ground)


def width_of(line: Line) -> int:
    """Return how many terminal cells ``line`` takes; all our characters are one cell wide."""
    return sum(len(text) for text, _, _ in line)


@lru_cache(maxsize=FITTED_MAX)
def fit(line: Line, width: int, ground: str = "") -> Line:
    """Return ``line`` cut or padded to exactly ``width`` cells, on ``ground`` where it has none."""
    spans: list[Span] = []
    room = width
    for text, ink, own_ground in line:
        piece = text[:room]
        if piece:
            spans.append((piece, ink, own_ground or ground))
        room -= len(piece)
    if room > 0:
        spans.append((" " * room, "text", ground))
    return tuple(spans)


def clip(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` cells, an ellipsis in place of what is lost."""
    if len(text) <= width:
        return text
    return text[: width - 1] + "…" if width > 0 else ""


def clip_words(text: str, width: int) -> str:
    """Return whole words of ``text`` in ``width`` cells, an ellipsis in place of what is lost.

    For texts with amounts in them: part of a number is another number.
    """
    return textwrap.shorten(text, max(width, 1), placeholder=" …") if len(text) > width else text


def short_symbol(symbol: str, width: int) -> str:
    """Return ``symbol`` in at most ``width`` cells, its class and zone whole if at all possible.

    A window gives up its year first; then the pricing shrinks to a letter, then the middle goes.
    """
    head, _, delivery = symbol.rpartition(".")
    day = delivery.partition("-")[2]
    place, _, pricing = head.rpartition(".")
    tail = day or delivery
    forms = [symbol, f"{head}.{tail}", f"{place}.{pricing[:1]}.{tail}"]
    forms += [f"{place}…{day}", f"{place}…{day[-3:]}"] if day else [head]
    # "medium.eu-de.me…" tells metered from flat; a hyphen or a dot at the end tells nothing.
    rest = place if day or len(place) <= width < len(place) + 3 else head
    return next((form for form in forms if len(form) <= width), clip(rest, width))


def join_ends(left: Line, right: Line, width: int) -> Line:
    """Return ``left`` and ``right`` at the two ends of ``width`` cells; the right end wins."""
    room = max(0, width - width_of(right))
    return (*fit(left, room), *right)


def title_line(title: str, note: Line, width: int, focused: bool = False) -> Line:
    """Return a pane's first row: its name, a rule (heavy: focused), a note at the right end."""
    tail: Line = (span(" "), *note) if note else ()
    ink = "accent!" if focused else "label!"
    room = width - len(title) - 1 - width_of(tail)
    if room < 1:
        return fit((span(f"{clip_words(title, width - 1)} ", ink),), width)
    head = span(f"{title} ", ink)
    return (head, span("━" * room, "accent") if focused else span("─" * room, "rule"), *tail)


def places_of(tick_ucr: int) -> int:
    """Return how many decimals a price in credits needs when it moves in steps of ``tick_ucr``."""
    places = MAX_PRICE_PLACES
    while places > 2 and tick_ucr % 10 == 0:
        tick_ucr //= 10
        places -= 1
    return places


def price_text(price_ucr: int, places: int) -> str:
    """Return a price in credits with ``places`` decimals, rounded half up."""
    scale: int = 10 ** (MAX_PRICE_PLACES - places)
    whole, part = divmod((price_ucr + scale // 2) // scale, 10**places)
    return f"{whole}.{part:0{places}d}"


def exact_price_text(price_ucr: int, places: int) -> str:
    """Return a price with ``places`` decimals, more where it takes more: never rounded."""
    while places < MAX_PRICE_PLACES and price_ucr % 10 ** (MAX_PRICE_PLACES - places):
        places += 1
    return price_text(price_ucr, places)


def money_text(amount_ucr: int, places: int = MONEY_PLACES) -> str:
    """Return an amount in credits with grouped thousands, toward zero, a real minus sign."""
    part = abs(amount_ucr) // 10 ** (MAX_PRICE_PLACES - places)
    whole, rest = divmod(part, 10**places)
    sign = MINUS if amount_ucr < 0 and part else ""
    return f"{sign}{whole:,}.{rest:0{places}d}"


def parse_price_ucr(text: str) -> int | None:
    """Return the micro-credits of what a person typed, or None when it is no exact price."""
    whole, _, part = text.partition(".")
    digits = whole + part
    if not (digits.isascii() and digits.isdecimal()) or len(part) > MAX_PRICE_PLACES:
        return None
    return int(whole or "0") * UCR_PER_CREDIT + int(part.ljust(MAX_PRICE_PLACES, "0"))


def qty_text(qty: int, cells: int = 6) -> str:
    """Return a quantity in at most ``cells``: grouped, in thousands or millions when long."""
    forms = (f"{qty:,}", f"{qty // 1000:,}k", f"{qty // 1_000_000:,}M")
    return next((form for form in forms if len(form) <= cells), f"{qty // 10**9:,}G")


def clock_text(ts_ms: int) -> str:
    """Return the UTC time of day of ``ts_ms`` as HH:MM:SS."""
    seconds = ts_ms % MS_PER_DAY // MS_PER_SECOND
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def span_text(duration_ms: int) -> str:
    """Return a duration in at most seven cells: ``42 s``, ``7m 05s``, ``3h 20m``, ``2d 04h``."""
    seconds = max(0, duration_ms) // MS_PER_SECOND
    if seconds < 60:
        return f"{seconds} s"
    if seconds < MS_PER_HOUR // MS_PER_SECOND:
        return f"{seconds // 60}m {seconds % 60:02d}s"
    if seconds < MS_PER_DAY // MS_PER_SECOND:
        return f"{seconds // 3600}h {seconds // 60 % 60:02d}m"
    return f"{seconds // 86400}d {seconds // 3600 % 24:02d}h"
