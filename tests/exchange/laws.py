"""What must hold after every command, whatever it was (domain.md; architecture.md, section 6).

Each law recomputes from the smallest parts what the engine keeps as a running total: levels from
queues, holds from open orders and leases, use of a host from the slots handed out. They trust no
index of the engine and no other law.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final, NamedTuple

from exchange.engine import Engine
from exchange.frames import OrderUpdate
from exchange.ledger import OUTSIDE
from exchange.wire import Side
from tests.exchange.hearing import LIVE
from tests.exchange.market import Market, queue

SIDES: Final[tuple[Side, Side]] = ("buy", "sell")


def check(market: Market) -> None:
    """Assert every law."""
    engine = market.engine
    for symbol in engine.symbols():
        check_book(engine, symbol)
    check_money(engine)
    check_holds(engine)
    check_slots(engine)
    check_vms(engine)
    check_orders(market)
    check_heard(market)


def check_book(engine: Engine, symbol: str) -> None:
    """Best first, never crossed, every level the sum of its queue, everybody has leaves."""
    best: dict[Side, int] = {}
    for side in SIDES:
        rows = queue(engine, symbol, side)
        assert all(qty > 0 for _, _, qty, _ in rows), rows
        prices = [price for _, _, _, price in rows]
        assert prices == sorted(prices, reverse=side == "buy"), prices
        levels = [
            (price, sum(qty for _, _, qty, _ in level), len(level))
            for price, level in ((p, list(g)) for p, g in groupby(rows, lambda row: row[3]))
        ]
        assert engine.levels(symbol, side, 0) == levels, (symbol, side)
        if prices:
            best[side] = prices[0]
    if len(best) == len(SIDES):
        assert best["buy"] < best["sell"], f"{symbol} is crossed: {best}"


def check_money(engine: Engine) -> None:
    """The sum over everything is zero and nobody but ``outside`` owes."""
    balances = engine.balances()
    assert sum(b.available_ucr + b.held_ucr for b in balances.values()) == 0, balances
    for account, balance in balances.items():
        assert balance.held_ucr >= 0, account
        assert balance.available_ucr >= 0 or account == OUTSIDE, account


def check_holds(engine: Engine) -> None:
    """``held`` is the sum of the account's open orders' and leases' holds, from their terms."""
    held: Counter[str] = Counter()
    for account in engine.balances():
        for row in engine.order_list(account):
            held[account] += unit_hold_ucr(row) * row.leaves_qty
    for lease in engine.state.leases.values():
        assert lease.hold_ucr >= 0 and lease.units > 0
        held[lease.buyer.account_id] += lease.hold_ucr
        if lease.closing is None:  # a closing lease waits for its last charge without a bond
            bond = bond_ucr(lease.instrument.delivery, lease.price_ucr)
            held[lease.seller.account_id] += bond * lease.units
    found = {name: row.held_ucr for name, row in engine.balances().items() if row.held_ucr}
    assert found == {name: amount for name, amount in held.items() if amount}


def unit_hold_ucr(row: OrderUpdate) -> int:
    """Return what one unit of a resting order holds: price x hold term, or the bond."""
    assert row.price_ucr is not None
    delivery = row.symbol.rpartition(".")[2]
    return row.price_ucr if row.side == "buy" else bond_ucr(delivery, row.price_ucr)


def bond_ucr(delivery: str, price_ucr: int) -> int:
    """Return the bond of a unit: 10 min of the price for spot, half the value of a window."""
    return price_ucr * 10 // 60 if delivery == "spot" else price_ucr // 2


class Slots(NamedTuple):
    """Units that one ask or one lease has on one host: in one hour, or in all (None)."""

    host: str
    start_ms: int | None
    need: tuple[int, int, int]
    units: int
    leaving: int
    """Of them: under notice, or waiting for their last charge."""
    firm: bool
    """A window's lease: never cut, even when the host offers less later."""


def every_slot(engine: Engine) -> Iterator[Slots]:
    """Yield what is taken, from asks and leases one by one."""
    for account in engine.state.ledger.accounts.values():
        for order in account.open_orders.values():
            backing = order.backing or ()
            if order.sign < 0:
                assert sum(units for _, units in backing) == order.leaves_qty, "unbacked ask"
            traded = engine.state.instruments[order.symbol]
            for host, units in backing:
                assert units > 0
                yield Slots(host.host_id, traded.start_ms, traded.need, units, 0, firm=False)
    for lease in engine.state.leases.values():
        traded, firm = lease.instrument, not lease.spot
        going = lease.units if lease.closing is not None else lease.recalled_units()
        yield Slots(lease.host.host_id, traded.start_ms, traded.need, lease.units, going, firm)


def total(slots: Iterable[Slots], *, staying: bool = False) -> list[int]:
    """Return the sum in mvcpu, MiB of memory and MiB of disk."""
    rows = [(slot.need, slot.units - (slot.leaving if staying else 0)) for slot in slots]
    return [sum(need[at] * units for need, units in rows) for at in range(3)]


def check_slots(engine: Engine) -> None:
    """Per host and hour, what asks and leases take is what is counted, and it is offered.

    More may stand there only after the host began to offer less: spot under notice, firm windows.
    """
    slots = list(every_slot(engine))
    for host in engine.state.hosts.values():
        mine = [slot for slot in slots if slot.host == host.host_id]
        hours = dict.fromkeys(slot.start_ms for slot in mine if slot.start_ms is not None)
        assert set(host.windows) == set(hours), host.host_id
        for hour, use in [(None, host.spot), *host.windows.items()]:
            wanted = total(slot for slot in mine if slot.start_ms == hour)
            assert [use.mvcpu, use.mem_mib, use.disk_mib] == wanted, (host.host_id, hour)
            there = [slot for slot in mine if slot.start_ms in (None, hour)]
            firm = total(slot for slot in there if slot.firm)
            offered = (host.offered.mvcpu, host.offered.mem_mib, host.offered.disk_mib)
            for have, most, sold in zip(total(there, staying=True), offered, firm, strict=True):
                assert have <= max(most, sold), f"{host.host_id} oversold at {hour}"


def check_vms(engine: Engine) -> None:
    """No more VMs run than there are units, none on a lease that is over; evidence adds up.

    Each was broken once: a scheduled release left VMs running unpaid, a VM moved into a lease that
    was closing, a window given up before its start counted as delivered but not as contracted.
    """
    running: Counter[str] = Counter()
    for vm in engine.state.vms.values():
        if vm.state != "stopping":
            assert vm.lease.closing is None, (
                f"{vm.vm_id} runs on {vm.lease.lease_id}, which is over"
            )
            running[vm.lease.lease_id] += 1
    for lease in engine.state.leases.values():
        assert running[lease.lease_id] <= lease.units, f"{lease.lease_id}: {running}"
    for host in engine.hosts():
        seen = host.evidence
        assert seen.delivered_unit_s <= seen.contracted_unit_s, f"{host.host}: {seen}"


def check_orders(market: Market) -> None:
    """Every order is in exactly one state: it rests in one book, or it is done."""
    engine = market.engine
    resting = Counter(
        (symbol, side, *row)
        for symbol in engine.symbols()
        for side in SIDES
        for row in queue(engine, symbol, side)
    )
    listed = Counter(
        (row.symbol, row.side, account, row.client_order_id, row.leaves_qty, row.price_ucr)
        for account, row in market.live_orders()
    )
    assert resting == listed
    assert all(count == 1 for count in resting.values())
    assert all(row.status in LIVE for _, row in market.live_orders())


def check_heard(market: Market) -> None:
    """Clients that read only their frames know exactly what the engine has."""
    engine, hearing = market.engine, market.hearing
    for account, balance in engine.balances().items():
        if account in hearing.balances:
            heard = hearing.balances[account]
            assert (heard.available_ucr, heard.held_ucr) == (
                balance.available_ucr,
                balance.held_ucr,
            ), account
        have = {row.order_id: facts(row) for row in engine.order_list(account)}
        assert have == {key: facts(row) for key, row in hearing.live.get(account, {}).items()}
        assert engine.account_seq(account) == hearing.account_seq.get(account, 0)


def facts(row: OrderUpdate) -> tuple[Any, ...]:
    """Return what a row says of an order apart from how it came about."""
    return (
        row.client_order_id,
        row.symbol,
        row.side,
        row.status,
        row.order_qty,
        row.filled_qty,
        row.leaves_qty,
        row.filled_notional_ucr,
        row.price_ucr,
    )
