"""The language of the rule tables: commands in, then trades, book, order states and frames.

A case is a list of steps and what must be true after the last one, all of it text:

* ``trades``: ``"3@100 ann.a cat.c"``: quantity, price, maker, taker; in order, split by ``;``.
* ``book``: ``"bob.b 4@99 | ann.a 3@101"``: the bids, best and oldest first, then the asks.
* ``orders``: ``"ann.a filled 3/3; cat.c canceled 1/4 ioc_remainder"``: filled of total, for every
  order that is done or has traded. Those that only rest are in the book.
* ``frames``: by label, the exec of each `OrderUpdate`, e.g. ``"new trade trade canceled"``.

A step that must be refused is wrapped in `no`. `play` checks more than it is told: a refusal leaves
no trace, and after every step the laws of ``laws.py`` hold.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from msgspec.structs import asdict

from exchange.model.commands import JournalMessage
from exchange.wire.frames import OrderUpdate
from exchange.wire.requests import OrderMassCancel
from exchange.wire.results import Done, OrderResult, Refused
from tests.exchange.support import laws
from tests.exchange.support.market import SYMBOL, Market, queue

Step = Callable[[Market], Done | Refused | None]

ACCOUNTS = ("ann", "bob", "cat", "dan")


class Case(NamedTuple):
    """One row of a table; see the module's docstring."""

    name: str
    steps: list[Step]
    trades: str = ""
    book: str = ""
    orders: str = ""
    frames: Mapping[str, str] = MappingProxyType({})


# --- steps ---


def buy(label: str, qty: int, price_ucr: int | None = None, **terms: Any) -> Step:
    return lambda market: market.place(label, "buy", qty, price_ucr, **terms)


def sell(label: str, qty: int, price_ucr: int | None = None, **terms: Any) -> Step:
    return lambda market: market.place(label, "sell", qty, price_ucr, **terms)


def replace(label: str, *, price: int | None = None, qty: int | None = None) -> Step:
    return lambda market: market.replace(label, price, qty)


def cancel(label: str) -> Step:
    return lambda market: market.cancel(label)


def mass_cancel(account: str, **which: Any) -> Step:
    return lambda market: market.send(OrderMassCancel(req_id=1, **which), account)


def tell(message: JournalMessage, account: str = "", host: str = "") -> Step:
    """Any other command."""
    return lambda market: market.send(message, account, host)


def wait(by_ms: int) -> Step:
    """Time passes, and what is due in it happens."""
    return lambda market: market.advance(by_ms)


def no(reason: str, step: Step, field: str | None = None) -> Step:
    """The step must be refused for ``reason``, naming ``field`` when that is given."""

    def refused(market: Market) -> None:
        reply = step(market)
        assert isinstance(reply, Refused), f"accepted, not refused for {reason}: {reply}"
        assert reply.reason == reason, reply
        assert reply.message, "a refusal says why"
        assert field in (None, reply.field), reply
        assert_amounts_are_fields(reply)

    return refused


def assert_amounts_are_fields(reply: Refused) -> None:
    """What the message says in ucr, a program reads in fields."""
    told = set(re.findall(r"\d+", reply.message)) if " ucr" in reply.message else set()
    fields = asdict(reply.amounts).values() if reply.amounts else ()
    assert told == {str(ucr) for ucr in fields if ucr is not None}, reply


def says(step: Step, **expected: Any) -> Step:
    """The step is accepted and its result has these values."""

    def accepted(market: Market) -> None:
        reply = step(market)
        assert isinstance(reply, Done), reply
        result = reply.result
        for name, value in expected.items():
            found = result[name] if isinstance(result, dict) else getattr(result, name)
            assert found == value, f"{name} is {found!r} in {result}"

    return accepted


def money(account: str, *, held: int | None = None, spent: int | None = None) -> Step:
    """What the account has held, and how much less it has in all than at the start."""

    def check(market: Market) -> None:
        available_ucr, held_ucr = market.money(account)
        assert held in (None, held_ucr), f"{account} holds {held_ucr}"
        first = market.balance_frames(account)[0].available_ucr
        assert spent in (None, first - available_ucr - held_ucr), (first, available_ucr, held_ucr)

    return check


# --- playing a case ---


def scene() -> Market:
    """Return the market every case begins with: four rich accounts, a host of 100 units each."""
    market = Market()
    for account in ACCOUNTS:
        market.open_account(account)
        market.add_host(account)
    return market


def play(case: Case, market: Market | None = None) -> Market:
    """Run a case and compare everything it says with what happened."""
    market = market or scene()
    for number, step in enumerate(case.steps):
        reply = step(market)
        assert not isinstance(reply, Refused), f"step {number}: {reply}"
        laws.check(market)
    assert trades_text(market) == case.trades
    assert book_text(market) == case.book
    assert orders_text(market) == case.orders
    for label, frames in case.frames.items():
        assert frames_text(market, label) == frames, label
    return market


def trades_text(market: Market) -> str:
    """Return the trades as a table shows them; maker and taker come from their own frames."""
    rows = []
    for trade in market.trades:
        sides = {
            frame.liquidity: f"{account}.{frame.client_order_id}"
            for account, frames in market.frames.items()
            for frame in frames
            if isinstance(frame, OrderUpdate) and frame.trade_id == trade.trade_id
        }
        rows.append(f"{trade.qty}@{trade.price_ucr} {sides['maker']} {sides['taker']}")
    return "; ".join(rows)


def book_text(market: Market, symbol: str = SYMBOL) -> str:
    """Return both queues as a table shows them, "" for an empty book."""
    sides = []
    for side in laws.SIDES:
        rows = queue(market.engine, symbol, side)
        sides.append(" ".join(f"{who}.{name} {qty}@{price}" for who, name, qty, price in rows))
    return " | ".join(sides).strip() if any(sides) else ""


def orders_text(market: Market) -> str:
    """Return every order that is done or traded as a table shows it, in order of placing."""
    rows = []
    for order_id, label in market.order_ids.items():
        last = market.hearing.orders[order_id]
        if last.status != "new" or last.filled_qty:
            reason = f" {last.reason}" if last.exec == "canceled" else ""
            rows.append(f"{label} {last.status} {last.filled_qty}/{last.order_qty}{reason}")
    return "; ".join(rows)


def frames_text(market: Market, label: str) -> str:
    return " ".join(frame.exec for frame in market.order_frames(label))


def result_of(reply: Done | Refused) -> OrderResult:
    """Return the order result of an accepted command."""
    assert isinstance(reply, Done) and isinstance(reply.result, OrderResult), reply
    return reply.result
