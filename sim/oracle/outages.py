"""The naive exchange's hosts in trouble: less capacity, silence, return, loss.

Part of `sim.oracle.exchange.Oracle`; see there. Written from rules.md 5.3, 5.7, 5.11, 6.2.
"""

from sim.oracle.leases import Leases
from sim.oracle.owed import Lease


class Outages(Leases):
    """What a host that shrinks, falls silent, comes back or is lost means for its leases."""

    def shrink_to_offer(self, host: str) -> None:
        """Less capacity: newest asks go whole, then spot units are recalled, newest lease first."""
        while self.excess(host) and self.cancel_newest_ask(host):
            continue
        counts = {one.number: one.units for one in self.leases if one.host == host}
        counts |= {
            one.number: one.recallable
            for one in self.leases
            if one.host == host and one.spot and not one.over
        }
        for lease in [one for one in reversed(self.leases) if one.host == host]:
            before = counts[lease.number]
            while counts[lease.number] and self.too_many(host, counts) and self.cuttable(lease):
                counts[lease.number] -= 1
            if counts[lease.number] < before:
                self.recall(lease, before - counts[lease.number])

    def cuttable(self, lease: Lease) -> bool:
        return lease.spot and not lease.over

    def too_many(self, host: str, counts: dict[int, int]) -> bool:
        """Would these many units of each lease be more than is offered in some hour?"""
        staying = [one for one in self.leases if one.number in counts]
        room = self.hosts[host].room
        for hour in dict.fromkeys(one.symbol.rpartition(".")[2] for one in staying):
            there = [one for one in staying if one.spot or one.symbol.endswith(hour)]
            for at in range(3):
                if sum(self.need(one.symbol)[at] * counts[one.number] for one in there) > room[at]:
                    return True
        return False

    def silence(self, host: str, since_ms: int) -> None:
        """From the last heartbeat on it is in doubt whether the VMs ran."""
        for lease in self.leases:
            for unit in lease.living if lease.host == host else []:
                if unit.gap_from_ms is None:
                    unit.gap_from_ms = max(since_ms, unit.since_ms)

    def heard_out(self, host: str, *, ran: bool) -> None:
        """The host is back: the doubt ends, billed when the VMs ran all the time."""
        for lease in self.leases:
            for unit in lease.living if lease.host == host else []:
                if unit.gap_from_ms is not None and not ran:
                    unit.gaps.append((unit.gap_from_ms, max(self.now_ms, unit.gap_from_ms)))
                unit.gap_from_ms = None

    def lose(self, host: str) -> None:
        """Its leases end, the bonds pay the buyers, its VMs are gone."""
        for lease in [one for one in self.leases if one.host == host and not one.over]:
            self.end(lease, "host_lost", bond_to_buyer=True)
        for vm in [vm for vm in self.vms.values() if vm.lease.host == host]:
            self.gone(vm, "failed")
