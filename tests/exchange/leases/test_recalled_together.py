"""Slots that are recalled in the same moment can all be sold again a notice later."""

from exchange.engine import snapshot
from exchange.model.timers import CLEAN_FROM
from tests.exchange.support.lease_market import MINUTE, LeaseMarket


def recalled_together(entries: int) -> LeaseMarket:
    """Two leases of a host are recalled at once; ``entries`` more deadlines fill the heap."""
    market = LeaseMarket()
    leases = [market.lease(), market.lease(2)]
    for lease_id in leases:
        market.recall(lease_id)
    market.advance(5 * MINUTE)
    assert len(market.engine.state.hosts[market.host].cooling) == 2
    heap = market.engine.state.timers.heap
    heap += [heap[0]] * entries
    market.advance(10 * MINUTE)
    return market


def test_all_of_them_are_for_sale_again_however_full_the_heap_is() -> None:
    """Seen to fail: when the heap was cleaned, their equal deadlines became one, which freed the
    slots of one lease; those of the other stayed out of sale, and a replay, which cleans at
    other moments, came to another state."""
    quiet, busy = recalled_together(0), recalled_together(CLEAN_FROM)
    for market in (quiet, busy):
        host = market.engine.state.hosts[market.host]
        assert host.cooling == []
        assert (host.cooling_use.mvcpu, host.cooling_use.mem_mib) == (0, 0)
    assert snapshot.dump(quiet.engine.state) == snapshot.dump(busy.engine.state)


def test_each_is_for_sale_again_10_minutes_after_it_was_taken_back() -> None:
    """A recall takes effect after its notice of 2 min (rules.md 5.7)."""
    market = LeaseMarket()
    first, second = market.lease(), market.lease(2)
    host = market.engine.state.hosts[market.host]
    begun_ms = market.now_ms
    market.recall(first)
    market.advance(3 * MINUTE)
    market.recall(second)
    cooling = []
    for minute in (11, 12, 14, 15):
        market.advance(begun_ms + minute * MINUTE - market.now_ms)
        cooling.append([units for _, _, units in host.cooling])
    assert cooling == [[1, 2], [2], [2], []]
