"""The checker's own books, kept from commands and frames alone, never from the engine's figures.

What must be held for an open order, which units are leased on which host, and what every account
should own follow from the rules of the market and the frames told to the accounts. The checker then
compares.
"""

from msgspec import Struct

from exchange.model.commands import Command, Out
from exchange.units import MS_PER_HOUR
from exchange.wire.admin_requests import AdminDeposit
from exchange.wire.frames import Charge, LeaseUpdate, Notice, OrderUpdate
from exchange.wire.requests import HostAnnounce, HostOffer
from exchange.wire.terms import RECALL_NOTICE_MS, hold_unit_ucr, need_of
from exchange.wire.types import SPOT, Capacity, Side
from manager.selling.group import delivery_of
from sim.actors.position import DONE


class OpenOrder(Struct):
    account: str
    side: Side
    symbol: str
    units: int
    hold_ucr: int


class Lease(Struct):
    """Both sides of a lease as their frames tell it."""

    lease_id: str
    symbol: str
    host: str
    price_ucr: int
    units: int
    granted: int
    buyer: str = ""
    seller: str = ""
    charged_ucr: int = 0
    over: bool = False
    """The bond is settled; a metered lease then still waits for its VMs' last usage."""
    ended: bool = False
    recalls_ms: dict[int, None] = {}
    """When the notices of its recalls end."""

    @property
    def bond_unit_ucr(self) -> int:
        return hold_unit_ucr("sell", delivery_of(self.symbol), self.price_ucr)

    @property
    def bond_ucr(self) -> int:
        return 0 if self.over else self.bond_unit_ucr * self.units


class Lost(Struct, frozen=True):
    """Units that left a lease in one command; ``due``: their bonds pay the buyer."""

    lease: Lease
    units: int
    due: bool

    @property
    def bond_ucr(self) -> int:
        return self.lease.bond_unit_ucr * self.units


class Changed(Struct):
    """What one command touched."""

    accounts: dict[str, None] = {}
    symbols: dict[str, None] = {}
    hosts: dict[str, None] = {}
    sellers: dict[str, None] = {}
    lost: list[Lost] = []
    after_end: list[str] = []
    """Leases told of after they had ended."""
    not_launched: list[str] = []
    """Leases of which a VM was not launched, once for each."""


class Tally:
    """``fee_pct`` of every charge goes to the exchange, rounded down."""

    def __init__(self, fee_pct: int) -> None:
        self._fee_pct = fee_pct
        self.orders: dict[tuple[str, str], OpenOrder] = {}
        self.order_holds_ucr: dict[str, int] = {}
        self.leases: dict[str, Lease] = {}
        self.live: dict[str, Lease] = {}
        self.owned_ucr: dict[str, int] = {}
        """What each account should own, held or not, bonds paid out left aside."""
        self.fees_ucr = 0
        self.charged_ucr = 0
        self.capacity: dict[str, Capacity] = {}
        self.offered: dict[str, Capacity] = {}
        self.owner: dict[str, str] = {}
        """The account behind each host."""

    def take_in(self, command: Command, outs: list[Out]) -> Changed:
        """Book one command and everything that it caused."""
        changed = Changed()
        self._command(command)
        if command.account:
            changed.accounts[command.account] = None
        for address, event in outs[1:]:
            match event:
                case OrderUpdate():
                    changed.accounts[address] = changed.symbols[event.symbol] = None
                    if event.side == "sell":
                        changed.sellers[address] = None
                    self._order(address, event)
                case LeaseUpdate():
                    changed.accounts[address] = changed.hosts[event.host] = None
                    self._lease(address, event, changed)
                case Charge():
                    changed.accounts[address] = None
                    self._charge(event, changed)
                case Notice() if event.lease_id is not None:
                    self._notice(event, event.lease_id, changed)
                case _:
                    continue
        return changed

    def _command(self, command: Command) -> None:
        match command.message:
            case AdminDeposit():
                self._own(command.message.account, command.message.amount_ucr)
            case HostAnnounce():
                self.owner[command.host] = command.account
                self.capacity[command.host] = command.message.capacity
                self.offered[command.host] = command.message.offered
            case HostOffer() if command.message.offered is not None:
                self.offered[command.message.host] = command.message.offered
            case _:
                return

    def _order(self, account: str, event: OrderUpdate) -> None:
        key = (account, event.order_id)
        before = self.orders.pop(key, None)
        hold_ucr = 0
        if event.status not in DONE:
            price_ucr = event.price_ucr or 0
            unit_ucr = hold_unit_ucr(event.side, delivery_of(event.symbol), price_ucr)
            hold_ucr = unit_ucr * event.leaves_qty
            self.orders[key] = OpenOrder(
                account, event.side, event.symbol, event.leaves_qty, hold_ucr
            )
        change_ucr = hold_ucr - (before.hold_ucr if before else 0)
        self.order_holds_ucr[account] = self.order_holds_ucr.get(account, 0) + change_ucr

    def _lease(self, account: str, event: LeaseUpdate, changed: Changed) -> None:
        lease = self.leases.get(event.lease_id)
        if lease is None:
            lease = Lease(
                event.lease_id,
                event.symbol,
                event.host,
                event.price_ucr,
                event.units,
                granted=event.units,
            )
            self.leases[event.lease_id] = self.live[event.lease_id] = lease
        told_end = lease.ended and event.state == "ended"
        if lease.ended and not told_end:
            changed.after_end.append(event.lease_id)
        if event.side == "buy":
            lease.buyer = account
            self._units(lease, event, changed)
        else:
            lease.seller = account

    def _units(self, lease: Lease, event: LeaseUpdate, changed: Changed) -> None:
        # The buyer's frame comes first and is the one that counts; the seller's says the same.
        if lease.ended:
            changed.after_end.append(lease.lease_id)
            return
        lost = lease.units if _over(event) else lease.units - event.units
        if lost > 0 and not lease.over:
            changed.lost.append(Lost(lease, lost, self._due(lease, event, changed)))
        lease.over = lease.over or _over(event)
        lease.units = event.units
        if event.state == "ended":
            lease.ended = True
            del self.live[lease.lease_id]

    def _notice(self, event: Notice, lease_id: str, changed: Changed) -> None:
        if event.kind == "launch_failed":
            changed.not_launched.append(lease_id)
        elif event.kind == "recall" and event.at_ms is not None:
            self.leases[lease_id].recalls_ms[event.at_ms] = None

    def _due(self, lease: Lease, event: LeaseUpdate, changed: Changed) -> bool:
        """Do the units that ``event`` takes off pay their bond? rules.md 5.6 to 5.8 and 6.2."""
        if lease.lease_id in changed.not_launched:
            changed.not_launched.remove(lease.lease_id)
            return True
        if event.reason == "host_lost":
            return True
        taken_back = event.ts_ms in lease.recalls_ms and event.reason in (None, "recalled")
        asked_ms = event.ts_ms - RECALL_NOTICE_MS
        return taken_back and asked_ms < event.start_ms + MS_PER_HOUR

    def _charge(self, event: Charge, changed: Changed) -> None:
        lease = self.leases[event.lease_id]
        fee_ucr = event.amount_ucr * self._fee_pct // 100
        lease.charged_ucr += event.amount_ucr
        self.charged_ucr += event.amount_ucr
        self.fees_ucr += fee_ucr
        self._own(lease.buyer, -event.amount_ucr)
        self._own(lease.seller, event.amount_ucr - fee_ucr)
        changed.accounts[lease.seller] = None

    def _own(self, account: str, amount_ucr: int) -> None:
        self.owned_ucr[account] = self.owned_ucr.get(account, 0) + amount_ucr

    def move_bond(self, lease: Lease, amount_ucr: int) -> None:
        """A bond paid the buyer: book it, so that the next comparison starts even."""
        self._own(lease.buyer, amount_ucr)
        self._own(lease.seller, -amount_ucr)

    def used(self, host: str, shapes: dict[str, Capacity], hour: str = "") -> Capacity:
        """Return what the live leases on ``host`` take in ``hour``, a VM's overhead included.

        ``hour``: a window's delivery; "": the hour that takes most, of CPU, memory and disk each.
        """
        leases = [lease for lease in self.live.values() if lease.host == host]
        return _busiest([(lease.symbol, lease.units) for lease in leases], shapes, hour)

    def hours_asked(self, account: str) -> list[str]:
        """Return the deliveries that the account's open asks are for."""
        return list(dict.fromkeys(delivery_of(ask.symbol) for ask in self._asks(account)))

    def asked(self, account: str, shapes: dict[str, Capacity], hour: str = "") -> Capacity:
        """Return what the account's open asks would take in ``hour``."""
        return _busiest([(ask.symbol, ask.units) for ask in self._asks(account)], shapes, hour)

    def free(self, account: str, shapes: dict[str, Capacity], hour: str = "") -> Capacity:
        """Return what the account's hosts offer beside their leases of ``hour``, each summed up."""
        mvcpu = mem_mib = disk_mib = 0
        for host in [host for host, owner in self.owner.items() if owner == account]:
            offered, used = self.offered[host], self.used(host, shapes, hour)
            mvcpu += max(0, offered.mvcpu - used.mvcpu)
            mem_mib += max(0, offered.mem_mib - used.mem_mib)
            disk_mib += max(0, offered.disk_mib - used.disk_mib)
        return Capacity(mvcpu, mem_mib, disk_mib)

    def _asks(self, account: str) -> list[OpenOrder]:
        mine = [order for order in self.orders.values() if order.account == account]
        return [order for order in mine if order.side == "sell"]


def _over(event: LeaseUpdate) -> bool:
    """Has the lease come to its end? An end that still lies ahead is a recall's notice."""
    ending = event.state == "ending" and event.ends_ms is not None
    return event.state == "ended" or (ending and (event.ends_ms or 0) <= event.ts_ms)


def _busiest(rows: list[tuple[str, int]], shapes: dict[str, Capacity], hour: str = "") -> Capacity:
    """Return what spot and one hour's windows take; ``hour`` "": the most that any hour takes."""
    by_hour: dict[str, list[tuple[str, int]]] = {}
    for symbol, units in rows:
        by_hour.setdefault(delivery_of(symbol), []).append((symbol, units))
    spot = by_hour.pop(SPOT, [])
    hours = [by_hour.get(hour, [])] if hour else list(by_hour.values())
    needs = [_need([*spot, *windows], shapes) for windows in hours or [[]]]
    return Capacity(
        max(need.mvcpu for need in needs),
        max(need.mem_mib for need in needs),
        max(need.disk_mib for need in needs),
    )


def _need(rows: list[tuple[str, int]], shapes: dict[str, Capacity]) -> Capacity:
    mvcpu = mem_mib = disk_mib = 0
    for symbol, units in rows:
        unit = need_of(shapes[symbol.partition(".")[0]])
        mvcpu += unit[0] * units
        mem_mib += unit[1] * units
        disk_mib += unit[2] * units
    return Capacity(mvcpu, mem_mib, disk_mib)
