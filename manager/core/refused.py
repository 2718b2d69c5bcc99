"""A refusal of the exchange in words for the administrator: money in credits. Pure."""

from exchange.units import credits_text
from exchange.wire.frames import ErrorReply


def why(refused: ErrorReply) -> str:
    """Return reason and cause in one line. The exchange's own words tell amounts in ucr."""
    amounts = refused.amounts
    if amounts is None:
        return f"{refused.reason}: {refused.message}"
    parts = (
        ("{} credits are needed", amounts.needed_ucr),
        ("{} credits are available", amounts.available_ucr),
        ("at least {} credits", amounts.least_ucr),
        ("at most {} credits", amounts.most_ucr),
        ("the tick is {} credits", amounts.tick_ucr),
    )
    told = [text.format(credits_text(ucr)) for text, ucr in parts if ucr is not None]
    return f"{refused.reason}: {', '.join(told)}"
