"""Waits for a VM that random commands found billed wrongly, told as the shortest stories of them.

Found by ``noise.py``: the first stopped the exchange, the second charged 500 instead of 300.
"""

from tests.exchange.lease_market import MINUTE, LeaseMarket

PRICE_UCR = 3_600
"""A micro-credit a second."""


def test_a_window_vm_that_runs_before_the_hour_changes_nothing_owed() -> None:
    market = LeaseMarket()
    window = next(s for s in market.engine.symbols() if s.startswith("small.eu-de.flat.2"))
    lease = market.lease(1, PRICE_UCR, symbol=window)
    gate_ms = next(row.gate_ms for row in market.engine.instruments() if row.symbol == window)
    market.advance((gate_ms or 0) - market.now_ms)
    vm = market.start(lease)
    market.advance(MINUTE)
    market.report(vm, "running", ready=True)
    market.advance(120 * MINUTE)
    assert sum(market.charges(lease)) == PRICE_UCR


def test_the_wait_of_a_unit_that_is_gone_does_not_raise_the_minimum_of_the_rest() -> None:
    market = LeaseMarket()
    lease = market.lease(2, PRICE_UCR)
    gone, late = market.start(lease, "gone"), market.start(lease, "late")
    market.advance(200_000)
    market.report(gone, "failed", reason="no kvm")
    market.advance(80_000)
    market.report(late, "running")
    market.release(lease)
    assert sum(market.charges(lease)) == 300
