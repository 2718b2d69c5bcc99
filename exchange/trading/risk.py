"""Checks before an order trades, in the order they are made. Each returns a `Refused` or None.

Source: rules.md 3.4, 3.5, 3.6, 4.1. A refusal leaves no trace, so nothing here changes anything.
"""

from exchange.model.account import Account
from exchange.model.instrument import Instrument
from exchange.model.state import State
from exchange.wire.requests import OrderPlace
from exchange.wire.results import Refused
from exchange.wire.terms import market_limit_ucr
from exchange.wire.types import RefusedAmounts


def check(
    state: State, account: Account, instrument: Instrument, request: OrderPlace
) -> Refused | None:
    """Run all checks of a new order that need neither money nor capacity."""
    price_ucr = request.price_ucr
    refused = (
        check_terms(state, request)
        or check_hosts(state, account, request)
        or check_market(state, account, instrument)
    )
    if refused is None and price_ucr is not None:
        refused = check_price(instrument, price_ucr)
    return refused or check_size(account, request.qty, price_ucr) or check_open_orders(account)


def check_hosts(state: State, account: Account, request: OrderPlace) -> Refused | None:
    """Check that all hosts an ask names are the seller's own."""
    for name in request.hosts or ():
        host = state.hosts.get(name)
        if host is None or host.account_id != account.account_id:
            return Refused("unknown_host", f"you have no host {name!r}", "hosts")
    return None


def no_instrument(symbol: str) -> Refused:
    return Refused("unknown_instrument", f"no instrument {symbol!r}", "symbol")


def check_market(state: State, account: Account, instrument: Instrument) -> Refused | None:
    """Check that this account may trade this instrument now."""
    if not instrument.tradable:
        shown = instrument.shown_state()
        return Refused("market_not_open", f"{instrument.symbol} is {shown}", "symbol")
    if state.killed or account.killed:
        return Refused("kill_switch_active", "the kill switch blocks new orders and replaces")
    return None


def check_terms(state: State, request: OrderPlace) -> Refused | None:
    """Check that the order's fields fit together."""
    tif = request.time_in_force
    refused = _check_type(request) or _check_expiry(request, state.now_ms)
    if refused is not None:
        return refused
    if request.post_only and tif in ("ioc", "fok"):
        return Refused("invalid_field", f"post_only cannot be {tif}", "post_only")
    if request.min_qty is not None:
        if request.min_qty > request.qty:
            return Refused("invalid_qty", "min_qty is above qty", "min_qty")
        if request.post_only:
            return Refused("invalid_field", "post_only never fills at once", "min_qty")
    if request.hosts is not None and request.side == "buy":
        return Refused("invalid_field", "only an ask names hosts", "hosts")
    if request.deadline_ms is not None and state.now_ms > request.deadline_ms:
        return Refused("deadline_passed", "sequenced after its deadline", "deadline_ms")
    return None


def _check_type(request: OrderPlace) -> Refused | None:
    """Check that a limit order has a price, and a market order only fields for one that never
    rests."""
    if request.order_type == "limit":
        if request.price_ucr is None:
            return Refused("invalid_price", "a limit order needs a price", "price_ucr")
    elif request.post_only:
        return Refused("invalid_field", "a market order cannot be post-only", "post_only")
    elif request.time_in_force not in ("gtc", "ioc"):
        return Refused("invalid_field", "a market order is always ioc", "time_in_force")
    return None


def _check_expiry(request: OrderPlace, now_ms: int) -> Refused | None:
    """Check that a gtd order names a future time, and no other order names one."""
    if request.time_in_force == "gtd":
        if request.expire_ms is None or request.expire_ms <= now_ms:
            return Refused("invalid_field", "gtd needs a future expire_ms", "expire_ms")
    elif request.expire_ms is not None:
        return Refused("invalid_field", "expire_ms belongs to gtd", "expire_ms")
    return None


def check_price(instrument: Instrument, price_ucr: int) -> Refused | None:
    """Check that the price is on the tick and inside the band."""
    if price_ucr % instrument.tick_ucr:
        text = f"the tick is {instrument.tick_ucr} ucr"
        amounts = RefusedAmounts(tick_ucr=instrument.tick_ucr)
        return Refused("price_off_tick", text, "price_ucr", amounts=amounts)
    if instrument.band_pct:
        band = instrument.band_ucr()
        if band is not None and not band[0] <= price_ucr <= band[1]:
            text = f"the band is {band[0]}..{band[1]} ucr"
            amounts = RefusedAmounts(least_ucr=band[0], most_ucr=band[1])
            return Refused("price_out_of_band", text, "price_ucr", amounts=amounts)
    return None


def check_size(account: Account, qty: int, price_ucr: int | None) -> Refused | None:
    """Check that the order is within the account's size limits."""
    limits = account.limits
    if limits.max_qty and qty > limits.max_qty:
        return Refused("max_qty", f"at most {limits.max_qty} units an order", "qty")
    if limits.max_notional_ucr and (price_ucr or 0) * qty > limits.max_notional_ucr:
        text = f"at most {limits.max_notional_ucr} ucr an order"
        amounts = RefusedAmounts(most_ucr=limits.max_notional_ucr)
        return Refused("max_notional", text, amounts=amounts)
    return None


def check_open_orders(account: Account) -> Refused | None:
    """Check that the account may have one more order in the book."""
    most = account.limits.max_open_orders
    if most and len(account.open_orders) >= most:
        return Refused("max_open_orders", f"at most {most} open orders")
    return None


def no_funds(account: Account, needed_ucr: int, what: str) -> Refused:
    """Return the refusal of an order that the account cannot pay for."""
    text = f"{what} needs {needed_ucr} ucr, {account.available_ucr} are available"
    amounts = RefusedAmounts(needed_ucr=needed_ucr, available_ucr=account.available_ucr)
    return Refused("insufficient_funds", text, amounts=amounts)


def protection_ucr(instrument: Instrument, request: OrderPlace) -> int | None:
    """Return the limit of a market order without one: 10 % beyond the best, inside the band."""
    best = instrument.book.best_ucr(-1 if request.side == "buy" else 1)
    if best is None:
        return None
    limit = market_limit_ucr(request.side, best)
    band = instrument.band_ucr()
    return limit if band is None else min(max(limit, band[0]), band[1])
