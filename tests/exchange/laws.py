"""What must hold after every command, whatever it was (domain.md; architecture.md, section 6).

Each law recomputes from the smallest parts what the engine keeps as a running total: levels from
queues, holds from open orders and leases, use of a host from the slots handed out. They trust no
index of the engine and no other law.
"""

from collections import Counter
from itertools import groupby
from typing import Any, Final

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
        held[lease.seller.account_id] += bond_ucr(lease.instrument.delivery, lease.price_ucr) * (
            lease.units
        )
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


def check_slots(engine: Engine) -> None:
    """Per host and hour, what asks and leases take is what is counted, and it is offered."""
    spot, windows = slots_taken(engine)
    for host in engine.state.hosts.values():
        use = (host.spot.mvcpu, host.spot.mem_mib, host.spot.disk_mib)
        assert use == spot.get(host.host_id, (0, 0, 0)), host.host_id
        found = {
            start: (use.mvcpu, use.mem_mib, use.disk_mib) for start, use in host.windows.items()
        }
        wanted = {start: use for (name, start), use in windows.items() if name == host.host_id}
        assert found == wanted, host.host_id
        check_not_oversold(engine, host, use, list(found.values()))


def check_not_oversold(
    engine: Engine, host: Any, spot: tuple[int, ...], windows: list[tuple[int, ...]]
) -> None:
    """Spot use + each hour's window use fits the offer, but for spot whose recall is under way."""
    offered = (host.offered.mvcpu, host.offered.mem_mib, host.offered.disk_mib)
    leases = [lease for lease in engine.state.leases.values() if lease.host is host]
    for at, most in enumerate(offered):
        recalled = sum(lease.recalled_units() * lease.instrument.need[at] for lease in leases)
        hour = max((use[at] for use in windows), default=0)
        assert hour <= most or not spot[at], f"{host.host_id} oversold"
        assert spot[at] + hour - recalled <= max(most, hour), f"{host.host_id} oversold"


Use = tuple[int, int, int]
NOTHING: Final[Use] = (0, 0, 0)


def slots_taken(engine: Engine) -> tuple[dict[str, Use], dict[tuple[str, int], Use]]:
    """Return use by host for spot, and by (host, window start), from asks and leases one by one."""
    spot: dict[str, Use] = {}
    windows: dict[tuple[str, int], Use] = {}

    def add(host: str, instrument: Any, units: int) -> None:
        start_ms = instrument.start_ms
        have = (
            spot.get(host, NOTHING) if start_ms is None else windows.get((host, start_ms), NOTHING)
        )
        mvcpu, mem_mib, disk_mib = (
            h + n * units for h, n in zip(have, instrument.need, strict=True)
        )
        if start_ms is None:
            spot[host] = (mvcpu, mem_mib, disk_mib)
        else:
            windows[host, start_ms] = (mvcpu, mem_mib, disk_mib)

    for account in engine.state.ledger.accounts.values():
        for order in account.open_orders.values():
            backing = order.backing or ()
            if order.sign < 0:
                assert sum(units for _, units in backing) == order.leaves_qty, "unbacked ask"
            for host, units in backing:
                assert units > 0
                add(host.host_id, engine.state.instruments[order.symbol], units)
    for lease in engine.state.leases.values():
        add(lease.host.host_id, lease.instrument, lease.units)
    return spot, windows


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
