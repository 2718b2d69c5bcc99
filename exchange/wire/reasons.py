"""Why a request is refused and why an order or a lease ends: closed sets, grown by layer.

protocol.md, "Reasons". A refusal the user can cause is one of these values, never an exception.
"""

from typing import Final, Literal, TypeAlias

ProtocolReason: TypeAlias = Literal[
    "parse_error", "unknown_type", "invalid_field", "frame_too_large", "unsupported_version"
]
AuthReason: TypeAlias = Literal["auth_required", "bad_signature", "forbidden", "claimed"]
RateReason: TypeAlias = Literal["rate_limited", "too_many_subscriptions"]
OrderReason: TypeAlias = Literal[
    "unknown_instrument",
    "unknown_order",
    "invalid_price",
    "price_off_tick",
    "price_out_of_band",
    "invalid_qty",
    "duplicate_client_order_id",
    "duplicate_ref",
    "self_trade",
    "post_only_would_cross",
    "deadline_passed",
    "market_not_open",
    "order_done",
]
RiskReason: TypeAlias = Literal[
    "insufficient_funds",
    "insufficient_capacity",
    "max_open_orders",
    "max_qty",
    "max_notional",
    "kill_switch_active",
]
LeaseReason: TypeAlias = Literal[
    "unknown_lease",
    "unknown_vm",
    "vm_exists",
    "no_console",
    "lease_full",
    "units_in_use",
    "lease_ended",
    "not_recallable",
    "image_unknown",
    "image_invalid",
    "quota_exceeded",
]
HostReason: TypeAlias = Literal["unknown_host", "bad_token", "not_approved", "host_unreachable"]
ServerReason: TypeAlias = Literal["too_old", "internal", "busy", "shutting_down"]

RefusalReason: TypeAlias = (
    ProtocolReason
    | AuthReason
    | RateReason
    | OrderReason
    | RiskReason
    | LeaseReason
    | HostReason
    | ServerReason
)

LATER: Final[tuple[RefusalReason, ...]] = ("rate_limited", "busy", "shutting_down")
"""Temporary refusals: nothing was done, and the same request may succeed later."""

CancelReason: TypeAlias = Literal[
    "user",
    "mass_cancel",
    "ioc_remainder",
    "fok_not_filled",
    "min_qty_not_met",
    "no_liquidity",
    "self_trade",
    "disconnected",
    "dead_man",
    "gate_closed",
    "host_silent",
    "capacity_shrunk",
    "kill_switch",
]
LeaseEnd: TypeAlias = Literal[
    "released", "recalled", "window_over", "funds_exhausted", "host_lost", "launch_failed"
]
