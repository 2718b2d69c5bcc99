"""The data of leases and of the VMs on them.

A spot lease is active at once; `ending` means its end is fixed (a recall); `ended` is final. What
is billed is counted in ``meter.py``. Source: rules.md 5.1.
"""

from __future__ import annotations  # Lease and Vm name each other

from exchange.model.account import Account
from exchange.model.capacity import Host
from exchange.model.instrument import Instrument
from exchange.model.meter import Meter
from exchange.model.stories import Story
from exchange.model.waits import Units
from exchange.units import MS_PER_HOUR, MS_PER_MINUTE
from exchange.wire.reasons import LeaseEnd
from exchange.wire.requests import VmStart
from exchange.wire.types import SPOT, Endpoint, LeaseState, VmState

FUND_AHEAD_MS = 10 * MS_PER_MINUTE
"""The next hour is held this long before the paid one ends."""
LIVE_VM: tuple[VmState, ...] = ("requested", "starting", "running", "stopping")


class Lease:
    """The right to run up to ``units`` VMs of a class on one host.

    A new one is sold at ``now_ms``: on spot it runs at once, a window's waits for its hour.

    * ``ends_ms``: when it ends as a whole: a window's end, or what a recall or lack of funds fixed
    * ``post_ms``: when the next hourly charge posts
    * ``buyer_order_id``, ``seller_order_id``: each side's client_order_id of the order that traded
    * ``hold_ucr``: the buyer's money set aside, not yet charged
    * ``bond_ucr``: the seller's bond for the units still leased
    * ``closing``: set for a metered lease that is over and waits for its VMs' last usage, until
      ``close_by_ms``; its meter has stopped
    * ``release_ms``, ``release_units``: when the buyer scheduled a release, of how many (0: all)
    * ``awaited``: VMs that went on under the buyer's next lease and have not reported their usage
    """

    __slots__ = (
        "awaited",
        "bond_ucr",
        "buyer",
        "buyer_order_id",
        "charged_ucr",
        "close_by_ms",
        "closing",
        "ends_ms",
        "hold_ucr",
        "host",
        "instrument",
        "lease_id",
        "meter",
        "metered",
        "number",
        "paid_until_ms",
        "post_ms",
        "price_ucr",
        "reason",
        "recalls",
        "release_ms",
        "release_units",
        "seller",
        "seller_order_id",
        "start_ms",
        "state",
        "trade_id",
        "units",
        "vms",
    )

    def __init__(
        self,
        number: int,
        trade_id: str,
        instrument: Instrument,
        buyer: Account,
        seller: Account,
        host: Host,
        units: int,
        price_ucr: int,
        now_ms: int,
    ) -> None:
        self.number = number
        self.lease_id = f"l-{number}"
        self.trade_id = trade_id
        self.instrument = instrument
        self.buyer = buyer
        self.seller = seller
        self.host = host
        self.units = units
        self.price_ucr = price_ucr
        start_ms = now_ms if instrument.start_ms is None else instrument.start_ms
        self.start_ms = start_ms
        self.state: LeaseState = "active" if start_ms == now_ms else "granted"
        self.ends_ms = end_ms = instrument.end_ms
        self.paid_until_ms = start_ms + MS_PER_HOUR if end_ms is None else end_ms
        self.post_ms = self.paid_until_ms
        self.metered = instrument.pricing == "metered"
        mvcpu = instrument.shape.mvcpu if self.metered else None
        self.meter = Meter(start_ms, mvcpu, Units(units), start_ms, start_ms, story=Story(units))
        self.buyer_order_id = self.seller_order_id = ""
        self.hold_ucr = self.bond_ucr = self.charged_ucr = 0
        self.reason: LeaseEnd | None = None
        self.closing: LeaseEnd | None = None
        self.release_ms: int | None = None
        self.release_units = 0
        self.recalls: list[tuple[int, int]] = []
        """(when, units) of recalls whose notice runs, earliest first."""
        self.vms: dict[str, Vm] = {}
        """By name, ended ones and those that went on elsewhere included."""
        self.close_by_ms = 0
        self.awaited: tuple[int, ...] = ()

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
            return self.close_by_ms
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
        """When the exchange was told that the VM runs."""
        self.ready_ms: int | None = None
        """True when the host reports the guest as ready."""
        self.booted = False
        """True once the guest has been ready."""
        self.launch_by_ms: int | None = None
        self.unit: int | None = None
        """Its unit's key (`waits.Units`); None once that unit has left the lease."""
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
