"""Leases and VMs as data: what a buyer holds on a host, and the life of the VMs on it.

A spot lease is active at once; `ending` means its end is fixed (a recall); `ended` is final. A
lease of many units keeps running totals, no row per unit. Source: rules.md 5.1, 5.2.
"""

from __future__ import annotations  # Lease and Vm name each other

import msgspec
from msgspec import Struct

from exchange.model.account import Account
from exchange.model.capacity import Host
from exchange.model.instrument import Instrument
from exchange.model.spans import Span
from exchange.model.stories import Story
from exchange.units import MS_PER_HOUR, MS_PER_MINUTE
from exchange.wire.reasons import LeaseEnd
from exchange.wire.requests import VmStart
from exchange.wire.types import SPOT, Endpoint, LeaseState, VmState

FUND_AHEAD_MS = 10 * MS_PER_MINUTE
"""The next hour is held this long before the paid one ends."""
LIVE_VM: tuple[VmState, ...] = ("requested", "starting", "running", "stopping")


class Wait(Struct):
    """A unit's wait for its first VM, which is not billed; points in time."""

    from_ms: int
    launched_ms: int | None = None
    until_ms: int | None = None
    """When nobody waited any more: guest-ready, told to stop, or gone."""


class Meter(Struct):
    """Running totals of one lease; a number per unit only of those that have had a VM.

    Times are unit-time unless said.
    """

    accrued_ms: int
    """Up to when (a point in time) the totals count."""
    posted_ms: int
    """Up to when (a point in time) charges have posted."""
    fresh_units: int
    """How many units have had no VM yet."""
    contract_ms: int = 0
    """Sold so far, delivered or not."""
    unit_ms: int = 0
    """Run so far, without the host's silence and without waits of units that have left."""
    before_ms: int = 0
    """The part of it before the last posting."""
    topped_ms: int = 0
    """Added because released units owe at least 5 minutes; metered: in the scale of billing."""
    gone_ms: int = 0
    """Metered, scaled: the part of the use that belongs to units released before."""
    minimum_ms: int = 0
    """Metered, scaled: the least that the last units and those before them owe."""
    gaps: tuple[Span, ...] = ()
    """Silences of the host that are over and not billed, in time order."""
    past_gaps_ms: int = 0
    """The length of those that are settled (`billing._settle_past`): time, not unit-time."""
    silent_from_ms: int | None = None
    """Since when (a point in time) the host is silent."""
    waits: dict[int, Wait] | None = None
    """By the number of the unit's first VM: of every unit that is there and had one."""
    past_waits: dict[int, int] | None = None
    """How long those were that are settled; and their sum."""
    past_wait_ms: int = 0
    idle: tuple[int, ...] = ()
    """Those of them whose VM is gone, in the order of its going."""
    metered_ms: int = 0
    """Posting periods before the last one posted, weighted by CPU share, in billing's scale."""
    closed_from_ms: int = 0
    """When (a point in time) the last posted period began. It stays open for what is found out
    late, until the next posting."""
    closed_ms: int = 0
    """The part of ``unit_ms`` in the last posted period, and the CPU used in it."""
    closed_cpu_ms: int = 0
    cpu_ms: int = 0
    """CPU its VMs used in the running posting period."""
    close_by_ms: int = 0
    """Until when (a point in time) a closing lease waits for its VMs' last usage."""
    awaited: tuple[int, ...] = ()
    """VMs that went on under the buyer's next lease and have not told what they used here."""


class Lease(Struct, eq=False):
    """The right to run up to ``units`` VMs of a class on one host. Use `make_lease`."""

    number: int
    lease_id: str
    trade_id: str
    instrument: Instrument
    buyer: Account
    seller: Account
    host: Host
    units: int
    price_ucr: int
    start_ms: int
    state: LeaseState
    ends_ms: int | None
    """When it ends as a whole: a window's end, or once a recall or lack of funds fixed it."""
    paid_until_ms: int
    post_ms: int
    """When the next hourly charge posts."""
    meter: Meter
    metered: bool
    buyer_order_id: str = ""
    seller_order_id: str = ""
    """What each side called the order that traded."""
    hold_ucr: int = 0
    """The buyer's money set aside, not yet charged."""
    bond_ucr: int = 0
    """The seller's bond for the units still leased."""
    charged_ucr: int = 0
    reason: LeaseEnd | None = None
    closing: LeaseEnd | None = None
    """A metered lease that is over and awaits its VMs' last usage; the clock stands still."""
    release_ms: int | None = None
    """When the buyer scheduled a release, and of how many units (0: all)."""
    release_units: int = 0
    recalls: list[tuple[int, int]] = []
    """(when, units) of recalls whose notice runs, earliest first."""
    vms: dict[str, Vm] = {}
    """By name: all that were started here, ended ones and those that went on elsewhere included."""
    story: Story = msgspec.field(default_factory=Story)
    """What explains its charges; no rule reads it."""

    @property
    def spot(self) -> bool:
        return self.instrument.delivery == SPOT

    def bond_unit_ucr(self) -> int:
        """Return the seller's bond for one unit."""
        return self.instrument.bond_ucr(self.price_ucr)

    def recalled_units(self) -> int:
        """Return how many units are under notice."""
        return sum(units for _, units in self.recalls)

    def fund_ms(self) -> int | None:
        """Return when the next hour must be held, None when it needs no further hour."""
        if not self.spot:
            return None
        if self.ends_ms is not None and self.ends_ms <= self.paid_until_ms:
            return None
        return self.paid_until_ms - FUND_AHEAD_MS

    def due_ms(self) -> int:
        """Return the next time something happens to this lease by itself."""
        if self.closing is not None:
            return self.meter.close_by_ms
        if self.state == "granted":
            return self.start_ms if self.release_ms is None else min(self.start_ms, self.release_ms)
        due = self.post_ms
        for at_ms in (self.ends_ms, self.release_ms, self.fund_ms()):
            if at_ms is not None and at_ms < due:
                due = at_ms
        if self.recalls and self.recalls[0][0] < due:
            due = self.recalls[0][0]
        return due

    def live_vms(self) -> list[Vm]:
        """Return the VMs that are here and have not ended, oldest first."""
        return [vm for vm in self.vms.values() if vm.lease is self and vm.state in LIVE_VM]


def make_lease(
    number: int,
    trade_id: str,
    instrument: Instrument,
    buyer: Account,
    seller: Account,
    host: Host,
    units: int,
    price_ucr: int,
    now_ms: int,
) -> Lease:
    """Return a lease sold now: on spot it runs at once, a window's waits for its hour."""
    start_ms = now_ms if instrument.start_ms is None else instrument.start_ms
    end_ms = instrument.end_ms
    paid_until_ms = start_ms + MS_PER_HOUR if end_ms is None else end_ms
    return Lease(
        number,
        f"l-{number}",
        trade_id,
        instrument,
        buyer,
        seller,
        host,
        units,
        price_ucr,
        start_ms,
        "active" if start_ms == now_ms else "granted",
        end_ms,
        paid_until_ms,
        paid_until_ms,
        Meter(start_ms, start_ms, units),
        instrument.pricing == "metered",
        story=Story(units),
    )


class Vm:
    """A virtual machine on a lease."""

    __slots__ = (
        "boot",
        "booted",
        "came_from",
        "cpu_ms",
        "cpu_ms_seen",
        "endpoints",
        "launched_ms",
        "launch_by_ms",
        "lease",
        "name",
        "net_rx",
        "net_tx",
        "number",
        "ready_ms",
        "reason",
        "request",
        "requested_ms",
        "state",
        "unit",
        "used_at_ms",
        "vm_id",
    )

    def __init__(self, number: int, lease: Lease, request: VmStart, now_ms: int) -> None:
        self.number = number
        self.vm_id = f"v-{number}"
        self.lease = lease
        self.request = request
        self.name = request.name
        self.state: VmState = "requested"
        self.reason: str | None = None
        self.endpoints: list[Endpoint] = []
        self.requested_ms = now_ms
        self.launched_ms: int | None = None
        """When the exchange heard that it runs."""
        self.ready_ms: int | None = None
        """Guest-ready as the host says."""
        self.booted = False
        """Was it guest-ready ever?"""
        self.launch_by_ms: int | None = None
        self.unit: int | None = None
        """Its unit's key in the meter's waits; None once that unit has left the lease."""
        self.came_from = 0
        """Number of the metered lease that awaits what it used there; 0 for none."""
        self.boot = ""
        self.used_at_ms = now_ms
        self.cpu_ms_seen = 0
        self.cpu_ms = 0
        self.net_rx = 0
        self.net_tx = 0

    def live(self) -> bool:
        return self.state in LIVE_VM
