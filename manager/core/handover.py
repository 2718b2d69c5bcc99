"""Windows that were bought: each is taken over when its gate has closed, and handed on at its end.

Theory of operation. A lease of an hour to come is only kept (``coming``). At `HANDOVER_MS` before
the hour it is adopted like any lease, and `vm.start` is sent for its units: the host launches at
the hour. Where our VMs of the hour before run on the same host, the exchange carries them over: the
unit moves to the new lease under the name that it has in the balancer, and serves on. Units that
are not carried over leave in time to drain; if the rule's hours go on, spot units replace them
until the next window's own are in service. Nothing of a window is released: it is owed, and ends by
itself. Pure. Source: manager.md, "Windows ahead"; rules.md 2.2, 5.10.
"""

from collections.abc import Callable, Iterator

from exchange.wire.frames import LeaseUpdate
from manager.core.account import Account, bought_by_rule
from manager.core.bids import rule_of
from manager.core.burst import Bursts
from manager.core.farm import Farm
from manager.core.hand import whose
from manager.core.outgoing import Outgoing
from manager.core.rented import RentedUnits
from manager.core.rule import Buy, BuyTo, Rule
from manager.core.unit import LEAVING, Lease
from manager.core.windows import HANDOVER_MS, end_ms, window_ms


class Handover:
    """The hours that rules have bought and that did not begin yet, and what follows when they do.

    ``adopt`` takes a lease into the rented units; ``paid`` counts all that is paid for now.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        farm: Farm,
        rented: RentedUnits,
        bursts: Bursts,
        account: Account,
        paid: Callable[[], int],
    ) -> None:
        self._outgoing = outgoing
        self._farm = farm
        self._rented = rented
        self._bursts = bursts
        self._account = account
        self._paid = paid
        self.adopt: Callable[[LeaseUpdate], None] = lambda row: None
        self._coming: dict[str, LeaseUpdate] = {}

    # --- what is known ---

    def reset(self) -> None:
        """The account's state comes anew."""
        self._coming.clear()

    def knows(self, lease_id: str) -> bool:
        return lease_id in self._coming

    def keeps(self, row: LeaseUpdate) -> bool:
        """Keep ``row`` if its hour is still to come; return whether nobody else need see it."""
        if not bought_by_rule(row) or row.lease_id in self._rented.leases:
            return False
        known = self._coming.pop(row.lease_id, None)
        if row.state == "ended":
            return known is not None
        if self._outgoing.exchange_ms >= window_ms(row.symbol) - HANDOVER_MS:
            return False
        self._coming[row.lease_id] = row
        return True

    def bought(self) -> Iterator[tuple[str, int, int, int]]:
        """Yield (rule, start, units, price) of each window that is had, those that run included."""
        for row in self._coming.values():
            rule = rule_of(row.client_order_id or "")
            yield rule, window_ms(row.symbol), row.units, row.price_ucr
        for lease in self._rented.leases.values():
            if lease.window_ms:
                yield lease.rule, lease.window_ms, lease.size, lease.price_ucr

    # --- what is due ---

    def due_ms(self) -> int | None:
        """Return when the next hour is to be taken over or handed on, by our clock."""
        starts = [window_ms(row.symbol) for row in self._coming.values()]
        starts += [end_ms(lease.window_ms) for lease in self._firm()]
        times = [start_ms - HANDOVER_MS for start_ms in starts]
        now_ms = self._outgoing.exchange_ms
        due = min((at_ms for at_ms in times if at_ms > now_ms), default=None)
        return None if due is None else self._outgoing.local_ms(due)

    def act(self) -> None:
        """Do what is due: take over, hand on, fill units without a VM, give back what is over."""
        now_ms = self._outgoing.exchange_ms
        for row in list(self._coming.values()):
            if now_ms >= window_ms(row.symbol) - HANDOVER_MS:
                del self._coming[row.lease_id]
                self.adopt(row)
        for lease in list(self._firm()):
            if now_ms >= end_ms(lease.window_ms) - HANDOVER_MS:
                self._hand_on(lease)
        for lease in list(self._firm()):
            if now_ms < end_ms(lease.window_ms) - HANDOVER_MS:  # after that its VMs move on
                self._account.fill(lease)
        self._give_back_all()

    def _firm(self) -> Iterator[Lease]:
        return (lease for lease in self._rented.leases.values() if lease.window_ms)

    def _hand_on(self, lease: Lease) -> None:
        """Units that no later lease takes over leave in time, and are replaced while wanted."""
        over_ms = end_ms(lease.window_ms)
        staying = self._rented.carriable(lease)
        going = [unit for unit in staying[self._rented.taken_over(lease) :] if not unit.leaves_ms]
        if not going:
            return
        if self._wanted(lease.rule, over_ms):
            since_ms = self._outgoing.local_ms(over_ms - HANDOVER_MS)
            self._account.lost(lease.rule, len(going), since_ms)
        for unit in going:
            self._account.ends(unit, over_ms)

    def _wanted(self, rule_name: str, at_ms: int) -> bool:
        rule = self._farm.by_name.get(rule_name)
        return rule is not None and rule.at is not None and rule.at.opening(at_ms).start_ms <= at_ms

    def _give_back_all(self) -> None:
        """Spot units that bridged to a window go when it serves, and before it is too many."""
        firm = {lease.rule for lease in self._firm()}
        rules = [rule for rule in self._farm.config.rules if rule.forward and rule.name in firm]
        staying = self._staying() if rules else 0
        for rule in rules:
            if self._give_back(rule, staying):
                staying = self._staying()

    def _staying(self) -> int:
        """Return how many units are paid for but for those of spot that leave."""
        return self._paid() - sum(
            unit.state in LEAVING and unit.give_back and not lease.window_ms
            for lease, unit in self._rented.units()
        )

    def _give_back(self, rule: Rule, staying: int) -> int:
        """Return how many units of the rule go, now that ``staying`` of all rules stay."""
        if not isinstance(rule.action, Buy | BuyTo):
            return 0
        own = [
            unit
            for lease in self._rented.leases.values()
            if lease.rule == rule.name
            for unit in lease.units.values()
            if unit.state not in LEAVING and not unit.leaves_ms
        ]
        booting = any(unit.state != "ready" for unit in own)
        over = 0 if booting else len(own) - rule.action.units
        if rule.max_units is not None:
            over = max(over, staying - rule.max_units)
        units = self._bursts.give_back(over, None, rule.name) if over > 0 else 0
        if units:
            text = f"{whose(rule.name)}: windows take over: release {units}"
            self._outgoing.log("fired", text)
        return units
