"""The operator's requests: accounts, keys, money, zones, instruments, halts and limits.

Decoded as strictly as those of ``protocol.py``. Source: protocol.md, "Operator and sign-up".
"""

from typing import Annotated

from msgspec import Meta

from exchange.wire.types import (
    Accel,
    AmountUcr,
    Count,
    Ms,
    Name,
    Paged,
    Percent,
    PriceUcr,
    PublicKey,
    Request,
    Role,
)


class AdminAccount(Request, tag="admin.account", frozen=True):
    """Open an account, or rename it."""

    account: Name
    name: Name


class AdminKey(Request, tag="admin.key", frozen=True):
    """Give an account a key with one role."""

    account: Name
    key_id: Name
    public_key: PublicKey
    role: Role
    not_after_ms: Ms | None = None


class AdminKeyRevoke(Request, tag="admin.key_revoke", frozen=True):
    """End a key for good; its connections are closed."""

    key_id: Name


class AdminDeposit(Request, tag="admin.deposit", frozen=True):
    """Money in from ``outside``; a negative amount is a withdrawal."""

    account: Name
    amount_ucr: AmountUcr
    ref: Name


class AdminZone(Request, tag="admin.zone", frozen=True):
    """Add a zone, or change its country and what may run its VMs."""

    zone: Name
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)")]
    accel: Annotated[list[Accel], Meta(min_length=1, max_length=3)]


class AdminInstrument(Request, tag="admin.instrument", frozen=True):
    """Create a spot instrument, or change its tick, reference price or band."""

    symbol: Name
    tick_ucr: PriceUcr | None = None
    ref_ucr: PriceUcr | None = None
    band_pct: Percent | None = None


class AdminHalt(Request, tag="admin.halt", frozen=True):
    """Stop or resume trading of one instrument, or of all; the books stay."""

    halted: bool
    symbol: Name | None = None


class AdminKillSwitch(Request, tag="admin.kill_switch", frozen=True):
    """Cancel the orders of one account, or of all, and block new ones until lifted."""

    enabled: bool
    account: Name | None = None


class AdminLimits(Request, tag="admin.limits", frozen=True):
    """Change an account's limits; 0 is unlimited, in ``orders_per_s`` for cancels too."""

    account: Name
    max_qty: Count | None = None
    max_notional_ucr: Count | None = None
    max_open_orders: Count | None = None
    orders_per_s: Count | None = None


class AdminApplications(Paged, tag="admin.applications", frozen=True):
    """Read who asked for an account and waits for an answer."""


class AdminApprove(Request, tag="admin.approve", frozen=True):
    """Open the account that was asked for, with the applicant's key as trader."""

    application: Name
    account: Name
    key_id: Name


class AdminDecline(Request, tag="admin.decline", frozen=True):
    """Strike an application off the list."""

    application: Name


class AdminBalances(Paged, tag="admin.balances", frozen=True):
    """Read every account's money, ``fees`` and ``outside`` included: it sums to zero."""
