"""What people type and read at the shell: credits and dates, never micro-credits or epoch times."""

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from exchange.cli.common import moment, money, ucr, utc_ms
from exchange.cli.result_text import result_lines
from exchange.units import MAX_INT, credits_text
from tests.exchange.support.harness import headroom

DEPOSIT = "admin deposit --account a --ref r --key none.pem"
OFFER = f"image offer {'0' * 64} --title t --key none.pem"


@pytest.mark.parametrize(
    ("text", "amount_ucr"),
    [("500", 500_000_000), ("0.025", 25_000), ("-3.5", -3_500_000), ("0.000001", 1), ("0", 0)],
)
def test_an_amount_in_credits(text: str, amount_ucr: int) -> None:
    assert ucr(text) == amount_ucr


@pytest.mark.parametrize(
    "text", ["", "x", "nan", "inf", "1e3", "1_000", "0.0000001", "1.", ".5", "5 ", "٣", "9" * 17]
)
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="not an amount of credits"):
        ucr(text)


@given(st.integers(-MAX_INT, MAX_INT))
def test_an_amount_reads_back_as_it_is_shown(amount_ucr: int) -> None:
    assert ucr(credits_text(amount_ucr)) == amount_ucr
    assert ucr(money(amount_ucr).removesuffix(" credits")) == amount_ucr


@given(st.integers(0, 253_402_300_799))
def test_a_time_reads_back_as_it_is_shown(at_s: int) -> None:
    assert utc_ms(moment(at_s * 1_000)) == at_s * 1_000


def test_the_latest_time_of_the_wire_can_be_shown() -> None:
    assert moment(MAX_INT) == "after the year 9999"


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-02", 86_400_000),
        ("1970-01-01T00:01", 60_000),
        ("1970-01-01T01:00:00+01:00", 0),
    ],
)
def test_a_date(text: str, ms: int) -> None:
    assert utc_ms(text) == ms


@pytest.mark.parametrize("text", ["", "5", "1e9", "2026-13-01", "0001-01-01", "1969-12-31"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        utc_ms(text)


def test_a_result_in_credits_and_dates() -> None:
    """Seen to fail with the fields as they are: ``charged_ucr: 1667``."""
    result = {
        "lease_id": "l-1",
        "charged_ucr": 1_667,
        "end_ms": 1_764_448_846_000,
        "grace_ms": 30_000,
        "ready_ms": None,
        "again": False,
        "accel": ["kvm", "tcg"],
        "images": [],
        "accounts": {},
        "host": {"price_ucr": 1},
    }
    assert list(result_lines(result)) == [
        "lease_id: l-1",
        "charged: 0.001667 credits",
        "end: 2025-11-29T20:40:46Z",
        "grace: 30000 ms",
        "ready_ms: -",
        "again: no",
        "accel: kvm, tcg",
        "images: none",
        "accounts: none",
        "host.price: 0.000001 credits",
    ]


def test_rows_are_a_table() -> None:
    rows = [{"application": "a-1-1", "ts_ms": 1_764_448_846_000, "name": "x\x1b[2J"}]
    balances = {"shop": {"held_ucr": 5}, "fees": {"held_ucr": 10_000_000}}
    assert list(result_lines({"applications": rows, "balances": balances})) == [
        "",
        "APPLICATION  TS                    NAME",
        "a-1-1        2025-11-29T20:40:46Z  x\ufffd[2J",
        "",
        "BALANCES  HELD",
        "shop      0.000005 credits",
        "fees      10.000000 credits",
    ]


WRONG = [
    (DEPOSIT, "admin deposit: missing option '--amount' or '--amount-ucr'"),
    (f"{DEPOSIT} --amount 1 --amount-ucr 1", "admin deposit: --amount or --amount-ucr, not both"),
    (f"{DEPOSIT} --amount 0.0000001", "0.0000001 is not an amount of credits"),
    (f"{DEPOSIT} --amount 9007199255", "--amount-ucr"),
    (OFFER, "image offer: missing option '--price' or '--price-ucr'"),
    (f"{OFFER} --price -1", "image offer: "),
    ("admin key --account a --key-id k --public-key p --role viewer --key k --not-after x", "date"),
]


@pytest.mark.parametrize(("line", "part"), WRONG)
def test_money_typed_wrong_is_one_line(line: str, part: str) -> None:
    code, out, errors = headroom(*line.split(), "--url", "ws://127.0.0.1:9")
    assert (code, out, errors.count("\n")) == (2, "", 1)
    assert part in errors


@pytest.mark.parametrize("amount", ["--amount 0.5", "--amount-ucr 500000"])
def test_either_unit_will_do(amount: str) -> None:
    code, _, errors = headroom(*DEPOSIT.split(), *amount.split(), "--url", "ws://127.0.0.1:9")
    assert (code, errors) == (1, "headroom: key file none.pem: No such file or directory\n")
