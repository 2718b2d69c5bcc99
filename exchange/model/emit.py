"""Turns what happened into the frames of the account channel and the instructions to hosts.

Each account's frames are numbered here: contiguous, never skipped. Source: protocol.md, "Account
channel" and "Hosts".
"""

from exchange.model.account import Account, Order
from exchange.model.capacity import Host
from exchange.model.instrument import Instrument
from exchange.model.lease import Lease, Vm
from exchange.model.ledger import OUTSIDE
from exchange.model.state import State
from exchange.wire.charge_terms import ChargeTerms
from exchange.wire.frames import (
    BalanceUpdate,
    Charge,
    InstrumentUpdate,
    LeaseUpdate,
    Notice,
    OrderUpdate,
    Trade,
    VmUpdate,
)
from exchange.wire.results import FillRow


def order(
    state: State,
    subject: Order,
    what: str,
    reason: str | None = None,
    fill: FillRow | None = None,
    liquidity: str | None = None,
) -> None:
    """Tell an order's owner that it is new, canceled, replaced or expired, or of one ``fill``."""
    account, request = subject.account, subject.request
    account.account_seq = told = account.account_seq + 1
    if state.quiet:
        return
    if fill is None:
        last_qty = last_price_ucr = trade_id = None
    else:
        last_qty, last_price_ucr, trade_id = fill.qty, fill.price_ucr, fill.trade_id
    frame = OrderUpdate(
        told,
        state.seq,
        state.now_ms,
        subject.order_id,
        request.client_order_id,
        request.symbol,
        request.side,
        what,
        subject.status,
        subject.qty,
        subject.filled_qty,
        subject.leaves_qty,
        subject.filled_notional_ucr,
        subject.price_ucr,
        reason,
        last_qty,
        last_price_ucr,
        trade_id,
        liquidity,
    )
    state.outs.append((account.account_id, frame))


def trade(state: State, taker: Order, qty: int, price_ucr: int, trade_id: str) -> None:
    """Tell everybody of a trade."""
    symbol, side = taker.request.symbol, taker.request.side
    frame = Trade(symbol, trade_id, price_ucr, qty, side, state.seq, state.now_ms)
    state.outs.append((symbol, frame))


def balances(state: State) -> None:
    """Tell each account whose money moved what it has now, once a command."""
    moved = state.ledger.moved
    for account, why in moved.items():
        account_id, available_ucr, held_ucr = (
            account.account_id,
            account.available_ucr,
            account.held_ucr,
        )
        assert held_ucr >= 0 <= available_ucr or account_id == OUTSIDE, "nobody owes"
        account.account_seq = seq = account.account_seq + 1
        if not state.quiet:
            frame = BalanceUpdate(seq, state.seq, state.now_ms, available_ucr, held_ucr, why)
            state.outs.append((account_id, frame))
    moved.clear()


def lease(state: State, subject: Lease) -> None:
    """Tell both sides of a lease where it stands."""
    buyer, seller = subject.buyer, subject.seller
    buyer.account_seq = to_buyer = buyer.account_seq + 1
    seller.account_seq = to_seller = seller.account_seq + 1
    if not state.quiet:
        seq, now_ms = state.seq, state.now_ms
        state.outs += (
            (buyer.account_id, lease_row(subject, buyer, to_buyer, seq, now_ms)),
            (seller.account_id, lease_row(subject, seller, to_seller, seq, now_ms)),
        )


def lease_row(
    subject: Lease, account: Account, account_seq: int, seq: int, ts_ms: int
) -> LeaseUpdate:
    """Return a lease as one of its sides sees it."""
    buying = account is subject.buyer
    return LeaseUpdate(
        account_seq,
        seq,
        ts_ms,
        subject.lease_id,
        subject.trade_id,
        subject.instrument.symbol,
        "buy" if buying else "sell",
        subject.host.host_id,
        subject.units,
        subject.price_ucr,
        subject.state,
        subject.start_ms,
        subject.charged_ucr,
        subject.buyer_order_id if buying else subject.seller_order_id,
        subject.reason,
        subject.ends_ms,
    )


def vm(state: State, subject: Vm) -> None:
    """Tell the buyer where a VM stands."""
    account = subject.lease.buyer
    account.account_seq += 1
    if state.quiet:
        return
    row = vm_row(subject, account.account_seq, state.seq, state.now_ms)
    state.outs.append((account.account_id, row))


def vm_row(subject: Vm, account_seq: int, seq: int, ts_ms: int) -> VmUpdate:
    """Return a VM as its buyer sees it."""
    return VmUpdate(
        account_seq,
        seq,
        ts_ms,
        subject.vm_id,
        subject.lease.lease_id,
        subject.name,
        subject.state,
        list(subject.endpoints),
        subject.reason,
        subject.ready_ms,
    )


def charge(
    state: State,
    subject: Lease,
    from_ms: int,
    to_ms: int,
    amount_ucr: int,
    cpu_ms: int | None,
    terms: ChargeTerms | None,
) -> None:
    """Tell the buyer of a posted charge."""
    account = subject.buyer
    account.account_seq = seq = account.account_seq + 1
    if state.quiet:
        return
    head = seq, state.seq, state.now_ms
    frame = Charge(*head, subject.lease_id, from_ms, to_ms, amount_ucr, cpu_ms, terms)
    state.outs.append((account.account_id, frame))


def notice(
    state: State,
    account: Account,
    kind: str,
    subject: Lease,
    units: int | None = None,
    at_ms: int | None = None,
) -> None:
    """Tell one side of a lease something it must know."""
    account.account_seq = seq = account.account_seq + 1
    if state.quiet:
        return
    frame = Notice(
        seq,
        state.seq,
        state.now_ms,
        kind,
        subject.lease_id,
        subject.host.host_id,
        units,
        at_ms,
    )
    state.outs.append((account.account_id, frame))


def instruction_id(state: State, host: Host) -> str:
    """Return a fresh instruction id for a host."""
    state.counters.instruction += 1
    return f"i-{state.epoch}-{state.counters.instruction}"


def instrument_row(instrument: Instrument) -> InstrumentUpdate:
    """Return an instrument as clients see it."""
    band = instrument.band_ucr()
    return InstrumentUpdate(
        instrument.symbol,
        instrument.shown_state(),
        instrument.tick_ucr,
        instrument.class_name,
        instrument.zone.zone,
        instrument.zone.country,
        instrument.pricing,
        instrument.delivery,
        instrument.start_ms,
        instrument.end_ms,
        instrument.gate_ms,
        None if band is None else band[0],
        None if band is None else band[1],
    )
