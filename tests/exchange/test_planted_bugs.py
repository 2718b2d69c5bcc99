"""The laws bite: each bug below is planted in the engine for a moment and must be caught.

A planted bug puts a slip of the hand in the place of one function, for as long as one test runs;
the very storm that passes on the right engine must then fail. Without this file a law that can
never fail would look just like a law that holds.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from exchange import execution
from exchange.book import Book
from exchange.capacity import Host
from exchange.instrument import Instrument
from exchange.ledger import Ledger
from exchange.units import MS_PER_HOUR
from tests.exchange import laws
from tests.exchange.drive import Storm
from tests.exchange.market import Market
from tests.exchange.noise import full_config

COMMANDS: Final = 3_000
SEED: Final = 1


@contextmanager
def planted(owner: Any, name: str, slip: Callable[[Any], Any]) -> Iterator[None]:
    """Put ``slip(right function)`` in the place of a function or method, and the right one back."""
    right = getattr(owner, name)
    setattr(owner, name, slip(right))
    try:
        yield
    finally:
        setattr(owner, name, right)


# --- the slips: each gets the right function and returns the wrong one ---


def decrease_loses_priority(right: Any) -> Any:
    """Rule 1: a decrease must keep its place."""

    def reduce(book: Book, order: Any, by_qty: int) -> None:
        right(book, order, by_qty)
        book.remove(order)
        book.rest(order)

    return reduce


def hold_stays(right: Any) -> Any:
    """What an order holds must come back when it ends."""

    def give_back(state: Any, instrument: Any, order: Any, units: int) -> None:
        right(state, instrument, order, units)
        state.ledger.hold(order.account, order.hold_unit_ucr * units, "order")

    return give_back


def hold_comes_back_twice(right: Any) -> Any:
    """A void gives back what was held, once."""

    def void(ledger: Ledger, account: Any, amount_ucr: int, why: str) -> None:
        right(ledger, account, amount_ucr, why)
        account.available_ucr += 1 if why == "trade" else 0

    return void


def fok_counts_own_orders(right: Any) -> Any:
    """Rule 5: only non-self liquidity counts."""

    def fillable(book: Book, taker: Any, limit_ucr: int, enough: int) -> int:
        makers = book.levels("sell" if taker.sign > 0 else "buy", 0)
        return sum(qty for price, qty, _ in makers if (limit_ucr - price) * taker.sign >= 0)

    return fillable


def own_order_behind_is_met_too(right: Any) -> Any:
    """Rule 3: only an own order that would be reached refuses a replace."""

    def meets_own(book: Book, taker: Any, limit_ucr: int) -> bool:
        makers = book.orders(-taker.sign)
        return any(maker.account is taker.account for maker in makers)

    return meets_own


def slots_stay(right: Any) -> Any:
    """An ask that ends must give its slots back."""

    def take(host: Host, need: Any, bucket: Any, units: int) -> None:
        if units > 0 or bucket is not None:
            right(host, need, bucket, units)

    return take


def bond_rounds_up(right: Any) -> Any:
    """A spot bond is 10 minutes of the price, rounded down."""

    def bond_ucr(instrument: Instrument, price_ucr: int) -> int:
        return -(-price_ucr // 6)

    return bond_ucr


STORMS: Final = [
    (Book, "reduce", decrease_loses_priority),
    (execution, "give_back", hold_stays),
    (Ledger, "void", hold_comes_back_twice),
    (Book, "fillable", fok_counts_own_orders),
    (Book, "meets_own", own_order_behind_is_met_too),
    (Host, "take", slots_stay),
    (Instrument, "bond_ucr", bond_rounds_up),
]


@pytest.mark.parametrize(
    ("owner", "name", "slip"), STORMS, ids=lambda it: getattr(it, "__name__", it)
)
def test_a_storm_catches(owner: Any, name: str, slip: Callable[[Any], Any]) -> None:
    with planted(owner, name, slip), pytest.raises(AssertionError, match=f"seed {SEED}"):
        Storm(SEED).run(COMMANDS)


def test_the_same_storm_passes_on_the_right_engine() -> None:
    Storm(SEED).run(COMMANDS)


# --- windows: the bucket of an hour ---


def counted_an_hour_late(right: Any) -> Any:
    def take(host: Host, need: Any, bucket: int | None, units: int) -> None:
        right(host, need, None if bucket is None else bucket + MS_PER_HOUR, units)

    return take


def looked_up_an_hour_late(right: Any) -> Any:
    def free(host: Host, bucket: int | None) -> Any:
        return right(host, None if bucket is None else bucket + MS_PER_HOUR)

    return free


def sell_a_window_twice() -> Market:
    """Offer all of a host in one hour, then once more."""
    market = Market(full_config())
    market.open_account("ann")
    market.add_host("ann", units=10)
    window = next(s for s in market.engine.symbols() if s.startswith("small.eu-de.flat.2"))
    market.place("ann.a", "sell", 10, 600, symbol=window)
    market.place("ann.b", "sell", 10, 600, symbol=window)
    return market


@pytest.mark.parametrize(
    ("name", "slip"), [("take", counted_an_hour_late), ("free", looked_up_an_hour_late)]
)
def test_the_laws_catch_a_bucket_off_by_one(name: str, slip: Callable[[Any], Any]) -> None:
    with planted(Host, name, slip):
        market = sell_a_window_twice()
        with pytest.raises(AssertionError, match="h-1"):
            laws.check(market)


def test_a_window_is_not_sold_twice_by_the_right_engine() -> None:
    market = sell_a_window_twice()
    laws.check(market)
    assert len(list(market.live_orders())) == 1
