"""Makes frames of the account channel and instructions to hosts from events.

Each account's frames are numbered here: contiguous, never skipped. Source: protocol.md, "Account
channel" and "Hosts".
"""

from typing import Final

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

_ORDER: Final = OrderUpdate
_BALANCE: Final = BalanceUpdate
"""Compiled code finds these at once, imported names by a dict."""

# One builder for each kind of event of an order. They build by position: the fastest way, and every
# order makes two frames or more.


def order_row(
    subject: Order, what: str, account_seq: int, seq: int, ts_ms: int, reason: str | None = None
) -> OrderUpdate:
    """Return an order as its owner sees it; ``what``: new, canceled, replaced or expired."""
    request = subject.request
    return OrderUpdate(
        account_seq,
        seq,
        ts_ms,
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
    )


def order(state: State, subject: Order, what: str, reason: str | None = None) -> None:
    """Send an order's owner that it is new, canceled, replaced or expired."""
    account = subject.account
    account.account_seq = account_seq = account.account_seq + 1
    if not state.quiet:
        frame = order_row(subject, what, account_seq, state.seq, state.now_ms, reason)
        state.outs.append((account.account_id, frame))


def order_and_balance(
    state: State,
    account: Account,
    subject: Order,
    name: str,
    symbol: str,
    what: str,
    reason: str | None = None,
) -> None:
    """As `order`, then `balances` for the owner: for a command that touches one order only.

    ``name`` and ``symbol`` are those of its request: compiled code reads a message slowly.
    """
    account.account_seq = account_seq = account.account_seq + 2
    if state.quiet:
        return
    seq, now_ms = state.seq, state.now_ms
    frame = _ORDER(
        account_seq - 1,
        seq,
        now_ms,
        subject.order_id,
        name,
        symbol,
        "buy" if subject.sign > 0 else "sell",
        what,
        subject.status,
        subject.qty,
        subject.filled_qty,
        subject.leaves_qty,
        subject.filled_notional_ucr,
        subject.price_ucr,
        reason,
    )
    available_ucr, held_ucr = account.available_ucr, account.held_ucr
    balance = _BALANCE(account_seq, seq, now_ms, available_ucr, held_ucr, "order")
    state.outs += ((account.account_id, frame), (account.account_id, balance))


def fill(state: State, subject: Order, filled: FillRow, liquidity: str) -> None:
    """Send an order's owner a fill of it; ``liquidity``: maker or taker."""
    account, request = subject.account, subject.request
    account.account_seq = account_seq = account.account_seq + 1
    if state.quiet:
        return
    frame = _ORDER(
        account_seq,
        state.seq,
        state.now_ms,
        subject.order_id,
        request.client_order_id,
        request.symbol,
        request.side,
        "trade",
        subject.status,
        subject.qty,
        subject.filled_qty,
        subject.leaves_qty,
        subject.filled_notional_ucr,
        subject.price_ucr,
        None,
        filled.qty,
        filled.price_ucr,
        filled.trade_id,
        liquidity,
    )
    state.outs.append((account.account_id, frame))


def trade(state: State, taker: Order, qty: int, price_ucr: int, trade_id: str) -> None:
    """Publish a trade."""
    symbol, side = taker.request.symbol, taker.request.side
    frame = Trade(symbol, trade_id, price_ucr, qty, side, state.seq, state.now_ms)
    state.outs.append((symbol, frame))


def balances(state: State) -> None:
    """Send each account whose money moved its new balance, once per command."""
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
            frame = _BALANCE(seq, state.seq, state.now_ms, available_ucr, held_ucr, why)
            state.outs.append((account_id, frame))
    moved.clear()


def lease(state: State, subject: Lease) -> None:
    """Send both sides of a lease its present state."""
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
    """Return the frame of a lease for one of its sides."""
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
    """Send the buyer the present state of a VM."""
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
    """Send the buyer a posted charge."""
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
    """Send a notice to one side of a lease."""
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
