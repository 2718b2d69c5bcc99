"""Pages of an account and its frames, in whatever order things happen, lead to the exact account.

On the pure engine: between any two pages anything may change, and a client that joins the pages and
then applies the frames that came after the first one knows what `account.state` says.
"""

from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exchange.engine import account_pages
from exchange.wire.frames import LeaseUpdate, OrderUpdate
from exchange.wire.requests import LeaseRelease, OrderMassCancel
from exchange.wire.results import Done, OrderResult, Refused
from exchange.wire.types import FILLS_TOLD_MAX
from tests.exchange.support.market import SYMBOL, Market

ENDED: Final = ("canceled", "expired", "filled", "ended")


class Reader:
    """A client that knows the account from pages of ``limit`` rows and the frames behind them."""

    def __init__(self, market: Market, account: str, limit: int) -> None:
        self._market = market
        self._account = account
        self._limit = limit
        self._after: str | None = None
        self._rows: dict[str, Any] = {}
        self._begun_seq: int | None = None
        self.done = False

    def read_on(self) -> None:
        """Read one page, of the orders and leases."""
        engine = self._market.engine
        if self._begun_seq is None:
            self._begun_seq = engine.account_seq(self._account)
        kinds = ("orders", "leases")
        made = engine.account_page(self._account, kinds, self._after, self._limit)
        assert not isinstance(made, Refused)
        rows, self._after = made
        assert sum(map(len, rows.values())) <= self._limit
        found: list[Any] = [*rows["orders"], *rows["leases"]]
        for row in found:
            self._rows[_name(row)] = row
        self.done = self._after is None

    def knows(self) -> dict[str, tuple[Any, ...]]:
        """Return what is known in the end: the pages, then every frame behind the first one."""
        assert self._begun_seq is not None
        rows: dict[str, Any] = dict(self._rows)
        for frame in self._market.frames.get(self._account, ()):
            if isinstance(frame, OrderUpdate | LeaseUpdate) and frame.account_seq > self._begun_seq:
                rows[_name(frame)] = frame
        return {name: _facts(row) for name, row in rows.items() if _facts(row)}


def _name(row: OrderUpdate | LeaseUpdate) -> str:
    return row.order_id if isinstance(row, OrderUpdate) else row.lease_id


def _facts(row: OrderUpdate | LeaseUpdate) -> tuple[Any, ...]:
    """Return what a row says of its thing, nothing when that has ended."""
    if isinstance(row, LeaseUpdate):
        return () if row.state == "ended" else (row.units, row.state, row.price_ucr, row.side)
    if row.status in ENDED:
        return ()
    return row.status, row.order_qty, row.filled_qty, row.leaves_qty, row.price_ucr, row.side


def _truth(market: Market, account: str) -> dict[str, tuple[Any, ...]]:
    state = market.engine.account_state(account)
    rows: list[OrderUpdate | LeaseUpdate] = [*state.orders, *state.leases]
    return {_name(row): _facts(row) for row in rows}


prices = st.integers(1, 6).map(lambda steps: steps * 100)
orders = st.tuples(
    st.just("place"), st.sampled_from(["buyer", "seller"]), st.integers(1, 4), prices
)
changes = st.tuples(st.sampled_from(["cancel", "replace"]), st.integers(0, 30), prices)
others = st.tuples(st.sampled_from(["mass", "release", "wait", "page", "page", "page"]))
steps = st.lists(st.one_of(orders, orders, changes, others), max_size=50)


def _scene() -> Market:
    market = Market()
    market.thorough = False
    for account in ("buyer", "seller"):
        market.open_account(account)
    market.add_host("seller")
    return market


def _do(market: Market, step: tuple[Any, ...], placed: list[str]) -> None:
    match step:
        case ("place", account, qty, price_ucr):
            placed.append(f"{account}.{len(placed)}")
            market.place(placed[-1], "buy" if account == "buyer" else "sell", qty, price_ucr)
        case ("cancel", number, _) if placed:
            market.cancel(placed[number % len(placed)])
        case ("replace", number, price_ucr) if placed:
            market.replace(placed[number % len(placed)], price_ucr, 1 + number % 5)
        case ("mass",):
            market.send(OrderMassCancel(req_id=1, symbol=SYMBOL, side="buy"), "buyer")
        case ("release",):
            leases = market.engine.account_state("buyer").leases
            for row in leases[:1]:
                market.send(LeaseRelease(req_id=1, lease_id=row.lease_id, units=1), "buyer")
        case ("wait",):
            market.advance(400_000)
        case _:
            pass


@given(steps, steps, st.integers(1, 4))
@example([("place", "buyer", 1, 100)] * 3, [("cancel", 0, 100), ("page",)], 1)
def test_pages_and_frames_lead_to_the_account(
    before: list[Any], between: list[Any], limit: int
) -> None:
    """(Seen to fail: with a cursor one too far, and with the frames behind the last page only.)"""
    market, placed = _scene(), list[str]()
    for step in before:
        _do(market, step, placed)
    readers = [Reader(market, account, limit) for account in ("buyer", "seller")]
    for reader in readers:
        reader.read_on()
    for step in between:
        for reader in readers:
            if step == ("page",) and not reader.done:
                reader.read_on()
        _do(market, step, placed)
    for reader, account in zip(readers, ("buyer", "seller"), strict=True):
        for step in (*between, *[("wait",)] * 200):
            if not reader.done:
                reader.read_on()
                _do(market, step, placed)
        assert reader.done
        assert reader.knows() == _truth(market, account)


@given(steps, st.integers(1, 3))
def test_the_pages_of_a_moment_are_the_whole(before: list[Any], limit: int) -> None:
    market, placed = _scene(), list[str]()
    for step in before:
        _do(market, step, placed)
    whole = market.engine.account_state("buyer")
    rows: dict[str, list[Any]] = {kind: [] for kind in account_pages.KINDS}
    after = None
    while True:
        made = market.engine.account_page("buyer", account_pages.KINDS, after, limit)
        assert not isinstance(made, Refused)
        for kind, found in made[0].items():
            rows[kind] += found
        after = made[1]
        if after is None:
            break
    assert rows == {kind: getattr(whole, kind) for kind in account_pages.KINDS}


@pytest.mark.parametrize(
    "after", ["orders", "orders:x", "orders:-1", "orders:²", "leases:1", "tickets:1", ":", "1"]
)
def test_a_cursor_of_something_else_is_refused(after: str) -> None:
    market = _scene()
    made = market.engine.account_page("buyer", ("orders",), after, 10)
    if after == "orders":
        assert made == ({"orders": []}, None), "the beginning"
    else:
        assert isinstance(made, Refused)
        assert (made.reason, made.field) == ("invalid_field", "after")


def test_the_balances_come_in_pages_too() -> None:
    market = _scene()
    after, found = None, dict[str, Any]()
    for _ in market.engine.balances():
        made = market.engine.balance_page(after, 1)
        assert not isinstance(made, Refused)
        found |= made[0]
        after = made[1]
    assert after is None
    told = {name: (row.available_ucr, row.held_ucr) for name, row in found.items()}
    whole = market.engine.balances()
    assert told == {name: (row.available_ucr, row.held_ucr) for name, row in whole.items()}
    assert isinstance(market.engine.balance_page("nobody", 1), Refused)


def test_an_order_with_very_many_fills_says_how_many_it_leaves_out() -> None:
    """(Seen to fail: all of them were in one ack, 60 bytes each without end.)"""
    market, count = Market(), FILLS_TOLD_MAX + 20
    market.thorough = False
    for account in ("buyer", "seller"):
        market.open_account(account)
    market.add_host("seller", units=count)
    for number in range(count):
        market.place(f"seller.{number}", "sell", 1, 100)
    for duplicate in (False, True):
        reply = market.place("buyer.all", "buy", count + 1, 100)
        assert isinstance(reply, Done)
        result = reply.result
        assert isinstance(result, OrderResult)
        assert (result.duplicate, result.filled_qty) == (duplicate, count)
        assert (len(result.fills), result.more_fills) == (FILLS_TOLD_MAX, 20)
    reply = market.cancel("buyer.all")
    assert isinstance(reply, Done)
    assert isinstance(reply.result, OrderResult)
    assert (len(reply.result.fills), reply.result.more_fills) == (FILLS_TOLD_MAX, 20)
    assert len(market.order_frames("buyer.all")) == 1 + count + 1, "the channel tells each"
