"""The naive exchange's leases and money: a row for every unit, all owed computed from scratch.

Part of `tests.exchange.oracle.Oracle`; see there. domain.md, "Leases" and "Money".
"""

from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tests.exchange.oracle_hosts import Hosts, Need

HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000
NOTICE_MS: Final = 120_000
FUND_AHEAD_MS: Final = 10 * MINUTE_MS
COOLING_MS: Final = 10 * MINUTE_MS
MINIMUM_MS: Final = 5 * MINUTE_MS


@dataclass
class Unit:
    """One unit of a lease, from its grant to its end; ``gaps`` are not billed."""

    since_ms: int
    until_ms: int | None = None
    gaps: list[tuple[int, int]] = field(default_factory=list)
    gap_from_ms: int | None = None
    """The host is silent since then, and nobody knows yet whether it ran."""
    at_least_ms: int = 0

    def billed_ms(self, now_ms: int) -> int:
        """How long the unit is to be paid for."""
        end_ms = now_ms if self.until_ms is None else self.until_ms
        length_ms = end_ms - self.since_ms - sum(to - since for since, to in self.gaps)
        if self.gap_from_ms is not None:
            length_ms -= end_ms - self.gap_from_ms
        return max(length_ms, self.at_least_ms)


@dataclass(eq=False)
class Lease:
    """What a buyer has on one host."""

    number: int
    buyer: str
    seller: str
    symbol: str
    host: str
    price_ucr: int
    start_ms: int
    living: list[Unit]
    hold_ucr: int
    paid_until_ms: int
    post_ms: int
    bond_ucr: int
    """Of one unit."""
    charged_ucr: int = 0
    ends_ms: int | None = None
    recalls: list[tuple[int, int]] = field(default_factory=list)
    release: tuple[int, int] | None = None
    """A release set for later: when, and how many units (0: all)."""
    past: list[Unit] = field(default_factory=list)
    """Units that ended before the others."""
    reason: str | None = None

    @property
    def units(self) -> int:
        return len(self.living)

    @property
    def recallable(self) -> int:
        return max(0, self.units - sum(units for _, units in self.recalls))

    def stop(self, units: int, now_ms: int) -> None:
        """So many units end now, oldest first."""
        for unit in self.living[:units]:
            unit.until_ms = now_ms
        self.past += self.living[:units]
        del self.living[:units]

    def owed_ucr(self, now_ms: int) -> int:
        """Price x all unit-time, rounded up once."""
        billed_ms = sum(unit.billed_ms(now_ms) for unit in self.living + self.past)
        return -(-self.price_ucr * billed_ms // HOUR_MS)

    def needed_ucr(self, until_ms: int, now_ms: int) -> int:
        """What must be held to run on until then; time in doubt may yet be owed."""
        billed_ms = sum(unit.billed_ms(now_ms) for unit in self.living + self.past)
        doubt_ms = sum(now_ms - u.gap_from_ms for u in self.living if u.gap_from_ms is not None)
        ahead_ms = self.units * (until_ms - now_ms)
        total_ucr = -(-self.price_ucr * (billed_ms + doubt_ms + ahead_ms) // HOUR_MS)
        return total_ucr - self.charged_ucr

    def fund_ms(self) -> int | None:
        """When the next hour must be held; never when the end is fixed before it."""
        if self.ends_ms is not None and self.ends_ms <= self.paid_until_ms:
            return None
        return self.paid_until_ms - FUND_AHEAD_MS

    def due(self) -> list[int]:
        """Every time at which something happens to it by itself."""
        maybe = (self.ends_ms, self.fund_ms(), self.release[0] if self.release else None)
        return [self.post_ms, *(t for t in maybe if t is not None), *(t for t, _ in self.recalls)]


class Leases(Hosts):
    """Money of all accounts and the leases between them."""

    def __init__(self, shapes: dict[str, Need], fee_pct: int = 1) -> None:
        super().__init__(shapes)
        self.now_ms = 0
        self.fee_pct = fee_pct
        self.cash: dict[str, int] = {"fees": 0, "outside": 0}
        """All that an account has, held or not."""
        self.leases: list[Lease] = []
        """Those that live."""
        self.granted = 0

    @abstractmethod
    def order_holds(self) -> Counter[str]:
        """What each account's open orders hold."""

    @abstractmethod
    def order_deadlines(self) -> list[int]:
        """When gtd orders expire."""

    @abstractmethod
    def expire_orders(self) -> None:
        """End the gtd orders whose time is now."""

    @abstractmethod
    def cancel_newest_ask(self, host: str) -> bool:
        """Cancel the newest ask that the host backs; False when there is none."""

    # --- money ---

    def pay(self, payer: str, payee: str, amount_ucr: int) -> None:
        self.cash[payer] -= amount_ucr
        self.cash[payee] += amount_ucr

    def bond_ucr(self, symbol: str, price_ucr: int) -> int:
        """Of one unit: spot 10 min of the price."""
        assert symbol.endswith(".spot")
        return price_ucr * 10 // 60

    def holds(self) -> Counter[str]:
        """What each account has held: the sum of its open orders' and leases' holds."""
        held = self.order_holds()
        for lease in self.leases:
            held[lease.buyer] += lease.hold_ucr
            held[lease.seller] += len(lease.living) * lease.bond_ucr
        return held

    def available(self, account: str) -> int:
        return self.cash[account] - self.holds()[account]

    def lease_slots(self) -> list[tuple[str, str]]:
        slots = []
        for lease in self.leases:
            slots += [(lease.host, lease.symbol)] * lease.units
        return slots

    # --- life ---

    def grant(
        self, buyer: str, seller: str, symbol: str, host: str, units: int, price_ucr: int
    ) -> None:
        """A spot lease is active at once, with its first hour held."""
        self.granted += 1
        now_ms = self.now_ms
        rows = [Unit(now_ms) for _ in range(units)]
        hour_ms = now_ms + HOUR_MS
        hold_ucr = price_ucr * units
        self.leases.append(
            Lease(
                self.granted, buyer, seller, symbol, host, price_ucr, now_ms, rows,
                hold_ucr, hour_ms, hour_ms, self.bond_ucr(symbol, price_ucr),
            )
        )  # fmt: skip

    def post(self, lease: Lease) -> None:
        """Charge ceil(total owed so far) - already charged; the fee is a floor of each charge."""
        amount_ucr = max(0, lease.owed_ucr(self.now_ms) - lease.charged_ucr)
        assert amount_ucr <= lease.hold_ucr, "nobody is charged what was not held"
        fee_ucr = amount_ucr * self.fee_pct // 100
        self.pay(lease.buyer, lease.seller, amount_ucr - fee_ucr)
        self.pay(lease.buyer, "fees", fee_ucr)
        lease.hold_ucr -= amount_ucr
        lease.charged_ucr += amount_ucr

    def end(self, lease: Lease, reason: str, *, bond_to_buyer: bool) -> None:
        units = lease.units
        lease.stop(units, self.now_ms)
        self.post(lease)
        self.leases.remove(lease)
        lease.reason = reason
        if bond_to_buyer:
            self.pay(lease.seller, lease.buyer, lease.bond_ucr * units)

    def drop(self, lease: Lease, units: int, *, bond_to_buyer: bool) -> None:
        """Some units end, the rest lives on and holds no more than it needs."""
        lease.stop(units, self.now_ms)
        if bond_to_buyer:
            self.pay(lease.seller, lease.buyer, lease.bond_ucr * units)
        self.fit_recalls(lease)
        lease.hold_ucr = min(lease.hold_ucr, lease.needed_ucr(lease.paid_until_ms, self.now_ms))

    def give_back(self, lease: Lease, units: int) -> None:
        """The buyer releases units: each owes 5 min at least, unless the host is silent now."""
        for unit in lease.living[:units]:
            if unit.gap_from_ms is None:
                unit.at_least_ms = MINIMUM_MS
        if units == lease.units:
            self.end(lease, "released", bond_to_buyer=False)
        else:
            self.drop(lease, units, bond_to_buyer=False)

    def recall(self, lease: Lease, units: int) -> None:
        lease.recalls.append((self.now_ms + NOTICE_MS, units))
        self.fit_recalls(lease)

    def fit_recalls(self, lease: Lease) -> None:
        """No more units are under notice than there are; with all under notice the end is fixed."""
        notices = [at_ms for at_ms, units in lease.recalls for _ in range(units)][: lease.units]
        lease.recalls = [(at_ms, notices.count(at_ms)) for at_ms in dict.fromkeys(notices)]
        if len(notices) == lease.units:
            lease.ends_ms = min(notices[-1], lease.ends_ms or notices[-1])

    def take_recalled(self, lease: Lease) -> None:
        """The notice is over; a recall made in the lease's first hour pays the units' bond."""
        _, units = lease.recalls.pop(0)
        until_ms = self.now_ms + COOLING_MS
        self.hosts[lease.host].cooling.append((until_ms, lease.symbol, units))
        early = self.now_ms - NOTICE_MS < lease.start_ms + HOUR_MS
        if units == lease.units:
            self.end(lease, "recalled", bond_to_buyer=early)
        else:
            self.drop(lease, units, bond_to_buyer=early)

    def fund(self, lease: Lease) -> None:
        """Hold the next hour, or let the lease end with the paid one."""
        until_ms = lease.paid_until_ms + HOUR_MS
        missing_ucr = lease.needed_ucr(until_ms, self.now_ms) - lease.hold_ucr
        if missing_ucr > self.available(lease.buyer):
            lease.ends_ms = lease.paid_until_ms
            return
        lease.hold_ucr += max(0, missing_ucr)
        lease.paid_until_ms = until_ms

    def release_faults(self, lease: Lease, units: int) -> list[str]:
        return ["invalid_qty"] if units > lease.units else []

    def recall_faults(self, lease: Lease, units: int | None) -> list[str]:
        if not lease.recallable:
            return ["not_recallable"]
        return ["invalid_qty"] if (units or 0) > lease.recallable else []

    # --- hosts ---

    def shrink_to_offer(self, host: str) -> None:
        """Less capacity: newest asks go whole, then spot units are recalled, newest lease first."""
        while self.excess(host) and self.cancel_newest_ask(host):
            continue
        if not self.excess(host):
            return
        staying = [lease for lease in self.leases if lease.host == host]
        counts = {lease.number: lease.recallable for lease in staying}
        for lease in reversed(staying):
            before = counts[lease.number]
            while counts[lease.number] and self.too_many(host, staying, counts):
                counts[lease.number] -= 1
            if counts[lease.number] < before:
                self.recall(lease, before - counts[lease.number])

    def too_many(self, host: str, leases: list[Lease], counts: dict[int, int]) -> bool:
        """Would these many units of each lease be more than is offered?"""
        needs = [(self.need(lease.symbol), counts[lease.number]) for lease in leases]
        room = self.hosts[host].room
        return any(sum(need[i] * units for need, units in needs) > room[i] for i in range(3))

    def silence(self, host: str, since_ms: int) -> None:
        """From the last sign of life on it is in doubt whether the VMs ran."""
        for lease in self.leases:
            for unit in lease.living if lease.host == host else []:
                if unit.gap_from_ms is None:
                    unit.gap_from_ms = max(since_ms, unit.since_ms)

    def heard_out(self, host: str, *, ran: bool) -> None:
        """The host is back: the doubt ends, billed when the VMs ran all the time."""
        for lease in self.leases:
            for unit in lease.living if lease.host == host else []:
                if unit.gap_from_ms is not None and not ran:
                    unit.gaps.append((unit.gap_from_ms, self.now_ms))
                unit.gap_from_ms = None

    def lose(self, host: str) -> None:
        for lease in [lease for lease in self.leases if lease.host == host]:
            self.end(lease, "host_lost", bond_to_buyer=True)

    # --- time ---

    def next_deadline_ms(self) -> int | None:
        times = [min(lease.due()) for lease in self.leases]
        times += [at_ms for host in self.hosts.values() for at_ms, _, _ in host.cooling]
        return min(times + self.order_deadlines(), default=None)

    def settle(self, now_ms: int) -> None:
        """Everything due happens at its own time: leases by number, then gtd orders."""
        if now_ms == self.now_ms:
            return
        while (due_ms := self.next_deadline_ms()) is not None and due_ms <= now_ms:
            self.now_ms = due_ms
            lease = next((one for one in self.leases if due_ms in one.due()), None)
            if lease is not None:
                self.settle_lease(lease)
            else:
                self.expire_orders()
                for host in self.hosts.values():
                    host.cooling = [row for row in host.cooling if row[0] > due_ms]
        self.now_ms = now_ms

    def settle_lease(self, lease: Lease) -> None:
        """One of the things due: recall, end, release, posting, funding."""
        now_ms = self.now_ms
        if lease.recalls and lease.recalls[0][0] == now_ms:
            self.take_recalled(lease)
        elif lease.ends_ms == now_ms:
            self.end(lease, "funds_exhausted", bond_to_buyer=False)
        elif lease.release is not None and lease.release[0] == now_ms:
            units = min(lease.release[1] or lease.units, lease.units)
            lease.release = None
            self.give_back(lease, units)
        elif lease.post_ms == now_ms:
            self.post(lease)
            lease.post_ms = now_ms + HOUR_MS
        else:
            self.fund(lease)
