"""What must hold after every command, whatever it was (rules.md 1.1, 1.2, 3.2, 4.1).

Each law recomputes from the smallest parts what the engine keeps as a running total: levels from
queues, holds from open orders and leases, use of a host from the slots handed out. They trust no
running total of the engine and no other law. `check` asserts all of them; the random tests do so
after each command, so every law looks at an order, a lease or a host once.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from exchange.engine.engine import Engine
from exchange.model.account import Order
from exchange.model.ledger import OUTSIDE
from exchange.wire.frames import OrderUpdate
from exchange.wire.types import Side
from tests.exchange.support.hearing import LIVE
from tests.exchange.support.market import Market

NOTHING: Final = [0] * 9
SIDES: Final[tuple[Side, Side]] = ("buy", "sell")
Row = tuple[str, str, int, int]
"""(account, client_order_id, leaves, price) of a resting order."""
Books = dict[tuple[str, Side], list[Row]]
"""Every queue that is not empty, best price first, then oldest first."""


def check(market: Market) -> Books:
    """Assert every law; returns the books it has looked at."""
    engine = market.engine
    queues = every_queue(engine)
    books = {key: [row_of(order) for order in queue] for key, queue in queues.items()}
    check_books(engine, books)
    check_money(engine)
    check_holds(engine)
    check_slots(engine)
    check_vms(engine)
    check_orders(engine, queues)
    check_heard(market)
    return books


def every_queue(engine: Engine) -> dict[tuple[str, Side], list[Order]]:
    """Return the orders of every side that has any, in queue order."""
    found: dict[tuple[str, Side], list[Order]] = {}
    for symbol, instrument in engine.state.instruments.items():
        book = instrument.book
        bids, asks = book.bids, book.asks
        assert len(bids.keys) == len(bids.levels) and len(asks.keys) == len(asks.levels), symbol
        if bids.keys:
            found[symbol, "buy"] = book.orders(1)
        if asks.keys:
            found[symbol, "sell"] = book.orders(-1)
    return found


def row_of(order: Order) -> Row:
    return (order.account.account_id, order.client_order_id, order.leaves_qty, order.price_ucr or 0)


def check_books(engine: Engine, books: Books) -> None:
    """Best first, never crossed, every level the sum of its queue, everybody has leaves."""
    for (symbol, side), rows in books.items():
        levels: list[tuple[int, int, int]] = []
        price, qty, count = rows[0][3], 0, 0
        for row in rows:
            if row[3] != price:
                assert (row[3] < price) == (side == "buy"), rows
                levels.append((price, qty, count))
                price, qty, count = row[3], 0, 0
            assert row[2] > 0, rows
            qty += row[2]
            count += 1
        levels.append((price, qty, count))
        assert engine.levels(symbol, side, 0) == levels, (symbol, side)
        asks = books.get((symbol, "sell")) if side == "buy" else None
        assert not asks or rows[0][3] < asks[0][3], f"{symbol} is crossed"


def check_money(engine: Engine) -> None:
    """The sum over everything is zero and nobody but ``outside`` owes."""
    total = 0
    for name, account in engine.state.ledger.accounts.items():
        assert account.held_ucr >= 0, name
        assert account.available_ucr >= 0 or name == OUTSIDE, name
        total += account.available_ucr + account.held_ucr
    assert total == 0, engine.balances()


def check_holds(engine: Engine) -> None:
    """``held`` is the sum of the account's open orders' and leases' holds, from their terms."""
    accounts = engine.state.ledger.accounts
    held = dict.fromkeys(accounts, 0)
    for name, account in accounts.items():
        for order in account.open_orders.values():
            held[name] += unit_hold_ucr(order) * order.leaves_qty
    for lease in engine.state.leases.values():
        assert lease.hold_ucr >= 0 and lease.units > 0
        held[lease.buyer.account_id] += lease.hold_ucr
        if lease.closing is None:  # a closing lease waits for its last charge without a bond
            bond = bond_ucr(lease.instrument.delivery, lease.price_ucr)
            held[lease.seller.account_id] += bond * lease.units
    assert {name: account.held_ucr for name, account in accounts.items()} == held


def unit_hold_ucr(order: Order) -> int:
    """Return what one unit of a resting order holds: price x hold term, or the bond."""
    assert order.price_ucr is not None
    if order.sign > 0:
        return order.price_ucr
    return bond_ucr(order.symbol.rpartition(".")[2], order.price_ucr)


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
    instruments = engine.state.instruments
    for account in engine.state.ledger.accounts.values():
        for order in account.open_orders.values():
            if order.sign > 0:
                assert not order.backing, "a bid takes no slots"
                continue
            backing, traded = order.backing or (), instruments[order.symbol]
            assert sum(units for _, units in backing) == order.leaves_qty, "unbacked ask"
            for host, units in backing:
                assert units > 0
                yield Slots(host.host_id, traded.start_ms, traded.need, units, 0, firm=False)
    for lease in engine.state.leases.values():
        traded, firm = lease.instrument, lease.instrument.start_ms is not None
        going = sum(units for _, units in lease.recalls) if lease.recalls else 0
        going = lease.units if lease.closing is not None else going
        yield Slots(lease.host.host_id, traded.start_ms, traded.need, lease.units, going, firm)


def check_slots(engine: Engine) -> None:
    """Per host and hour, what asks and leases take is what is counted, and it is offered.

    More may stand there only after the host began to offer less: spot under notice, firm windows.
    """
    sums: dict[str, dict[int | None, list[int]]] = {name: {} for name in engine.state.hosts}
    for host_id, start_ms, (cpu, memory, disk), units, leaving, firm in every_slot(engine):
        row = sums[host_id].get(start_ms)
        if row is None:
            row = sums[host_id][start_ms] = [0] * 9
        row[0] += cpu * units
        row[1] += memory * units
        row[2] += disk * units
        if leaving:
            row[3] += cpu * leaving
            row[4] += memory * leaving
            row[5] += disk * leaving
        if firm:
            row[6] += cpu * units
            row[7] += memory * units
            row[8] += disk * units
    for name, host in engine.state.hosts.items():
        hours, used, offered = sums[name], host.spot, host.offered
        spot = hours.pop(None, NOTHING)
        assert used.mvcpu == spot[0] and used.mem_mib == spot[1], name
        assert used.disk_mib == spot[2] and host.windows.keys() == hours.keys(), name
        for hour, row in hours.items():
            use = host.windows[hour or 0]
            assert [use.mvcpu, use.mem_mib, use.disk_mib] == row[:3], (name, hour)
        for row in hours.values() or [NOTHING]:
            for at, most in enumerate((offered.mvcpu, offered.mem_mib, offered.disk_mib)):
                staying = spot[at] - spot[at + 3] + row[at] - row[at + 3]
                assert staying <= most or staying <= row[at + 6], f"{name} oversold: {hours}"


def check_vms(engine: Engine) -> None:
    """No more VMs run than there are units, none on a lease that is over; evidence adds up.

    Each was broken once: a scheduled release left VMs running unpaid, a VM moved into a lease that
    was closing, a window given up before its start counted as delivered but not as contracted.
    """
    running: Counter[int] = Counter()
    for vm in engine.state.vms.values():
        assert vm.live()
        if vm.state != "stopping":
            lease = vm.lease
            assert lease.closing is None, f"{vm.vm_id} runs on {lease.lease_id}, which is over"
            running[lease.number] += 1
    for number, count in running.items():
        assert count <= engine.state.leases[number].units, f"l-{number}: {running}"
    for name, host in engine.state.hosts.items():
        seen = host.evidence
        assert seen.delivered_ms <= seen.contracted_ms, f"{name}: {seen}"


def check_orders(engine: Engine, queues: dict[tuple[str, Side], list[Order]]) -> None:
    """Every order is in exactly one state: it rests in one book, or it is done."""
    resting: set[int] = set()
    done = engine.state.done_orders
    for (symbol, side), queue in queues.items():
        for order in queue:
            number = order.number
            assert number not in resting and number not in done, order.order_id
            resting.add(number)
            assert order.account.open_orders.get(number) is order, order.order_id
            assert order.symbol == symbol and order.side == side, order.order_id
            assert order.status in LIVE and order.done_ms is None, order.order_id
    accounts = engine.state.ledger.accounts.values()
    assert sum(len(account.open_orders) for account in accounts) == len(resting)


def check_heard(market: Market) -> None:
    """Clients that read only their frames know exactly what the engine has."""
    hearing = market.hearing
    for name, account in market.engine.state.ledger.accounts.items():
        heard = hearing.balances.get(name)
        if heard is not None:
            have = (account.available_ucr, account.held_ucr)
            assert (heard.available_ucr, heard.held_ucr) == have, name
        live = hearing.live.get(name, {})
        assert len(live) == len(account.open_orders), name
        for order in account.open_orders.values():
            assert told(live[order.order_id]) == facts(order), order.order_id
        assert account.account_seq == hearing.account_seq.get(name, 0)


def told(row: OrderUpdate) -> tuple[Any, ...]:
    """Return what a frame says of an order apart from how it came about."""
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


def facts(order: Order) -> tuple[Any, ...]:
    """Return the same of an order as the engine has it."""
    asked = order.request
    return (
        asked.client_order_id,
        asked.symbol,
        asked.side,
        order.status,
        order.qty,
        order.filled_qty,
        order.leaves_qty,
        order.filled_notional_ucr,
        order.price_ucr,
    )
