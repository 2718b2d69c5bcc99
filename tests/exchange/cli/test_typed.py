"""Units, prices and times as people type them: read exactly, or refused by name."""

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from exchange.cli.common import moment
from exchange.cli.typed import price_ucr, units, when_ms
from exchange.units import MAX_PRICE_UCR, MAX_QTY, credits_text
from tests.exchange.support.harness import headroom

NOW_MS = 1_764_448_846_500  # 2025-11-29T20:40:46.5Z
MIDNIGHT_MS = NOW_MS - NOW_MS % 86_400_000
HOUR_MS = 3_600_000


@given(st.integers(1, MAX_QTY), st.integers(1, MAX_PRICE_UCR))
def test_what_is_shown_is_read(qty: int, price: int) -> None:
    assert units(str(qty)) == qty
    assert price_ucr(credits_text(price)) == price


@given(st.integers(1, MAX_QTY), st.sampled_from(" ,_.'\u00a0\u202f٣+-"), st.integers(0, 7))
def test_no_sign_in_a_number_of_units_is_dropped(qty: int, sign: str, at: int) -> None:
    """Seen to fail with ``int``, which reads ``1_000`` and ``+5``."""
    text = str(qty)
    with pytest.raises(typer.BadParameter, match="not a whole number"):
        units(text[:at] + sign + text[at:])


@pytest.mark.parametrize("text", ["0", "0.00", "-0.1", "1000.000001", "0,04", "1 000", "1e-2"])
def test_what_is_no_price(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        price_ucr(text)


@pytest.mark.parametrize(
    ("text", "after_ms"),
    [
        ("+2h", 2 * HOUR_MS),
        ("+90m", 90 * 60_000),
        ("+5min", 300_000),
        ("+1d2h3m4s", 26 * HOUR_MS + 184_000),
        ("+0s", 0),
    ],
)
def test_a_time_from_now(text: str, after_ms: int) -> None:
    assert when_ms(text, NOW_MS) == NOW_MS + after_ms


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("20:41", MIDNIGHT_MS + 20 * HOUR_MS + 41 * 60_000),
        ("20:40:47", MIDNIGHT_MS + 20 * HOUR_MS + 40 * 60_000 + 47_000),
        ("20:40", MIDNIGHT_MS + 44 * HOUR_MS + 40 * 60_000),
        ("0:00", MIDNIGHT_MS + 24 * HOUR_MS),
        ("1970-01-02T00:00", 24 * HOUR_MS),
        ("2025-11-29T21:40:46+01:00", NOW_MS - 500),
    ],
)
def test_a_time_of_the_clock_is_the_next_one(text: str, at_ms: int) -> None:
    assert when_ms(text, NOW_MS) == at_ms


@given(st.integers(0, 86_399))
def test_the_next_such_time_is_within_a_day(second: int) -> None:
    hour, rest = divmod(second, 3_600)
    at_ms = when_ms(f"{hour:02d}:{rest // 60:02d}:{rest % 60:02d}", NOW_MS)
    assert 0 < at_ms - NOW_MS <= 86_400_000
    assert at_ms % 86_400_000 == second * 1_000
    assert when_ms(moment(at_ms), NOW_MS) == at_ms


@pytest.mark.parametrize("text", ["", "+", "+h", "2h", "+2", "+2x", "24:00", "20:60", "20", "20h"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="not a time such as"):
        when_ms(text, NOW_MS)


PLACE = "order place small.eu-de.flat.spot"


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (f"{PLACE} buy 0,4 --price 0.1", "'QTY': 0,4 is not"),
        (f"{PLACE} buy 1_000 --price 0.1", "'QTY': 1_000 is not"),
        (f"{PLACE} buy 1 --price 0,04", "'--price': 0,04 is not"),
        (f"{PLACE} buy 1", "missing option '--price' or '--market'"),
        (f"{PLACE} rent 1 --market", "'rent' is not buy or sell"),
        (f"{PLACE} buy 1 --market --tif gtc", "--market trades at once"),
        (f"{PLACE} buy 1 --price 1 --tif gtd", "missing option '--until'"),
        (f"{PLACE} buy 1 --price 1 --tif day", "--tif day: not gtc, gtd, ioc, fok"),
        (f"{PLACE} buy 1 --price 1 --tif ioc --until +2h", "--until is for --tif gtd"),
        (f"{PLACE} buy 1 --price 1 --until 2025-01-01", "'--until': 2025-01-01 is over"),
        (f"{PLACE} buy 1 --price 1 --min-qty 0", "'--min-qty': 0 is not"),
        (f"{PLACE} buy 1 --price 1 --client-order-id {'x' * 65}", "--client-order-id"),
        ("order replace o-1", "missing option '--price' or '--qty'"),
        ("order replace o-1 --qty 1e3", "'--qty': 1e3 is not"),
        ("order cancel", "missing ORDER or one of --all"),
        ("order cancel o-1 --all", "not both ORDER or one of"),
        ("order cancel --side bid", "--side: 'bid' is not buy or sell"),
    ],
)
def test_wrong_usage_is_one_line_that_names_the_option(command: str, names: str) -> None:
    """No exchange is asked: none is there."""
    code, out, err = headroom(*command.split(), "--key", "none.pem", "--url", "ws://127.0.0.1:9")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert names in err
