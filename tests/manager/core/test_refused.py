"""What the exchange refuses is told in credits, whatever its own words count in."""

import pytest

from exchange.wire.frames import ErrorReply
from exchange.wire.types import RefusedAmounts
from manager.core.refused import why

TEXTS: list[tuple[ErrorReply, str]] = [
    (ErrorReply(1, "lease_full", "no unit is free"), "lease_full: no unit is free"),
    (
        ErrorReply(
            1,
            "insufficient_funds",
            "the order needs 400000 ucr, 7 are available",
            amounts=RefusedAmounts(needed_ucr=400_000, available_ucr=7),
        ),
        "insufficient_funds: 0.400000 credits are needed, 0.000007 credits are available",
    ),
    (
        ErrorReply(1, "price_off_tick", "the tick is 5 ucr", amounts=RefusedAmounts(tick_ucr=5)),
        "price_off_tick: the tick is 0.000005 credits",
    ),
    (
        ErrorReply(
            1,
            "price_out_of_band",
            "the band is 1..2 ucr",
            amounts=RefusedAmounts(least_ucr=1_000_000, most_ucr=2_000_000),
        ),
        "price_out_of_band: at least 1.000000 credits, at most 2.000000 credits",
    ),
]


@pytest.mark.parametrize(("refused", "text"), TEXTS)
def test_a_refusal_tells_money_in_credits(refused: ErrorReply, text: str) -> None:
    assert why(refused) == text
