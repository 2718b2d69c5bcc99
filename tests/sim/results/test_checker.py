"""Each law of the checker, shown to fail on a planted bug.

A small market is traded through the real engine under the checker's eyes; then something is
tampered with that the engine would have to get wrong, and the next command must be answered by
`LawBrokenError` naming the law.
"""

from collections.abc import Callable

import msgspec
import pytest

from exchange.model.account import make_order
from exchange.model.commands import (
    Command,
    EnrollHost,
    Genesis,
    HostSilent,
    JournalMessage,
    Started,
)
from exchange.model.config import default_config
from exchange.units import MS_PER_HOUR, UCR_PER_CREDIT
from exchange.wire.admin_requests import AdminAccount, AdminDeposit, AdminKey
from exchange.wire.requests import (
    HostAnnounce,
    HostSynced,
    HostToken,
    LeaseRelease,
    OrderPlace,
)
from exchange.wire.types import Capacity, Side
from sim.network.identity import Identity
from sim.network.marketplace import ObservedEngine
from sim.results import checker as checking
from sim.results.checker import Checker, LawBrokenError

SYMBOL = "small.eu-de.flat.spot"
HOST = Capacity(mvcpu=4000, mem_mib=16_384, disk_mib=65_536)
START_MS = 1_000_000


class Market:
    """Two accounts, one host of four units, a checker that sees every command."""

    def __init__(self) -> None:
        config = default_config()
        self.engine = ObservedEngine(config, [])
        self.checker = Checker(self.engine, config)
        self.engine.observers.append(self.checker.observe)
        self.now_ms = START_MS
        self.orders = 0
        operator = Identity(1, "operator").public_key
        self.do("", Genesis(config, operator))
        self.do("", Started(1))
        for account in ("buyer", "seller"):
            self.do("operator", AdminAccount(req_id=1, account=account, name=account))
            key = Identity(1, account).public_key
            self.do(
                "operator",
                AdminKey(req_id=1, account=account, key_id=account, public_key=key, role="trader"),
            )
            amount_ucr = 10 * UCR_PER_CREDIT
            deposit = AdminDeposit(req_id=1, account=account, amount_ucr=amount_ucr, ref="start")
            self.do("operator", deposit)
        self._host()

    def do(self, account: str, message: JournalMessage, host: str = "") -> None:
        self.now_ms += 1000
        outs = self.engine.apply(Command(account, host, 0, message), self.now_ms)
        assert type(outs[0][1]).__name__ == "Done", outs[0][1]

    def order(self, account: str, side: Side, qty: int, price_ucr: int) -> None:
        self.do(account, self.place(side, qty, price_ucr))

    def place(self, side: Side, qty: int, price_ucr: int) -> OrderPlace:
        self.orders += 1
        return OrderPlace(
            req_id=1,
            client_order_id=f"c-{self.orders}",
            symbol=SYMBOL,
            side=side,
            order_type="limit",
            qty=qty,
            price_ucr=price_ucr,
        )

    def do_nothing_much(self, times: int) -> None:
        for number in range(times):
            self.do("operator", AdminAccount(req_id=1, account="bystander", name=f"{number}"))

    def trade_on(self) -> None:
        """Whatever was planted: the next few commands must not be answered with a shrug."""
        self.order("buyer", "buy", 1, 25_000)
        self.order("seller", "sell", 2, 61_000)

    def _host(self) -> None:
        self.do(
            "seller", HostToken(req_id=1, zone="eu-de", token_sha256="ab" * 32, uses=1, ttl_s=9)
        )
        key = Identity(1, "host").public_key
        self.do("", EnrollHost("ab" * 32, "server", "hw", key))
        self.do("seller", HostSynced(instruction_id="i", boot_id="b", vms=[]), "h-1")
        self.do(
            "seller",
            HostAnnounce(
                req_id=1,
                capacity=HOST,
                offered=HOST,
                classes=["small"],
                cpu_model="x",
                accel="simulated",
                agent_version="1",
                boot_id="b",
            ),
            "h-1",
        )


def traded() -> Market:
    """Return a market with a lease of two units, an ask of one and a bid of one."""
    market = Market()
    market.order("seller", "sell", 3, 60_000)
    market.order("buyer", "buy", 2, 60_000)
    market.order("buyer", "buy", 1, 30_000)
    return market


def test_an_honest_market_breaks_no_law() -> None:
    market = traded()
    market.now_ms += 3 * MS_PER_HOUR
    market.order("buyer", "buy", 1, 20_000)
    market.do("buyer", LeaseRelease(req_id=1, lease_id="l-1", units=1))
    market.do("", HostSilent("h-1", market.now_ms))
    market.do("buyer", LeaseRelease(req_id=1, lease_id="l-1"))
    market.checker.finish()
    assert market.checker.commands > 15


def steal_from_the_pot(market: Market) -> None:
    market.engine.state.ledger.accounts["fees"].available_ucr += 1


def move_money_between_accounts(market: Market) -> None:
    accounts = market.engine.state.ledger.accounts
    accounts["seller"].available_ucr += 1
    accounts["buyer"].available_ucr -= 1


def keep_a_fee_too_much(market: Market) -> None:
    accounts = market.engine.state.ledger.accounts
    accounts["seller"].available_ucr -= 1
    accounts["fees"].available_ucr += 1


def let_somebody_owe(market: Market) -> None:
    account = market.engine.state.ledger.accounts["seller"]
    account.held_ucr += account.available_ucr + 5
    account.available_ucr = -5


def forget_part_of_a_hold(market: Market) -> None:
    account = market.engine.state.ledger.accounts["buyer"]
    account.held_ucr -= 1
    account.available_ucr += 1


def hold_a_lease_for_ever(market: Market) -> None:
    market.engine.state.leases[1].hold_ucr += 10 * UCR_PER_CREDIT


def lose_a_lease(market: Market) -> None:
    del market.engine.state.leases[1]


def give_slots_twice(market: Market) -> None:
    """The host forgets one unit in use, so that its seller can sell five of four."""
    market.engine.state.hosts["h-1"].take((1000, 2148, 10_240), None, -1)


def cross_the_book(market: Market) -> None:
    """An ask of 28,000 rests although somebody bids 30,000."""
    state = market.engine.state
    ask = market.place("sell", 1, 28_000)
    order = make_order(99, state.ledger.accounts["seller"], ask, ask.price_ucr)
    state.instruments[SYMBOL].book.rest(order)


PLANTED: list[tuple[str, Callable[[Market], None]]] = [
    ("money", steal_from_the_pot),
    ("paid", move_money_between_accounts),
    ("paid", keep_a_fee_too_much),
    ("money", let_somebody_owe),
    ("held", forget_part_of_a_hold),
    ("held", hold_a_lease_for_ever),
    ("leases", lose_a_lease),
    ("slots", give_slots_twice),
    ("book", cross_the_book),
]


@pytest.mark.parametrize(("law", "plant"), PLANTED, ids=lambda item: getattr(item, "__name__", ""))
def test_a_planted_bug_breaks_its_law(law: str, plant: Callable[[Market], None]) -> None:
    market = traded()
    plant(market)
    with pytest.raises(LawBrokenError, match=f"law '{law}' broken"):
        market.trade_on()


def test_a_bug_far_from_any_command_is_found_by_the_full_look() -> None:
    """The seller loses a ucr to the buyer, and neither is touched by what follows."""
    market = traded()
    move_money_between_accounts(market)
    with pytest.raises(LawBrokenError, match="law 'paid'"):
        market.do_nothing_much(checking.FULL_EVERY)


def test_a_lease_that_never_ends_is_found_at_the_end() -> None:
    market = traded()
    with pytest.raises(LawBrokenError, match="l-1 never ended"):
        market.checker.finish()


def test_an_ended_lease_that_changes_is_found() -> None:
    market = traded()
    seen = market.engine.apply(
        Command("buyer", "", 0, LeaseRelease(req_id=1, lease_id="l-1")), market.now_ms + 1
    )
    frames = [out for out in seen if type(out[1]).__name__ == "LeaseUpdate"]
    again = msgspec.structs.replace(frames[0][1], state="active")
    command = Command("buyer", "", 0, LeaseRelease(req_id=1, lease_id="l-1"))
    with pytest.raises(LawBrokenError, match="l-1 changed after its end"):
        market.checker.observe(command, [seen[0], ("buyer", again)], market.now_ms + 2)
