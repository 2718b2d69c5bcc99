"""The fast path (`exchange/trading/fast_path.py`) does what the general one does, byte for byte.

Two exchanges get the same commands. In one every account has a limit too wide to bind, which the
plain path leaves to the general one, and a cancel names the order by the exchange's id, which it
leaves too. Orders of several instruments, good till a date among them, replaces, cancels, drains
and passing time are mixed.

Seen to fail on planted bugs: the price held without the quantity, a canceled ask whose slots stay
taken, an ask accepted on a draining host, another hold or reason for windows in the general path,
a balance told at the end of an ask whose bond is zero.
"""

from random import Random
from typing import Any

import msgspec
import pytest

from exchange.model.commands import AdvanceTime, Command, JournalMessage, Out
from exchange.wire.admin_requests import AdminInstrument, AdminLimits
from exchange.wire.frames import Trade
from exchange.wire.requests import HostDrain, OrderCancel, OrderPlace, OrderReplace
from exchange.wire.results import Done, OrderResult, Refused
from tests.exchange.support.market import SYMBOL, Market, queue

SYMBOLS = (
    SYMBOL,
    "small.eu-de.metered.spot",
    "small.eu-de.flat.2023-11-15T00",
    "nano.eu-de.flat.spot",
)
"""Spot and a window, flat and metered; the last has a band and a tick (`exchange`)."""
CHEAP = SYMBOLS[1]
ACCOUNTS = ("ann", "bob", "cat", "dan")
SELLER_OF_TWO_HOSTS = "dan"
COMMANDS = 1500
encode = msgspec.msgpack.Encoder().encode


def exchange(limits: AdminLimits) -> Market:
    """Return a market of four traders with little money and few slots, so that some lack either."""
    market = Market()
    market.thorough = False
    for account in ACCOUNTS:
        market.open_account(account, 60_000)
        market.add_host(account, units=40)
        market.must(msgspec.structs.replace(limits, account=account))
    market.add_host(SELLER_OF_TWO_HOSTS, units=40)
    for host in range(1, len(ACCOUNTS) + 2):
        owner = ACCOUNTS[min(host, len(ACCOUNTS)) - 1]
        market.announce(owner, f"h-{host}", 40, classes=("small", "nano"))
    banded = AdminInstrument(req_id=1, symbol=SYMBOLS[-1], tick_ucr=2, ref_ucr=100, band_pct=8)
    market.must(banded)
    return market


def nameless(outs: list[Out]) -> list[Out]:
    """Return what was said without the field a refusal names: the two name orders differently."""
    reply = outs[0][1]
    if isinstance(reply, Refused):
        return [("", msgspec.structs.replace(reply, field=None)), *outs[1:]]
    return outs


def price_ucr(symbol: str, rng: Random) -> int:
    """Draw a price; in the cheap market the bond is often zero."""
    return rng.randint(1, 9) if symbol == CHEAP else 100 + rng.randint(-9, 9)


class Twins:
    """The plain and the general exchange, and the order ids by label."""

    def __init__(self) -> None:
        self.plain = exchange(AdminLimits(req_id=1, account="", orders_per_s=7))
        self.general = exchange(AdminLimits(req_id=1, account="", max_open_orders=10**6))
        self.order_ids: dict[str, str] = {}
        self.accepted = self.trades = 0

    def send(
        self, account: str, message: JournalMessage, general: JournalMessage | None = None
    ) -> Done | Refused:
        """Apply a command to both; all they say must be the same. Returns the reply."""
        plain_outs = self._apply(self.plain, account, message)
        general_outs = self._apply(self.general, account, general or message)
        assert encode(nameless(plain_outs)) == encode(nameless(general_outs))
        reply = plain_outs[0][1]
        assert isinstance(reply, Done | Refused)
        self.accepted += isinstance(reply, Done)
        self.trades += any(isinstance(event, Trade) for _, event in plain_outs)
        return reply

    def _apply(self, market: Market, account: str, message: JournalMessage) -> list[Out]:
        return market.engine.apply(Command(account, "", 0, message), market.now_ms)

    def place(self, label: str, rng: Random) -> None:
        account, _, client_order_id = label.partition(".")
        symbol = rng.choice(SYMBOLS)
        order = OrderPlace(
            req_id=1,
            client_order_id=client_order_id,
            symbol=symbol,
            side="buy" if rng.random() < 0.5 else "sell",
            order_type="limit",
            qty=rng.randint(1, 9),
            price_ucr=price_ucr(symbol, rng),
            post_only=rng.random() < 0.1,
            **self.until(rng),
        )
        reply = self.send(account, order)
        if isinstance(reply, Done) and isinstance(reply.result, OrderResult):
            self.order_ids[label] = reply.result.order_id

    def until(self, rng: Random) -> dict[str, Any]:
        """Return the fields of an order good till a date, now and then."""
        if rng.random() < 0.9:
            return {}
        return {"time_in_force": "gtd", "expire_ms": self.plain.now_ms + rng.randint(1, 9_000)}

    def replace(self, label: str, rng: Random) -> None:
        account, _, client_order_id = label.partition(".")
        change = OrderReplace(
            req_id=1,
            client_order_id=client_order_id,
            price_ucr=100 + rng.randint(-9, 9),
            qty=rng.randint(1, 9),
        )
        self.send(account, change)

    def wait(self, ms: int) -> None:
        """Let time pass in both."""
        for market in (self.plain, self.general):
            market.now_ms += ms
        self.send("", AdvanceTime())

    def cancel(self, label: str) -> None:
        account, _, client_order_id = label.partition(".")
        by_name = OrderCancel(req_id=1, client_order_id=client_order_id)
        by_id = OrderCancel(req_id=1, order_id=self.order_ids[label])
        self.send(account, by_name, by_id)

    def drain(self, account: str, enabled: bool) -> None:
        host = f"h-{ACCOUNTS.index(account) + 1}"
        self.send(account, HostDrain(req_id=1, host=host, enabled=enabled))

    def same_state(self) -> None:
        plain, general = self.plain.engine, self.general.engine
        assert plain.balances() == general.balances()
        assert plain.hosts() == general.hosts()
        for symbol in SYMBOLS:
            assert plain.take_touched(symbol) == general.take_touched(symbol)
            assert queue(plain, symbol, "buy") == queue(general, symbol, "buy")
            assert queue(plain, symbol, "sell") == queue(general, symbol, "sell")
        for account in ACCOUNTS:
            assert encode(plain.account_state(account)) == encode(general.account_state(account))


@pytest.mark.parametrize("seed", range(4))
def test_the_plain_path_is_the_general_one(seed: int) -> None:
    rng, twins = Random(f"plain/{seed}"), Twins()
    for number in range(COMMANDS):
        account = rng.choice(ACCOUNTS)
        chance = rng.random()
        if chance < 0.55 or not twins.order_ids:
            twins.place(f"{account}.c{number}", rng)
        elif chance < 0.90:
            twins.cancel(rng.choice(list(twins.order_ids)))
        elif chance < 0.95:
            twins.replace(rng.choice(list(twins.order_ids)), rng)
        elif chance < 0.98:
            twins.wait(rng.randint(1, 3_000))
        else:
            twins.drain(account, rng.random() < 0.5)
        if number % 50 == 0:
            twins.same_state()
    twins.same_state()
    assert twins.accepted > COMMANDS / 3, "many commands are accepted"
    assert twins.trades > COMMANDS / 50, "some trade"
