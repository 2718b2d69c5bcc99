"""Applies account frames to rented units: granted, shrunk, recalled, ended; handles restarts.

After a restart or a reconnect the account as it stands is the only truth: `rebuild` matches it with
the units known, asks again for what was in flight, and forgets what is gone. While a lease runs its
release is scheduled `RELEASE_AHEAD_MS` ahead and renewed every `RENEW_MS`, so that a dead Manager
stops spending by itself. Pure. Source: manager.md, "When something fails"; protocol.md, "Account
channel".
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from exchange.units import MS_PER_MINUTE, MS_PER_SECOND, count_text, credits_text
from exchange.wire.frames import LeaseUpdate, Notice, VmUpdate
from exchange.wire.requests import LeaseRelease
from exchange.wire.terms import LOST_AFTER_MS, RECALL_NOTICE_MS
from exchange.wire.types import IdleUnit
from manager.core.bids import placed_ms, rule_of
from manager.core.burst import Bursts
from manager.core.hand import whose
from manager.core.library import StoredVm
from manager.core.messages import Connected
from manager.core.outgoing import Outgoing
from manager.core.rented import RentedUnits, carried_name, unit_number
from manager.core.unit import LEAVING, Lease, Unit, leaves_first
from manager.core.windows import window_ms

RELEASE_AHEAD_MS: Final = 30 * MS_PER_MINUTE
RENEW_MS: Final = 10 * MS_PER_MINUTE
SILENCE_MS: Final = LOST_AFTER_MS + 30 * MS_PER_SECOND
"""A silent host is lost by then. Its return comes as a notice; should that be missed, leases that
still live after this long say the same."""
LOSSES: Final = ("recalled", "host_lost")
GONE_VM: Final = ("stopped", "failed")


class _End(NamedTuple):
    """When a recalled unit ends; ``since_ms``: since when it is no capacity, if that may have been
    seen before. Times are the exchange's."""

    at_ms: int
    since_ms: int | None = None


class Account:
    """Folds the account's frames into ``rented`` and lets ``bursts`` act on them."""

    def __init__(
        self,
        outgoing: Outgoing,
        rented: RentedUnits,
        bursts: Bursts,
        vm_of: Callable[[str], StoredVm | None],
        leave_ms: int,
    ) -> None:
        self._outgoing = outgoing
        self._rented = rented
        self._bursts = bursts
        self._vm_of = vm_of
        self._leave_ms = leave_ms
        self.lost: Callable[[str, int, int | None], None] = lambda rule, units, since_ms: None
        """Told of units that a rule has lost; since when, if that may have been seen before."""
        self.returned: Callable[[str, int], None] = lambda rule, units: None
        """Told of units of a rule whose host is heard again."""
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
        self.fill(lease)
        self.schedule_release(lease)
        return lease

    def fill(self, lease: Lease) -> None:
        """Start a VM on each unit that has none and waits for none of the hour before."""
        if lease.size <= len(lease.units):
            return  # most, each time
        missing = lease.size - len(lease.units) - self._rented.awaited(lease)
        for _ in range(missing):
            self._bursts.launch(lease, self._rented.add_unit(lease))

    def ends(self, unit: Unit, end_ms: int) -> None:
        """The unit ends by itself then, by the exchange's clock."""
        self._bursts.hour_ends(unit, self._outgoing.local_ms(end_ms) - self._leave_ms)

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
            self._recall(lease, notice)
        elif notice.kind == "host_silent":
            self._lost(lease, lease.units.values())
            lease.silent_until_ms = self._silent_until_ms(notice.at_ms)
        elif notice.kind == "host_back" and lease.silent_until_ms:
            lease.silent_until_ms = 0
            self.returned(lease.rule, len(lease.units))

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
        # A window's VMs may be those of the hour before.
        for row in sorted(rows, key=lambda row: window_ms(row.symbol)):
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
        if lease.ending or lease.window_ms or not self._renews:
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
        price = f"{credits_text(row.price_ucr)} credits"
        units = f"{count_text(row.units, 'unit')} on {row.host} at {price}"
        if self._began_ms is None or bought_ms >= self._began_ms:
            self._outgoing.log("leased", f"{whose(rule)}: {lease.lease_id}: {units}")
        else:
            text = f"{whose(rule)}: adopted {lease.lease_id} from before the start: {units}"
            self._outgoing.log("adopted", text)
        return lease

    def _change(self, lease: Lease, row: LeaseUpdate) -> None:
        lease.silent_until_ms = 0
        lease.ending = row.state == "ending"
        lease.size = row.units
        if row.state == "ended":
            self._outgoing.log(
                "lease_ended", f"{lease.lease_id} ended: {row.reason or 'no reason given'}"
            )
            if row.reason in LOSSES:
                self._lost(lease, lease.units.values())
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

    def _recall(self, lease: Lease, notice: Notice) -> None:
        known = sum(not unit.give_back for unit in lease.units.values())
        new = len(lease.units) if notice.units is None else notice.units
        end_ms = self._outgoing.exchange_ms if notice.at_ms is None else notice.at_ms
        self._take_recalled(lease, [_End(0)] * known + [_End(end_ms)] * new)

    def _take_recalled(self, lease: Lease, ends: Sequence[_End]) -> None:
        """Have a unit for each end leave without a release: they end then and pay their bond.

        Those already under notice count first, then those that leave by a rule. Times are the
        exchange's.
        """
        ranked = sorted(lease.units.values(), key=lambda unit: (unit.give_back, leaves_first(unit)))
        for unit, end in zip(ranked, ends, strict=False):
            if unit.give_back:
                self._lost(lease, [unit], end.since_ms)
                self._bursts.recalled(unit, self._outgoing.local_ms(end.at_ms) - self._leave_ms)
            elif not unit.leaves_ms:
                self._bursts.leave(unit, give_back=False)

    def _lost(self, lease: Lease, units: Iterable[Unit], since_ms: int | None = None) -> None:
        """Units that were counted on are no capacity to come; ``since_ms``: by the exchange."""
        if self._outgoing.now_ms >= lease.silent_until_ms:
            count = sum(unit.give_back and unit.state not in LEAVING for unit in units)
            self.lost(
                lease.rule, count, None if since_ms is None else self._outgoing.local_ms(since_ms)
            )

    def leaves_at_ms(self) -> int | None:
        """Return when the next recalled unit is to leave."""
        times = [u.leaves_ms for _, u in self._rented.units() if self._still_serves(u)]
        return min(times, default=None)

    def let_go(self) -> None:
        """Recalled units whose time has come leave the balancer, drain and stop."""
        for lease, unit in self._rented.units():
            if self._still_serves(unit) and unit.leaves_ms <= self._outgoing.now_ms:
                self._bursts.leave(unit, give_back=lease.window_ms > 0)

    def _still_serves(self, unit: Unit) -> bool:
        return unit.leaves_ms > 0 and unit.state not in LEAVING

    def _match(self, row: LeaseUpdate, vms: list[VmUpdate]) -> None:
        """Bring one lease in line: units with their VMs first, then what has none."""
        lease = self._rented.leases.get(row.lease_id) or self._adopt(row)
        lease.ending = row.state == "ending"
        lease.size = row.units
        ends = _ends(row)
        if row.silent_since_ms is not None:
            silent_since_ms = row.silent_since_ms
            stayed = range(row.units - len(ends))
            self._lost(lease, [Unit(lease.lease_id, n) for n in stayed], silent_since_ms)
        self.schedule_release(lease)
        found = [(self._rented.unit_of(vm) or self._new_unit(lease, vm), vm) for vm in vms]
        ended = {unit.server: told for told in row.idle or () if (unit := self._idle(lease, told))}
        running = {unit.number for unit, _ in found}
        without = [unit for unit in lease.units.values() if unit.number not in running]
        missing = row.units - len(found) - self._rented.awaited(lease)
        without += [self._rented.add_unit(lease) for _ in range(missing - len(without))]
        without.sort(key=leaves_first)
        for unit in without[: max(0, len(without) - missing)]:
            self._drop(unit)
        without = without[max(0, len(without) - missing) :]
        for unit, vm in found:
            self._bursts.vm_changed(lease, unit, vm)
            if unit.state == "stopping" and vm.state != "stopping":
                self._bursts.send_stop(unit)
        self._take_recalled(lease, ends)
        if row.silent_since_ms is not None:
            lease.silent_until_ms = self._silent_until_ms(row.silent_since_ms)
        for unit in without:
            told = ended.get(unit.server)
            if told is None:
                self._bursts.start_again(lease, unit)
            else:
                self._bursts.ended_before(lease, unit, told)

    def _idle(self, lease: Lease, told: IdleUnit) -> Unit | None:
        """Return the unit whose last VM that was; ``None`` when it has asked for another since."""
        number, name, attempt = _named(lease, told.name)
        if number is None:
            return None
        unit = self._rented.unit(name or f"{lease.lease_id}-{number}")
        if unit is None:
            unit = self._rented.add_unit(lease, number, name)
            unit.vm_name, unit.launches, unit.failures = told.name, attempt, attempt - 1
        return unit if (unit.lease_id, unit.vm_name) == (lease.lease_id, told.name) else None

    def _new_unit(self, lease: Lease, vm: VmUpdate) -> Unit:
        number, name, attempt = _named(lease, vm.name)
        unit = self._rented.add_unit(lease, number, name)
        unit.state, unit.vm_name, unit.vm_id = "requested", vm.name, vm.vm_id
        unit.launches, unit.failures = attempt, attempt - 1
        return unit


def _named(lease: Lease, vm_name: str) -> tuple[int | None, str, int]:
    """Return the number, the server's name and the attempt of the unit whose VM has that name.

    The number is ``None`` when the name does not tell. A unit from another window keeps its
    server's name, and gets a number that no unit of this lease has told a VM.
    """
    number, attempt = unit_number(lease.lease_id, vm_name)
    if number is None and lease.window_ms:
        name, attempt = carried_name(vm_name)
        return (lease.size + len(lease.units) if name else None), name, attempt
    return number, "", attempt


def _ends(row: LeaseUpdate) -> list[_End]:
    """Return when each recalled unit of a lease ends, the first first."""
    found = list[_End]()
    for recall in row.recalls or []:
        since_ms = recall.silent_since_ms
        since_ms = recall.at_ms - RECALL_NOTICE_MS if since_ms is None else since_ms
        found += [_End(recall.at_ms, since_ms)] * recall.units
    if row.state == "ending":
        end_ms = row.ends_ms or 0
        found = [_End(min(end.at_ms, end_ms), end.since_ms) for end in found]
        found += [_End(end_ms, end_ms - RECALL_NOTICE_MS)] * (row.units - len(found))
    return found


def bought_by_rule(row: LeaseUpdate) -> bool:
    return row.side == "buy" and rule_of(row.client_order_id or "") != ""
