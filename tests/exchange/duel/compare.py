"""Is everything in the engine as the oracle has it? Recomputed by the oracle from its rows.

`same` compares every account's money, every queue, every lease and VM, the use of every host in
every hour, the windows' stages, what hosts have delivered, and the next deadline.
"""

from typing import Any, Final

from exchange.model.state import State
from sim.oracle.exchange import Oracle
from sim.oracle.hosts import SPOT
from sim.oracle.owed import DAY_MS, Lease
from sim.oracle.windows import hour_text
from tests.exchange.support.laws import Books
from tests.exchange.support.market import Market

STAGES: Final = ("open", "gate_closed", "delivering", "settled")


def same(market: Market, oracle: Oracle, books: Books) -> None:
    """Assert that both stand alike."""
    state = market.engine.state
    same_money(state, oracle)
    assert books == oracle.books()
    same_leases(state, oracle)
    same_vms(state, oracle)
    same_hosts(state, oracle)
    windows = [(one.symbol, one.state) for one in state.windows.values()]
    assert windows == [(one.symbol, STAGES[one.stage]) for one in oracle.windows.values()]
    due_ms = oracle.next_deadline_ms()
    assert due_ms is None or market.engine.may_be_due(due_ms), "no deadline is overlooked"
    assert market.engine.next_deadline_ms() == due_ms


def same_money(state: State, oracle: Oracle) -> None:
    holds = oracle.holds()
    for name, account in state.ledger.accounts.items():
        expected = (oracle.cash.get(name, 0) - holds[name], holds[name])
        assert (account.available_ucr, account.held_ucr) == expected, name
    assert sum(oracle.cash.values()) == 0


def same_leases(state: State, oracle: Oracle) -> None:
    have = {
        number: (
            lease.buyer.account_id,
            lease.seller.account_id,
            lease.host.host_id,
            lease.instrument.symbol,
            lease.units,
            lease.price_ucr,
            lease.charged_ucr,
            lease.hold_ucr,
            lease.ends_ms,
            lease.closing,
        )
        for number, lease in state.leases.items()
    }
    assert have == {one.number: lease_row(one) for one in oracle.leases}


def lease_row(one: Lease) -> tuple[Any, ...]:
    return (
        one.buyer,
        one.seller,
        one.host,
        one.symbol,
        one.units,
        one.price_ucr,
        one.charged_ucr,
        one.hold_ucr,
        one.ends_ms,
        one.over,
    )


def same_vms(state: State, oracle: Oracle) -> None:
    """Every VM whose lease lives or ended less than 24 h ago; others may be forgotten any time."""
    day_ago_ms = oracle.now_ms - DAY_MS
    have = {
        number: (vm.lease.number, vm.name, vm.state, vm.launch_by_ms, vm.cpu_ms)
        for number, vm in state.vms.items()
        if vm.lease.closing is None or (vm.lease.ends_ms or 0) > day_ago_ms
    }
    assert have == {
        number: (vm.lease.number, vm.asked.name, vm.state, vm.launch_by_ms, vm.cpu_ms)
        for number, vm in oracle.vms.items()
    }


def same_hosts(state: State, oracle: Oracle) -> None:
    """What is taken of each host in every hour, and what it has delivered."""
    uses = oracle.uses()
    for name, host in state.hosts.items():
        have = {SPOT: (host.spot.mvcpu, host.spot.mem_mib, host.spot.disk_mib)}
        for start_ms, use in host.windows.items():
            have[hour_text(start_ms)] = (use.mvcpu, use.mem_mib, use.disk_mib)
        assert have == uses[name], name
        assert host.status == oracle.hosts[name].state, name
        seen, evidence = host.evidence, oracle.evidence
        assert seen.contracted_ms == evidence[name, "contracted"], name
        assert seen.delivered_ms == evidence[name, "delivered"], name
