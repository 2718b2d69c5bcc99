"""One account's day, checked to the micro-credit by an independent calculation.

Two windows, a metered spot lease, a recall in the first hour, a host loss and a launch failure. The
expectation is worked out from rules.md 5.2, 5.3, 5.4 and 5.7 with fractions, not with the engine's
integers.
"""

from fractions import Fraction
from math import ceil, floor

from exchange.wire.frames import BalanceUpdate, Charge
from tests.exchange.support.lease_market import HOUR, MINUTE, LeaseMarket

FIRST = "small.eu-de.flat.2023-11-14T23"
SECOND = "small.eu-de.flat.2023-11-15T00"
METERED = "small.eu-de.metered.spot"
START_OF_FIRST = 1_700_002_800_000
DEPOSIT = 10**9


class Statement:
    """What the buyer's day costs, lease by lease, and what the seller and the exchange get."""

    def __init__(self) -> None:
        self.buyer = 0
        self.seller = 0
        self.fees = 0

    def charge(self, *totals: Fraction) -> None:
        """A lease whose total owed at each posting was ``totals``: rounded up, never twice."""
        charged = 0
        for total in totals:
            amount = ceil(total) - charged
            charged += amount
            fee = floor(Fraction(amount, 100))
            self.buyer -= amount
            self.seller += amount - fee
            self.fees += fee

    def bond(self, amount: int) -> None:
        self.buyer += amount
        self.seller -= amount


def hours(ms: int) -> Fraction:
    return Fraction(ms, HOUR)


def test_a_day_of_leases_to_the_micro_credit() -> None:
    market, due = LeaseMarket(), Statement()
    let_down_twice(market, due)
    two_windows_and_a_metered_lease(market, due)
    lose_the_host(market, due)
    assert market.money("buyer") == (DEPOSIT + due.buyer, 0)
    assert market.money("seller") == (DEPOSIT + due.seller, 0)
    assert market.money("fees") == (due.fees, 0)
    assert market.everything_ucr() == 0
    check_the_account_channel(market)


def let_down_twice(market: LeaseMarket, due: Statement) -> None:
    """A launch failure: nothing owed, bond paid. A recall after 17 min 3 s: 2 min notice, bond."""
    vm = market.start(market.lease(price_ucr=31_411), "failed")
    market.report(vm, "failed", reason="boot_failed")
    due.charge(Fraction(0))
    due.bond(31_411 // 6)

    lease = market.lease(price_ucr=27_183, units=2)
    market.advance(17 * MINUTE + 3_000)
    market.recall(lease)
    market.advance(2 * MINUTE)
    due.charge(Fraction(2 * 27_183) * hours(19 * MINUTE + 3_000))
    due.bond(2 * (27_183 // 6))


def two_windows_and_a_metered_lease(market: LeaseMarket, due: Statement) -> None:
    """The VM of the first window carries over; beside them a metered lease of 91 minutes.

    It uses 61 % of its vCPU in the first posting period and next to nothing in the second.
    """
    first = market.lease(price_ucr=40_001, symbol=FIRST)
    market.lease(price_ucr=50_003, units=3, symbol=SECOND)
    market.advance(START_OF_FIRST - market.now_ms)
    vm = market.start(first)
    market.advance(7_000)
    market.report(vm, "running")
    market.advance(11_000)
    market.report(vm, "running", ready=True)

    metered = market.lease(price_ucr=77_777, symbol=METERED)
    runner = market.start(metered, "runner")
    market.report(runner, "running", ready=True)
    market.advance(HOUR - 1_000)
    market.use(runner, 2_196_123)
    market.advance(31 * MINUTE + 1_000)
    market.stop(runner)
    market.release(metered)
    posted = Fraction(77_777) * Fraction(2_196_123, HOUR)
    due.charge(posted, posted + Fraction(77_777) * hours(31 * MINUTE) * Fraction(1, 10))
    due.charge(Fraction(40_001) * hours(HOUR - 18_000))


def lose_the_host(market: LeaseMarket, due: Statement) -> None:
    """It falls silent 40 minutes into the second window and does not come back."""
    gone_ms = START_OF_FIRST + HOUR + 40 * MINUTE
    market.advance(gone_ms + 15_000 - market.now_ms)
    market.silent(gone_ms)
    market.advance(285_000)
    market.lost()
    due.charge(Fraction(3 * 50_003) * hours(40 * MINUTE))
    due.bond(3 * (50_003 // 2))


def check_the_account_channel(market: LeaseMarket) -> None:
    """The buyer's frames are contiguous and tell the same story as the balances."""
    frames = market.frames["buyer"]
    assert [frame.account_seq for frame in frames] == list(range(1, len(frames) + 1))
    last = [frame for frame in frames if isinstance(frame, BalanceUpdate)][-1]
    assert (last.available_ucr, last.held_ucr) == market.money("buyer")
    charged = sum(frame.amount_ucr for frame in frames if isinstance(frame, Charge))
    bonds = 31_411 // 6 + 2 * (27_183 // 6) + 3 * (50_003 // 2)
    assert last.available_ucr == DEPOSIT - charged + bonds
