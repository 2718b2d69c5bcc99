"""Two shards against one exchange: alike where docs/scale.md says so, and else in known ways.

Each exchange, the whole and every shard, is itself held to a naive oracle after each command.
"""

from typing import Any, Final

import pytest
from hypothesis import given, settings

from tests.sim.shards import differ, flow
from tests.sim.shards.compare import conserved
from tests.sim.shards.flow import Deposit, Kill, Limit, MassCancel, Place, Release, Wait
from tests.sim.shards.purse import Purse
from tests.sim.shards.scene import ZONES
from tests.sim.shards.sharded import Sharded, Ways

HERE, THERE = ZONES
AT_ONCE: Final = Ways()
LATE: Final = Ways(takes_ms=5, recalls=False, asks_ahead=False)
FAR: Final = Ways(recalls=False, asks_ahead=False)
"""Money comes at once, but none is asked back from another shard."""


def ask(zone: str = HERE, **more: Any) -> Place:
    return Place(**{"zone": zone, "account": "ann", "side": "sell", **TERMS, **more})


def bid(zone: str = HERE, **more: Any) -> Place:
    return Place(**{"zone": zone, "account": "cat", "side": "buy", **TERMS, **more})


TERMS: Final = {"book": 0, "qty": 5, "price_ucr": 600}


@settings(max_examples=25)
@given(flow.flows)
def test_with_money_at_hand_shards_are_one_exchange(steps: list[flow.Step]) -> None:
    assert differ.first(steps, AT_ONCE) is None


@settings(max_examples=25)
@given(flow.every_flow)
def test_what_differs_without_a_way_back_for_money_is_known(steps: list[flow.Step]) -> None:
    differ.first(steps, FAR)


@settings(max_examples=10)
@given(flow.every_flow)
def test_money_is_whole_while_it_is_under_way(steps: list[flow.Step]) -> None:
    assert differ.first(steps, LATE) in (None, differ.LATER)


@pytest.mark.parametrize(
    ("steps", "ways", "difference"),
    [
        ([bid()], LATE, differ.LATER),
        # cat has 9,000: both bids together fit, but what the first got back stays where it was.
        ([bid(qty=9), MassCancel("cat", None), bid(THERE, qty=9)], FAR, differ.ELSEWHERE),
        ([bid(name="a"), bid(THERE, name="a")], AT_ONCE, differ.TWICE),
        ([Limit("cat", 1), bid(), bid(THERE)], AT_ONCE, differ.COUNTED),
        ([ask(), bid(), Wait(3_600_000)], FAR, differ.UNPAID),
    ],
)
def test_each_known_difference_is_real(steps: list[flow.Step], ways: Ways, difference: str) -> None:
    assert differ.first(steps, ways) == difference


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([ask(), bid(account="ann")], id="self-trade: one book is in one shard"),
        pytest.param([bid(qty=9), MassCancel("cat", None), bid(THERE, qty=9)], id="cancel all"),
        pytest.param([bid(), bid(THERE), Kill("cat", enabled=True)], id="kill switch"),
        pytest.param([ask(book=3), bid(book=3), *[Wait(3_600_000)] * 3], id="windows"),
        pytest.param([ask(), bid(), *[Wait(3_600_000)] * 4], id="paid until the money ends"),
        pytest.param([ask(), bid(), Release(HERE, 0), Deposit("cat", -9_000)], id="withdrawal"),
    ],
)
def test_what_stays_alike(steps: list[flow.Step]) -> None:
    assert differ.first(steps, AT_ONCE) is None


def test_an_account_has_a_sequence_of_frames_in_each_shard() -> None:
    shards = Sharded(AT_ONCE)
    for step in (bid(), bid(THERE)):
        shards.take(step)
    heard = [duel.market.hearing.account_seq["cat"] for duel in shards.shards.values()]
    assert all(seq > 0 for seq in heard), "two sequences, each without a hole, and no order of both"


# --- the comparison bites ---


def lends_twice(purse: Purse, shard: str, account: str, amount_ucr: int, at_ms: int) -> bool:
    real = Purse.__dict__["lend_as_it_should"]
    free = purse.free[account]
    done = bool(real(purse, shard, account, amount_ucr, at_ms))
    purse.free[account] = free
    return done


def keeps_what_comes_home(shards: Sharded, account: str, amount_ucr: int, at_ms: int) -> None:
    """Money that was sent home and is never entered."""


def test_money_lent_twice_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Purse, "lend_as_it_should", Purse.lend, raising=False)
    monkeypatch.setattr(Purse, "lend", lends_twice)
    with pytest.raises(AssertionError):
        differ.first([bid()], AT_ONCE)


def test_money_lost_on_its_way_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Purse, "sent_home", keeps_what_comes_home)
    with pytest.raises(AssertionError):
        differ.first([bid(qty=9), MassCancel("cat", None), bid(THERE, qty=9)], AT_ONCE)


def test_a_shard_that_cancels_too_little_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Sharded.tell

    def first_shard_only(
        shards: Sharded, message: Any, account: str, zone: str | None = None, **more: Any
    ) -> None:
        real(shards, message, account, zone or HERE, **more)

    monkeypatch.setattr(Sharded, "tell", first_shard_only)
    with pytest.raises(AssertionError):
        differ.first([bid(THERE), MassCancel("cat", None)], AT_ONCE)


def test_money_under_way_is_counted() -> None:
    shards = Sharded(LATE)
    shards.take(bid())
    assert shards.purse.moving
    conserved(shards)
