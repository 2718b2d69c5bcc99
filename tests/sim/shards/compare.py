"""What one exchange and two shards have in common, and the first thing in which they differ."""

from typing import Any

from exchange.model.ledger import FEES, OUTSIDE
from exchange.wire.frames import OrderUpdate
from tests.exchange.duel.referee import Duel
from tests.exchange.support import laws
from tests.sim.shards.scene import MONEY, zone_of
from tests.sim.shards.sharded import Sharded
from tests.sim.shards.whole import Whole


def conserved(shards: Sharded) -> None:
    """All money is in one place: the purse, a shard, or under way; nobody owes any."""
    purse = shards.purse
    for account in MONEY:
        assert purse.free.get(account, 0) >= 0, account
    lent = sum(outside(duel) for duel in shards.shards.values())
    under_way = sum(each.amount_ucr for each in purse.moving)
    assert sum(purse.free.values()) + under_way + lent + purse.outside_ucr == 0
    for duel in shards.shards.values():
        laws.check_money(duel.market.engine)


def outside(duel: Duel) -> int:
    """Return what came into a shard less what left it: all money in it."""
    return -duel.market.engine.state.ledger.accounts[OUTSIDE].available_ucr


def alike(whole: Whole, shards: Sharded) -> None:
    """Assert that the shards together stand as the whole does."""
    assert shards.verdicts == whole.verdicts
    assert money(whole.one) == together(shards)
    for zone, duel in shards.shards.items():
        assert books(duel, zone) == books(whole.one, zone)
        assert trades(duel, zone) == trades(whole.one, zone)
        assert leases(duel, zone) == leases(whole.one, zone)
        assert windows(duel, zone) == windows(whole.one, zone)
        for account in MONEY:
            assert order_news(duel, account, zone) == order_news(whole.one, account, zone)


def money(duel: Duel) -> dict[str, tuple[int, int]]:
    """Return (all, held) of every account, and the fees."""
    found = {}
    for account in (*MONEY, FEES):
        available, held = duel.market.money(account)
        found[account] = (available + held, held)
    return found


def together(shards: Sharded) -> dict[str, tuple[int, int]]:
    """Return the same of the shards and the purse."""
    parts = [money(duel) for duel in shards.shards.values()]
    free = shards.purse.free
    return {
        account: (
            sum(part[account][0] for part in parts) + free.get(account, 0),
            sum(part[account][1] for part in parts),
        )
        for account in (*MONEY, FEES)
    }


def books(duel: Duel, zone: str) -> dict[Any, Any]:
    every = laws.every_queue(duel.market.engine).items()
    rows = {key: [laws.row_of(order) for order in queue] for key, queue in every}
    return {key: queue for key, queue in rows.items() if zone_of(key[0]) == zone}


def trades(duel: Duel, zone: str) -> list[tuple[str, int, int]]:
    every = duel.market.trades
    return [(t.symbol, t.price_ucr, t.qty) for t in every if zone_of(t.symbol) == zone]


def leases(duel: Duel, zone: str) -> list[tuple[Any, ...]]:
    """Return the leases of a zone in the order of their numbers, without the numbers."""
    every = duel.market.engine.state.leases.values()
    return [
        (
            lease.buyer.account_id,
            lease.seller.account_id,
            lease.instrument.symbol,
            lease.units,
            lease.price_ucr,
            lease.charged_ucr,
            lease.hold_ucr,
            lease.ends_ms,
            lease.closing,
        )
        for lease in every
        if zone_of(lease.instrument.symbol) == zone
    ]


def windows(duel: Duel, zone: str) -> list[tuple[str, str]]:
    every = duel.market.engine.state.windows.values()
    return [(one.symbol, one.state) for one in every if zone_of(one.symbol) == zone]


def order_news(duel: Duel, account: str, zone: str) -> list[tuple[Any, ...]]:
    """Return what an account heard of its orders in a zone, in order."""
    return [
        (*laws.told(frame), frame.exec, frame.reason, frame.last_price_ucr, frame.last_qty)
        for frame in duel.market.frames.get(account, ())
        if isinstance(frame, OrderUpdate) and zone_of(frame.symbol) == zone
    ]
