"""The plain path (`exchange/plain.py`) says and does what the general one does, byte for byte.

Two exchanges get the same commands. In one every account has a limit too wide to bind, which the
plain path leaves to the general one, and a cancel names the order by the exchange's id, which it
leaves too. Seen to fail on planted bugs: the price held without the quantity, a canceled ask whose
slots stay taken, an ask accepted on a host that is draining.
"""

from random import Random

import msgspec
import pytest

from exchange.commands import Command, Done, JournalMessage, OrderResult, Out, Refused
from exchange.frames import Trade
from exchange.operator_requests import AdminLimits
from exchange.protocol import HostDrain, OrderCancel, OrderPlace
from tests.exchange.market import SYMBOL, Market, queue

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
    return market


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
        assert encode(plain_outs) == encode(general_outs)
        reply = plain_outs[0][1]
        assert isinstance(reply, Done | Refused)
        self.accepted += isinstance(reply, Done)
        self.trades += any(isinstance(event, Trade) for _, event in plain_outs)
        return reply

    def _apply(self, market: Market, account: str, message: JournalMessage) -> list[Out]:
        return market.engine.apply(Command(account, "", 0, message), market.now_ms)

    def place(self, label: str, rng: Random) -> None:
        account, _, client_order_id = label.partition(".")
        order = OrderPlace(
            req_id=1,
            client_order_id=client_order_id,
            symbol=SYMBOL,
            side="buy" if rng.random() < 0.5 else "sell",
            order_type="limit",
            qty=rng.randint(1, 9),
            price_ucr=100 + rng.randint(-9, 9),
            post_only=rng.random() < 0.1,
        )
        reply = self.send(account, order)
        if isinstance(reply, Done) and isinstance(reply.result, OrderResult):
            self.order_ids[label] = reply.result.order_id

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
        assert plain.take_touched(SYMBOL) == general.take_touched(SYMBOL)
        assert queue(plain, SYMBOL, "buy") == queue(general, SYMBOL, "buy")
        assert queue(plain, SYMBOL, "sell") == queue(general, SYMBOL, "sell")


@pytest.mark.parametrize("seed", range(4))
def test_the_plain_path_is_the_general_one(seed: int) -> None:
    rng, twins = Random(f"plain/{seed}"), Twins()
    for number in range(COMMANDS):
        account = rng.choice(ACCOUNTS)
        chance = rng.random()
        if chance < 0.55 or not twins.order_ids:
            twins.place(f"{account}.c{number}", rng)
        elif chance < 0.98:
            twins.cancel(rng.choice(list(twins.order_ids)))
        else:
            twins.drain(account, rng.random() < 0.5)
        if number % 50 == 0:
            twins.same_state()
    twins.same_state()
    assert twins.accepted > COMMANDS / 3, "many commands are accepted"
    assert twins.trades > COMMANDS / 50, "some trade"
