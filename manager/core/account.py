"""Applies account frames to rented units: granted, shrunk, recalled, ended; handles restarts.

After a restart or a reconnect the account as it stands is the only truth: `rebuild` matches it with
the units known, asks again for what was in flight, and forgets what is gone. While a lease runs its
release is scheduled `RELEASE_AHEAD_MS` ahead and renewed every `RENEW_MS`, so that a dead Manager
stops spending by itself. Pure. Source: manager.md, "When something fails"; protocol.md, "Account
channel".
"""

from collections.abc import Callable
from typing import Final

from exchange.units import MS_PER_MINUTE, MS_PER_SECOND, credits_text
from exchange.wire.frames import LeaseUpdate, Notice, VmUpdate
from exchange.wire.requests import LeaseRelease
from exchange.wire.terms import LOST_AFTER_MS
from manager.core.burst import Bursts
from manager.core.library import StoredVm
from manager.core.messages import Connected
from manager.core.outgoing import Outgoing
from manager.core.purchase import placed_ms, rule_of
from manager.core.rented import RentedUnits, unit_number
from manager.core.unit import Lease, Unit, leaves_first

RELEASE_AHEAD_MS: Final = 30 * MS_PER_MINUTE
RENEW_MS: Final = 10 * MS_PER_MINUTE
SILENCE_MS: Final = LOST_AFTER_MS + 30 * MS_PER_SECOND
"""A silent host is lost by then. Its return comes as a notice; should that be missed, leases that
still live after this long say the same."""
GONE_VM: Final = ("stopped", "failed")


class Account:
    """Folds the account's frames into ``rented`` and lets ``bursts`` act on them."""

    def __init__(
        self,
        outgoing: Outgoing,
        rented: RentedUnits,
        bursts: Bursts,
        vm_of: Callable[[str], StoredVm | None],
    ) -> None:
        self._outgoing = outgoing
        self._rented = rented
        self._bursts = bursts
        self._vm_of = vm_of
        self._renews = True
        self._began_ms: int | None = None
        self.renew_at_ms: int | None = None

    def lease(self, row: LeaseUpdate) -> Lease | None:
        """Apply ``row``; return its lease when it is new."""
        lease = self._rented.leases.get(row.lease_id)
        if lease is not None:
            self._change(lease, row)
            return None
        if not bought_by_rule(row) or row.state == "ended":
            return None
        lease = self._adopt(row)
        while len(lease.units) < row.units:
            self._bursts.launch(lease, self._rented.add_unit(lease))
        self.schedule_release(lease)
        return lease

    def vm(self, row: VmUpdate) -> None:
        lease, unit = self._rented.leases.get(row.lease_id), self._rented.unit_of(row)
        if lease is not None and unit is not None:
            lease.silent_until_ms = 0
            self._bursts.vm_changed(lease, unit, row)

    def released(self, server: str) -> None:
        """The exchange took the unit back; the lease's own update may come before or after."""
        unit = self._rented.unit(server)
        if unit is not None and unit.state == "stopped":
            self._rented.drop_unit(unit)

    def notice(self, notice: Notice) -> None:
        lease = self._rented.leases.get(notice.lease_id or "")
        if lease is None:
            return
        self._outgoing.log(
            "notice", f"{lease.lease_id} on {lease.host}: {notice.kind.replace('_', ' ')}"
        )
        if notice.kind == "recall":
            self._recall(lease, notice.units)
        elif notice.kind == "host_silent":
            lease.silent_until_ms = self._silent_until_ms(notice.at_ms)
        elif notice.kind == "host_back":
            lease.silent_until_ms = 0

    def _silent_until_ms(self, since_ms: int | None) -> int:
        """Return until when a host silent since then (exchange time) is out of reach."""
        outgoing = self._outgoing
        silent_ms = 0 if since_ms is None else max(0, outgoing.exchange_ms - since_ms)
        return outgoing.now_ms + max(0, SILENCE_MS - silent_ms)

    def rebuild(self, state: Connected) -> None:
        """Make the rented units match ``state``, and request again what is missing."""
        self._renews = True
        if self._began_ms is None:
            self._began_ms = self._outgoing.now_ms
        rows = [row for row in state.leases if bought_by_rule(row) and row.state != "ended"]
        vms: dict[str, list[VmUpdate]] = {row.lease_id: [] for row in rows}
        for vm in state.vms:
            if vm.lease_id in vms and vm.state not in GONE_VM:
                vms[vm.lease_id].append(vm)
        for lease in list(self._rented.leases.values()):
            if lease.lease_id not in vms:
                self._end(lease)
        for row in rows:
            self._match(row, vms[row.lease_id])

    def renew(self) -> None:
        """Push every lease's scheduled release ahead again, and look after stopped units."""
        self.renew_at_ms = None
        for lease in self._rented.leases.values():
            self.schedule_release(lease)
        for _, unit in self._rented.units():
            if unit.state == "stopped":
                self._remind(unit)

    def schedule_release(self, lease: Lease) -> None:
        if lease.ending or not self._renews:
            return
        if self.renew_at_ms is None:
            self.renew_at_ms = self._outgoing.now_ms + RENEW_MS
        lease_id = lease.lease_id
        at_ms = self._outgoing.exchange_ms + RELEASE_AHEAD_MS
        self._outgoing.ask(
            "timer",
            lease_id,
            lambda req_id: LeaseRelease(req_id=req_id, lease_id=lease_id, at_ms=at_ms),
        )

    def schedule_refused(self, lease_id: str, reason: str) -> None:
        """Log once, and go on without: the burst matters more than its dead man's switch."""
        if self._renews and lease_id in self._rented.leases:
            self._renews = False
            self._outgoing.log(
                "not_scheduled",
                f"{lease_id}: release not scheduled: {reason}; leases end only by rule",
            )

    def _remind(self, unit: Unit) -> None:
        """Repeat a release that was refused; give back what should have ended by itself."""
        if unit.give_back or unit.overdue:
            self._bursts.send_release(unit)
        unit.overdue = True

    def _adopt(self, row: LeaseUpdate) -> Lease:
        rule = rule_of(row.client_order_id or "")
        bought_ms = placed_ms(row.client_order_id or "")
        lease = self._rented.add(row, rule, self._vm_of(rule), bought_ms)
        lease.ending = row.state == "ending"
        units = f"{row.units} units on {row.host} at {credits_text(row.price_ucr)} credits"
        if self._began_ms is None or bought_ms >= self._began_ms:
            self._outgoing.log("leased", f"rule {rule}: {lease.lease_id}: {units}")
        else:
            text = f"rule {rule}: adopted {lease.lease_id} from before the start: {units}"
            self._outgoing.log("adopted", text)
        return lease

    def _change(self, lease: Lease, row: LeaseUpdate) -> None:
        lease.silent_until_ms = 0
        lease.ending = row.state == "ending"
        if row.state == "ended":
            self._outgoing.log(
                "lease_ended", f"{lease.lease_id} ended: {row.reason or 'no reason given'}"
            )
            self._end(lease)
        else:
            self._shrink(lease, row.units)

    def _shrink(self, lease: Lease, units: int) -> None:
        lost = len(lease.units) - units
        for unit in sorted(lease.units.values(), key=leaves_first)[: max(0, lost)]:
            self._drop(unit)

    def _end(self, lease: Lease) -> None:
        self._shrink(lease, 0)
        self._rented.drop(lease)

    def _drop(self, unit: Unit) -> None:
        self._bursts.out_of_balancer(unit)
        self._rented.drop_unit(unit)

    def _recall(self, lease: Lease, units: int | None) -> None:
        known = sum(not unit.give_back for unit in lease.units.values())
        self._take_recalled(lease, len(lease.units) if units is None else known + units)

    def _take_recalled(self, lease: Lease, units: int) -> None:
        """Have ``units`` leave without a release: they end by themselves and pay their bond.

        Those already under notice count, then those that leave by a rule.
        """
        ranked = sorted(lease.units.values(), key=lambda unit: (unit.give_back, leaves_first(unit)))
        for unit in ranked[:units]:
            self._bursts.leave(unit, give_back=False)

    def _match(self, row: LeaseUpdate, vms: list[VmUpdate]) -> None:
        """Bring one lease in line: units with their VMs first, then what has none."""
        lease = self._rented.leases.get(row.lease_id) or self._adopt(row)
        lease.ending = row.state == "ending"
        if row.silent_since_ms is not None:
            lease.silent_until_ms = self._silent_until_ms(row.silent_since_ms)
        self.schedule_release(lease)
        found = [(self._rented.unit_of(vm) or self._new_unit(lease, vm), vm) for vm in vms]
        running = {unit.number for unit, _ in found}
        without = [unit for unit in lease.units.values() if unit.number not in running]
        missing = row.units - len(found)
        without += [self._rented.add_unit(lease) for _ in range(missing - len(without))]
        without.sort(key=leaves_first)
        for unit in without[: max(0, len(without) - missing)]:
            self._drop(unit)
        without = without[max(0, len(without) - missing) :]
        for unit, vm in found:
            self._bursts.vm_changed(lease, unit, vm)
            if unit.state == "stopping" and vm.state != "stopping":
                self._bursts.send_stop(unit)
        recalled = row.units if lease.ending else sum(each.units for each in row.recalls or [])
        self._take_recalled(lease, recalled)
        for unit in without:
            self._bursts.start_again(lease, unit)

    def _new_unit(self, lease: Lease, vm: VmUpdate) -> Unit:
        number, attempt = unit_number(vm)
        unit = self._rented.add_unit(lease, number)
        unit.state, unit.vm_name, unit.vm_id = "requested", vm.name, vm.vm_id
        unit.launches, unit.failures = attempt, attempt - 1
        return unit


def bought_by_rule(row: LeaseUpdate) -> bool:
    return row.side == "buy" and rule_of(row.client_order_id or "") != ""
