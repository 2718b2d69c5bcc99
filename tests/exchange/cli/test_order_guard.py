"""A price far through the market is asked about, with what it may cost; a question can be left."""

import io
import sys
from typing import Any

import pytest
import typer

from exchange.cli.fleet.work import confirm
from exchange.cli.order_guard import Wanted, doubt
from exchange.wire.frames import Ticker

SYMBOL = "small.eu-de.flat.spot"


def market(bid: int | None, ask: int | None, last: int | None = None) -> Ticker:
    return Ticker(SYMBOL, 1, 1, 0, bid_ucr=bid, ask_ucr=ask, last_ucr=last)


@pytest.mark.parametrize(
    ("side", "price", "now", "said"),
    [
        ("buy", 37_200, market(30_000, 31_000), ""),
        ("buy", 37_201, market(30_000, 31_000), "20 % above the best ask 0.031000, up to 0.074402"),
        ("buy", 4_000_000, market(None, 31_000), "12803 % above the best ask 0.031000"),
        ("sell", 24_000, market(30_000, 31_000), ""),
        ("sell", 3_000, market(30_000, 31_000), "90 % below the best bid 0.030000, for 0.006000"),
        ("sell", 4_000_000, market(30_000, 31_000), ""),
        ("buy", 100, market(30_000, 31_000), ""),
        ("buy", 40_000, market(30_000, None), "33 % above the best bid"),
        ("sell", 20_000, market(None, 31_000), "35 % below the best ask"),
        ("buy", 40_000, market(None, None, 30_000), "33 % above the last trade"),
        ("buy", 40_000, market(None, None), ""),
        ("buy", None, market(None, 90_000, 30_000), "200 % above the last trade 0.030000"),
        ("sell", None, market(9_000, None, 30_000), "70 % below the last trade"),
        ("buy", None, market(1, 31_000), ""),
        ("buy", None, market(30_000, None, 30_000), ""),
    ],
)
def test_what_is_asked_about(side: str, price: int | None, now: Ticker, said: str) -> None:
    told = doubt(Wanted(SYMBOL, side, 2, price), now)
    assert (said in told, bool(told)) == (True, bool(said))


class Terminal(io.StringIO):
    """Somebody who types a line, or Ctrl-C."""

    def isatty(self) -> bool:
        return True

    def readline(self, size: int | None = -1, /) -> Any:
        line = super().readline()
        if line == "^C":
            raise KeyboardInterrupt
        return line


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 1), ("", 1), ("^C", 130)])
def test_a_question_is_answered_or_left(
    typed: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail: Ctrl-C was a no, exit code 1."""
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    try:
        confirm("release l-1", yes=False)
        left = 0
    except typer.Exit as end:
        left = end.exit_code
    assert left == code
