"""Plain words for a person: why something was refused, what just happened to the account."""

from typing import Final, NamedTuple

from exchange.units import count_text
from exchange.wire.frames import AccountFrame, LeaseUpdate, Notice, OrderUpdate, VmUpdate
from exchange.wire.text import vm_state
from exchange.wire.types import RefusedAmounts
from tui.view.text import exact_price_text, price_text

REFUSALS: Final[dict[str, str]] = {
    "parse_error": "The exchange could not read the request",
    "unknown_type": "The exchange does not know this request; it may be older than this terminal",
    "invalid_field": "A field is out of bounds",
    "frame_too_large": "The request is too large",
    "unsupported_version": "The exchange speaks another protocol version",
    "auth_required": "Log in first: start with --key",
    "bad_signature": "The exchange does not know this key",
    "forbidden": "This key may not do that",
    "rate_limited": "Too many requests; wait a moment",
    "too_many_subscriptions": "Too many subscriptions",
    "unknown_instrument": "There is no such instrument",
    "unknown_order": "There is no such order any more",
    "invalid_price": "This order needs a price",
    "price_off_tick": "The price is not a multiple of the tick",
    "price_out_of_band": "The price is too far from the reference price",
    "invalid_qty": "The quantity does not fit this order",
    "duplicate_client_order_id": "This order id was used before",
    "duplicate_ref": "This reference was used before",
    "self_trade": "It would trade with your own order",
    "post_only_would_cross": "It would trade at once, and it is post-only",
    "deadline_passed": "It came too late",
    "market_not_open": "The instrument is not open for trading",
    "order_done": "The order is already done",
    "insufficient_funds": "Not enough money",
    "insufficient_capacity": "Your live hosts have not enough free slots to sell this",
    "max_open_orders": "Too many open orders",
    "max_qty": "More units than your limit allows",
    "max_notional": "More money than your limit allows",
    "kill_switch_active": "The operator has stopped this account's trading",
    "unknown_lease": "There is no such lease",
    "unknown_vm": "There is no such VM",
    "claimed": "Another program of this account holds this name",
    "vm_exists": "A VM of this name exists on the lease",
    "no_console": "The host shows no console of this VM",
    "lease_full": "Every unit of the lease runs a VM already",
    "units_in_use": "A VM runs on these units; stop it first",
    "lease_ended": "The lease has ended",
    "not_recallable": "This lease cannot be recalled",
    "image_unknown": "The exchange does not have this image",
    "image_invalid": "The image is not usable",
    "quota_exceeded": "More than your account or this unit may use",
    "unknown_host": "There is no such host",
    "bad_token": "The enrollment token is not valid",
    "not_approved": "The host is not approved yet",
    "host_unreachable": "The host cannot be reached now",
    "too_old": "That is no longer kept",
    "internal": "The exchange had to set this request aside",
    "busy": "The exchange is busy; try again",
    "shutting_down": "The exchange is shutting down",
}

ENDS: Final[dict[str, str]] = {
    "user": "at your request",
    "mass_cancel": "with all your orders",
    "ioc_remainder": "the rest found no match at once",
    "fok_not_filled": "it could not fill whole",
    "min_qty_not_met": "too little could fill at once",
    "no_liquidity": "nothing to trade with",
    "self_trade": "it met your own order",
    "disconnected": "the connection dropped",
    "dead_man": "the dead-man timer ran out",
    "gate_closed": "the gate closed",
    "host_silent": "its host went silent",
    "capacity_shrunk": "its host offers less",
    "kill_switch": "the operator stopped trading",
    "released": "released by the renter",
    "recalled": "recalled by the seller",
    "window_over": "its window is over",
    "funds_exhausted": "the money ran out",
    "host_lost": "its host is lost",
    "launch_failed": "its VM could not be launched",
}

NOTICES: Final[dict[str, str]] = {
    "funds_low": "Money is short: {lease} ends with the hour already paid",
    "recall": "{lease} is recalled: its units end within two minutes",
    "host_silent": "Host {host} is silent; {lease} waits for it",
    "host_back": "Host {host} is back; {lease} goes on",
    "host_lost": "Host {host} is lost; {lease} ends",
    "launch_failed": "A VM could not be launched on {lease}",
}


class Message(NamedTuple):
    """One line for the trader: good news, plain news, or trouble ("warn")."""

    text: str
    ink: str
    at_ms: int


class Refusal(NamedTuple):
    """What the exchange's ``error`` says; the reason may be one that only newer exchanges have."""

    reason: str
    message: str
    field: str | None = None
    amounts: RefusedAmounts | None = None


def refusal(why: Refusal) -> str:
    """Return one line: our plain words first, then what the exchange adds, amounts in credits."""
    plain = REFUSALS.get(why.reason, why.reason.replace("_", " "))
    # Where it is not the whole point, the field is plain from what the exchange says.
    named = why.field if why.field and (why.reason == "invalid_field" or not why.message) else ""
    said = why.message if why.amounts is None else amounts_text(why.amounts)
    more = ": ".join(part for part in (named, said) if part)
    return f"Refused: {plain[0].lower()}{plain[1:]}" + (f": {more}" if more else "")


def amounts_text(amounts: RefusedAmounts) -> str:
    """Return the amounts that are there in credits: ``it needs 12.48, 3.25 are available``."""
    parts = (
        ("it needs {}", amounts.needed_ucr),
        ("{} are available", amounts.available_ucr),
        ("at least {}", amounts.least_ucr),
        ("at most {}", amounts.most_ucr),
        ("the tick is {}", amounts.tick_ucr),
    )
    told = [text.format(exact_price_text(ucr, 2)) for text, ucr in parts if ucr is not None]
    return ", ".join(told)


def happened(frame: AccountFrame, places: int) -> Message | None:
    """Return what ``frame`` means for the trader, None when it needs no words."""
    match frame:
        case OrderUpdate():
            return _order(frame, places)
        case LeaseUpdate(state="ended"):
            end = ENDS.get(frame.reason or "", frame.reason or "")
            which = f"{count_text(frame.units, 'unit')} {frame.symbol} {frame.lease_id}"
            return Message(f"Lease ended: {end} · {which}", "text", frame.ts_ms)
        case VmUpdate(state="running"):
            return Message(
                f"VM {frame.name} is {vm_state(frame.state, frame.ready_ms)}", "text", frame.ts_ms
            )
        case VmUpdate(state="failed"):
            return Message(f"VM {frame.name} failed: {frame.reason or ''}", "warn", frame.ts_ms)
        case Notice():
            known = NOTICES.get(frame.kind, frame.kind)
            text = known.format(lease=frame.lease_id or "a lease", host=frame.host or "")
            return Message(text, "text" if frame.kind == "host_back" else "warn", frame.ts_ms)
        case _:
            return None


def terms(order: OrderUpdate, places: int) -> str:
    """Return what was ordered: ``buy 5 at 0.0312``."""
    price = exact_price_text(order.price_ucr, places) if order.price_ucr else "market"
    return f"{order.side} {order.order_qty} at {price}"


def _order(order: OrderUpdate, places: int) -> Message | None:
    # Which one comes last: on a narrow screen the end is what gets lost.
    which = f" · {order.symbol} {order.order_id}"
    if order.exec == "trade":
        rest = f", {order.leaves_qty} to go" if order.leaves_qty else ""
        return _traded(order, places, str(order.filled_qty), rest + which)
    if order.exec == "new" and order.status == "new":
        return Message(f"Working: {terms(order, places)}{which}", "text", order.ts_ms)
    if order.exec == "replaced":
        what = "Reduced" if order.reason == "self_trade" else "Replaced"
        return Message(f"{what}: now {terms(order, places)}{which}", "text", order.ts_ms)
    if order.exec not in ("canceled", "expired"):
        return None
    why = ENDS.get(order.reason or "", order.reason or "")
    if not order.filled_qty:
        text = f"{order.exec.capitalize()} {terms(order, places)}: {why}{which}"
        return Message(text, "text", order.ts_ms)
    rest = f"the rest {order.exec}: {why}"
    if order.reason in ("ioc_remainder", "no_liquidity"):
        rest = "no more on offer" if order.side == "buy" else "no more is bid for"
    return _traded(order, places, f"{order.filled_qty} of {order.order_qty}", f"; {rest}{which}")


def _traded(order: OrderUpdate, places: int, amount: str, rest: str) -> Message:
    """Return what the order has come to: it may fill in many pieces, a frame each."""
    verb, ink = ("Bought", "bid") if order.side == "buy" else ("Sold", "ask")
    price = price_text(order.filled_notional_ucr // max(1, order.filled_qty), places)
    return Message(f"{verb} {amount} at {price}{rest}", ink, order.ts_ms)
