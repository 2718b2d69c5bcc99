"""The naive exchange's leases and money: who pays whom, and when a lease changes.

Part of `sim.oracle.exchange.Oracle`; see there. Written from rules.md 1.3, 5.1, 5.4, 5.5, 5.6,
5.7. What is owed for a lease is in `owed`.
"""

from abc import abstractmethod
from collections import Counter
from typing import Final

from sim.oracle.hosts import Need
from sim.oracle.owed import (
    HOUR_MS,
    MINIMUM_MS,
    MINUTE_MS,
    Lease,
    Unit,
    Vm,
    within,
)
from sim.oracle.vms import Vms

NOTICE_MS: Final = 120_000
COOLING_MS: Final = 10 * MINUTE_MS
LAST_USAGE_MS: Final = 60_000


class Leases(Vms):
    """Money of all accounts and the leases between them."""

    def __init__(self, shapes: dict[str, Need], fee_pct: int = 1) -> None:
        super().__init__(shapes)
        self.fee_pct = fee_pct
        self.cash: dict[str, int] = {"fees": 0, "outside": 0}
        """All that an account has, held or not."""
        self.leases: list[Lease] = []
        """Those that live, or wait for their last charge."""
        self.granted = 0
        self.ended: dict[int, int] = {}
        """When leases ended, by number."""
        self.endings: Counter[tuple[str, str]] = Counter()
        """How many leases of spot and of windows ended for which reason."""
        self.carried: set[tuple[str, str]] = set()
        """From which pricing into which VMs went on."""
        self.evidence: Counter[tuple[str, str]] = Counter()
        """Unit-time of leases that are over, contracted and delivered, by host."""

    @abstractmethod
    def order_holds(self) -> Counter[str]:
        """What each account's open orders hold."""

    @abstractmethod
    def orders_hold_ucr(self, account: str) -> int:
        """What the open orders of one account hold."""

    @abstractmethod
    def start_ms(self, symbol: str) -> int | None:
        """When a window begins; None for spot."""

    @abstractmethod
    def cancel_newest_ask(self, host: str) -> bool:
        """Cancel the newest ask on the host in an hour with too much; False when none is left."""

    # --- money ---

    def pay(self, payer: str, payee: str, amount_ucr: int) -> None:
        self.cash[payer] -= amount_ucr
        self.cash[payee] += amount_ucr

    def bond_ucr(self, symbol: str, price_ucr: int) -> int:
        """Of one unit, rounded down: spot 10 min of the price, a window half its value."""
        return price_ucr * 10 // 60 if symbol.endswith(".spot") else price_ucr // 2

    def holds(self) -> Counter[str]:
        """What each account has held: the sum of its open orders' and leases' holds."""
        held = self.order_holds()
        for lease in self.leases:
            held[lease.buyer] += lease.hold_ucr
            held[lease.seller] += len(lease.living) * lease.bond_ucr
        return held

    def available(self, account: str) -> int:
        held_ucr = self.orders_hold_ucr(account)
        for lease in self.leases:
            if lease.buyer == account:
                held_ucr += lease.hold_ucr
            if lease.seller == account:
                held_ucr += len(lease.living) * lease.bond_ucr
        return self.cash.get(account, 0) - held_ucr  # one who never had money

    def lease_slots(self) -> list[tuple[str, str]]:
        slots = []
        for lease in self.leases:
            slots += [(lease.host, lease.symbol)] * lease.units
        return slots

    # --- life ---

    def grant(
        self, buyer: str, seller: str, symbol: str, host: str, units: int, price_ucr: int
    ) -> None:
        """A spot lease is active at once, a window's waits for its hour; one hour is held."""
        self.granted += 1
        start_ms = self.start_ms(symbol)
        since_ms = self.now_ms if start_ms is None else start_ms
        lease = Lease(
            self.granted,
            buyer,
            seller,
            symbol,
            host,
            price_ucr,
            since_ms,
            [Unit(since_ms) for _ in range(units)],
            hold_ucr=price_ucr * units,
            paid_until_ms=since_ms + HOUR_MS,
            bond_ucr=self.bond_ucr(symbol, price_ucr),
            mvcpu=self.need(symbol)[0],
        )
        if start_ms is not None:
            lease.begun, lease.ends_ms = False, start_ms + HOUR_MS
        self.leases.append(lease)

    def post(self, lease: Lease) -> None:
        """Charge ceil(total owed so far) - already charged; the fee is a floor of each charge."""
        amount_ucr = max(0, lease.owed_ucr(self.now_ms) - lease.charged_ucr)
        assert amount_ucr <= lease.hold_ucr, "nobody is charged what was not held"
        fee_ucr = amount_ucr * self.fee_pct // 100
        self.pay(lease.buyer, lease.seller, amount_ucr - fee_ucr)
        self.pay(lease.buyer, "fees", fee_ucr)
        lease.hold_ucr -= amount_ucr
        lease.charged_ucr += amount_ucr
        if amount_ucr:
            self.news.append(("charge", lease.number, self.now_ms, amount_ucr))
        lease.posts.append(self.now_ms)
        lease.cpu_ms.append(0)

    def end(self, lease: Lease, reason: str, *, bond_to_buyer: bool) -> None:
        """All of it ends. A metered lease waits up to 60 s for its VMs' last readings."""
        for vm in self.live_vms(lease):
            if reason == "host_lost":
                self.gone(vm, "failed")
            else:
                self.stop(vm)
        if bond_to_buyer:
            self.pay(lease.seller, lease.buyer, lease.bond_ucr * lease.units)
        kept = lease.units
        self.leave(lease, list(lease.living))
        lease.over, lease.ends_ms, lease.kept = reason, self.now_ms, kept
        self.ended[lease.number] = self.now_ms
        self.endings["spot" if lease.spot else "window", reason] += 1
        lease.last_usage_by_ms = self.now_ms + LAST_USAGE_MS
        if lease.metered:
            self.close_if_told(lease)
        else:
            self.close(lease)

    def close_if_told(self, lease: Lease) -> None:
        """The last reading has come: of its own VMs, and of those that went on elsewhere."""
        awaited = self.live_vms(lease) or any(vm.before is lease for vm in self.vms.values())
        if lease.over and lease in self.leases and not awaited:
            self.close(lease)

    def close(self, lease: Lease) -> None:
        self.post(lease)
        for vm in self.vms.values():
            if vm.before is lease:
                vm.before = None
        self.leases.remove(lease)
        lease.closed = True
        self.news.append(("closed", lease))
        for unit in lease.past:
            assert unit.until_ms is not None
            contracted_ms = max(0, unit.until_ms - unit.since_ms)
            delivered_ms = within(unit.billed(self.now_ms), 0, unit.until_ms)
            self.evidence[lease.host, "contracted"] += contracted_ms
            self.evidence[lease.host, "delivered"] += delivered_ms

    def leave(self, lease: Lease, units: list[Unit]) -> None:
        """These units end now, unless they are owed to a later time."""
        for unit in units:
            if unit.until_ms is None:
                unit.until_ms = self.now_ms
            if unit.vm is not None:
                vm = self.vms[unit.vm]
                self.no_longer_awaited(vm)
                vm.unit = unit.vm = None
            lease.living.remove(unit)
        lease.past += units

    def drop(self, lease: Lease, units: list[Unit], *, bond_to_buyer: bool) -> None:
        """Some units end, the rest lives on and holds no more than it needs."""
        self.leave(lease, units)
        if bond_to_buyer:
            self.pay(lease.seller, lease.buyer, lease.bond_ucr * len(units))
        self.fit_recalls(lease)
        lease.hold_ucr = min(lease.hold_ucr, lease.needed_ucr(lease.paid_until_ms, self.now_ms))

    def leaving(self, lease: Lease, count: int) -> list[Unit]:
        """Which units go: those that never had a VM, those without one for longest, and then
        those whose VM is stopping or, failing that, the youngest."""

        def rank(unit: Unit) -> tuple[int, int]:
            if unit.first is None:
                return 0, 0
            if unit.vm is None:
                return 1, unit.idle_turn
            stopping = self.vms[unit.vm].state == "stopping"
            return (2, unit.vm) if stopping else (3, -unit.vm)

        return sorted(lease.living, key=rank)[:count]

    def stop_down_to(self, lease: Lease, units: int) -> None:
        """No more VMs than units: those that stop anyway go first, then the newest."""
        vms = self.live_vms(lease)
        stopping = [vm for vm in vms if vm.state == "stopping"]
        others = [vm for vm in reversed(vms) if vm.state != "stopping"]
        for vm in (stopping + others)[: max(0, len(vms) - units)]:
            self.stop(vm)

    def give_back(self, lease: Lease, count: int) -> None:
        """The buyer releases units. Spot owes 5 min of each at least, a window all of its hour;
        while the host is silent neither."""
        units = self.leaving(lease, count)
        if not lease.silent:
            if lease.spot:
                self.top_up(lease, units)
            else:
                for unit in units:
                    unit.until_ms = lease.ends_ms
        if count == lease.units:
            self.end(lease, "released", bond_to_buyer=False)
        else:
            self.drop(lease, units, bond_to_buyer=False)

    def top_up(self, lease: Lease, units: list[Unit]) -> None:
        """Released units owe at least ceil(units x price / 12) together.

        Units of a metered lease share alike in what it has used. When all go, the last reading may
        still come, so what the lease has used by then counts.
        """
        least = len(units) * MINIMUM_MS * lease.scale
        if not lease.metered:
            billed_ms = sum(within(u.billed(self.now_ms), 0, self.now_ms) for u in units)
            lease.topped += max(0, least - billed_ms)
        elif len(units) == lease.units:
            lease.least = lease.gone + least
        else:
            staying = max(0, lease.use_by_period(self.now_ms) - lease.gone)
            part = staying * len(units) // lease.units
            lease.gone += part
            lease.topped += max(0, least - part)

    def unit_failed(self, lease: Lease, unit: Unit) -> None:
        """A launch that does not come ends its unit, and the bond of it pays (0004)."""
        if lease.over:
            return
        self.news.append(("launch_failed", lease.number, 1, None))
        if lease.units == 1:
            self.end(lease, "launch_failed", bond_to_buyer=True)
        else:
            self.drop(lease, [unit], bond_to_buyer=True)

    # --- recalls ---

    def recall(self, lease: Lease, units: int) -> None:
        lease.recalls.append((self.now_ms + NOTICE_MS, units))
        self.news.append(("recall", lease.number, units, self.now_ms + NOTICE_MS))
        self.fit_recalls(lease)

    def fit_recalls(self, lease: Lease) -> None:
        """No more units are under notice than there are; with all under notice the end is fixed."""
        kept: list[tuple[int, int]] = []
        left = lease.units
        for at_ms, units in lease.recalls:
            kept += [(at_ms, min(units, left))] if left else []
            left -= min(units, left)
        lease.recalls = kept
        if kept and not left:
            lease.ends_ms = min(kept[-1][0], lease.ends_ms or kept[-1][0])

    def take_recalled(self, lease: Lease) -> None:
        """The notice is over; a recall made in the lease's first hour pays the units' bond."""
        _, units = lease.recalls.pop(0)
        until_ms = self.now_ms + COOLING_MS
        self.hosts[lease.host].cooling.append((until_ms, lease.symbol, units))
        early = self.now_ms - NOTICE_MS < lease.start_ms + HOUR_MS
        if units == lease.units:
            self.end(lease, "recalled", bond_to_buyer=early)
        else:
            self.stop_down_to(lease, lease.units - units)
            self.drop(lease, self.leaving(lease, units), bond_to_buyer=early)

    def recall_faults(self, lease: Lease, units: int | None) -> list[str]:
        if not lease.recallable:
            return ["not_recallable"]
        return ["invalid_qty"] if (units or 0) > lease.recallable else []

    # --- requests and times ---

    def release_faults(self, lease: Lease, units: int, *, at_once: bool) -> list[str]:
        faults = ["invalid_qty"] if units > lease.units else []
        idle = lease.units - len(self.live_vms(lease))
        if at_once and units < lease.units and units > idle:
            faults.append("units_in_use")
        return faults

    def fund(self, lease: Lease) -> None:
        """Hold the next hour, or let the lease end with the paid one."""
        until_ms = lease.paid_until_ms + HOUR_MS
        missing_ucr = lease.needed_ucr(until_ms, self.now_ms) - lease.hold_ucr
        if missing_ucr > self.available(lease.buyer):
            lease.ends_ms = lease.paid_until_ms
            self.news.append(("funds_low", lease.number, None, lease.ends_ms))
            return
        lease.hold_ucr += max(0, missing_ucr)
        lease.paid_until_ms = until_ms

    def settle_lease(self, lease: Lease) -> None:
        """One of the things due: beginning, recall, end, release, posting, funding."""
        now_ms = self.now_ms
        if lease.over:
            self.close(lease)
        elif not lease.begun and lease.start_ms == now_ms:
            lease.begun = True
        elif lease.recalls and lease.recalls[0][0] == now_ms:
            self.take_recalled(lease)
        elif lease.ends_ms == now_ms:
            if not lease.spot:
                self.carry_over(lease)
            reason = "funds_exhausted" if lease.spot else "window_over"
            self.end(lease, reason, bond_to_buyer=False)
        elif lease.release is not None and lease.release[0] == now_ms:
            units = min(lease.release[1] or lease.units, lease.units)
            lease.release = None
            self.stop_down_to(lease, lease.units - units)
            self.give_back(lease, units)
        elif lease.post_ms == now_ms:
            self.post(lease)
        else:
            self.fund(lease)

    def carry_over(self, lease: Lease) -> None:
        """The VMs of a window go on, the oldest first, on the same buyer's next one there."""
        for other in self.leases:
            same = (other.buyer, other.host, other.class_name)
            if same != (lease.buyer, lease.host, lease.class_name) or other.over:
                continue
            if other.start_ms != self.now_ms or other.spot:
                continue
            for vm in self.live_vms(lease):
                taken = (other.number, vm.asked.name) in self.names
                if vm.state != "stopping" and len(self.live_vms(other)) < other.units and not taken:
                    self.move(vm, lease, other)

    def move(self, vm: Vm, lease: Lease, other: Lease) -> None:
        """It stands on another lease now. A metered one waits for what it has used up to now."""
        assert vm.unit is not None
        vm.unit.vm = None
        self.carried.add((lease.symbol.split(".")[2], other.symbol.split(".")[2]))
        self.settle_in(vm, other)
        vm.before = lease if lease.metered else None
