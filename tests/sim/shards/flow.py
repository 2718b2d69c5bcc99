"""A flow of requests: what people ask, in words that one exchange and two shards both understand.

Order numbers and lease numbers differ between the two, so a step names an order by the step that
placed it, and a lease by its place among those of its zone.
"""

from typing import Any, Final, TypeAlias

from hypothesis import strategies as st
from msgspec import Struct

from exchange.wire.types import SelfTrade, Side, TimeInForce
from tests.sim.shards.scene import HOSTS, MONEY, ZONES


class Place(Struct, frozen=True):
    account: str
    zone: str
    book: int
    side: Side
    qty: int
    price_ucr: int
    tif: TimeInForce = "gtc"
    stp: SelfTrade = "cancel_newest"
    market: bool = False
    session: int = 0
    name: str = ""
    """The `client_order_id`; empty: one of its own."""


class Replace(Struct, frozen=True):
    step: int
    qty: int
    price_ucr: int


class Cancel(Struct, frozen=True):
    step: int


class MassCancel(Struct, frozen=True):
    account: str
    zone: str | None
    """The one whose first book is meant; None: all books."""


class Deposit(Struct, frozen=True):
    account: str
    amount_ucr: int


class Release(Struct, frozen=True):
    zone: str
    lease: int
    units: int | None = None


class Recall(Struct, frozen=True):
    zone: str
    lease: int


class Wait(Struct, frozen=True):
    by_ms: int


class DeadMan(Struct, frozen=True):
    account: str
    timeout_ms: int


class Arm(Struct, frozen=True):
    account: str
    session: int


class Drop(Struct, frozen=True):
    session: int


class Kill(Struct, frozen=True):
    account: str
    enabled: bool


class Limit(Struct, frozen=True):
    account: str
    max_open_orders: int


Step: TypeAlias = (
    Place
    | Replace
    | Cancel
    | MassCancel
    | Deposit
    | Release
    | Recall
    | Wait
    | DeadMan
    | Arm
    | Drop
    | Kill
    | Limit
)

STEPS_MIN, STEPS_MAX = 20, 60
_accounts: Final = st.sampled_from(list(MONEY))
_zones: Final = st.sampled_from(ZONES)
_qty: Final = st.integers(1, 5)
_prices: Final = st.integers(597, 603)
_steps_back: Final = st.integers(0, 15)
_waits: Final = st.sampled_from((7, 1_003, 60_011, 1_200_007, 3_000_017, 3_600_029))
"""Odd, so that in two zones hardly anything is due in the same millisecond."""


def _place(side: Side, names: tuple[str, ...] = ("",)) -> st.SearchStrategy[Place]:
    return st.builds(
        Place,
        account=_accounts if side == "buy" else st.sampled_from([owner for owner, _ in HOSTS]),
        zone=_zones,
        book=st.sampled_from((0, 0, 0, 0, 1, 3)),
        side=st.just(side),
        qty=_qty,
        price_ucr=_prices,
        tif=st.sampled_from((*("gtc",) * 6, "ioc", "fok")),
        stp=st.sampled_from(
            ("cancel_newest", "cancel_oldest", "cancel_both", "decrement_and_cancel")
        ),
        market=st.sampled_from((*(False,) * 7, True)),
        session=st.sampled_from((0, 0, 1, 2)),
        name=st.sampled_from(names),
    )


def _of(odds: dict[st.SearchStrategy[Any], int]) -> st.SearchStrategy[list[Step]]:
    """Return flows whose steps come as often as ``odds`` says."""
    kinds = [kind for kind, often in odds.items() for _ in range(often)]
    one: st.SearchStrategy[Step] = st.sampled_from(kinds).flatmap(lambda kind: kind)
    return st.lists(one, min_size=STEPS_MIN, max_size=STEPS_MAX)


_ODDS: Final[dict[st.SearchStrategy[Any], int]] = {
    _place("sell"): 12,
    _place("buy"): 12,
    st.builds(Replace, step=_steps_back, qty=_qty, price_ucr=_prices): 3,
    st.builds(Cancel, step=_steps_back): 2,
    st.builds(MassCancel, account=_accounts, zone=st.sampled_from((None, *ZONES))): 1,
    st.builds(Deposit, account=_accounts, amount_ucr=st.integers(-3_000, 3_000)): 2,
    st.builds(Release, zone=_zones, lease=st.integers(0, 3), units=st.sampled_from((None, 1))): 2,
    st.builds(Recall, zone=_zones, lease=st.integers(0, 3)): 1,
    st.builds(Wait, by_ms=_waits): 4,
    st.builds(DeadMan, account=_accounts, timeout_ms=st.sampled_from((0, 1_001, 60_013))): 1,
    st.builds(Arm, account=_accounts, session=st.integers(1, 2)): 1,
    st.builds(Drop, session=st.integers(1, 2)): 1,
    st.builds(Kill, account=_accounts, enabled=st.sampled_from((False, False, True))): 1,
}
flows: Final = _of(_ODDS)
"""Without what shards are known to judge otherwise: names used twice, counts of open orders."""
every_flow: Final = _of(
    {
        **_ODDS,
        st.builds(Limit, account=_accounts, max_open_orders=st.integers(0, 3)): 1,
        _place("buy", ("a", "b")): 2,
    }
)
"""With those too."""
