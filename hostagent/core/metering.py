"""A VM's usage, from cumulative counters that restart with each boot.

Pure. Counters restart with the domain, so they are keyed by the boot; within a boot they must not
go back (the exchange refuses that), whatever order observations arrive in.
"""

from msgspec import Struct

from exchange.wire.requests import UsageReport
from hostagent.core.ports import Reading


class Meter(Struct):
    """The newest counters of one boot. ``reported`` is the reading last sent to the exchange."""

    boot: str
    last: Reading | None = None
    reported: Reading | None = None

    def observe(self, reading: Reading) -> None:
        """Take a reading in; a late one, or a counter that went back, changes nothing."""
        if self.last is None:
            self.last = reading
        elif reading.at_ms >= self.last.at_ms:
            self.last = _never_back(self.last, reading)

    def has_news(self) -> bool:
        """Tell whether there is a reading that has not been reported."""
        return self.last is not None and self.last != self.reported

    def report(self, req_id: int, vm_id: str) -> UsageReport:
        """Return the report of the newest reading, which must exist, and count it as reported."""
        reading = self.last
        assert reading is not None, "ask has_news first"
        self.reported = reading
        return UsageReport(
            req_id=req_id,
            vm_id=vm_id,
            boot=self.boot,
            at_ms=reading.at_ms,
            cpu_ms_total=reading.cpu_ms_total,
            mem_mib=reading.mem_mib,
            net_rx_total=reading.net_rx_total,
            net_tx_total=reading.net_tx_total,
        )


def _never_back(old: Reading, new: Reading) -> Reading:
    return Reading(
        at_ms=new.at_ms,
        cpu_ms_total=max(old.cpu_ms_total, new.cpu_ms_total),
        mem_mib=new.mem_mib,
        net_rx_total=max(old.net_rx_total, new.net_rx_total),
        net_tx_total=max(old.net_tx_total, new.net_tx_total),
    )


def cpu_pct(before: Reading | None, after: Reading, host_mvcpu: int) -> float:
    """Return the share of the whole server's CPU used between two readings, in percent."""
    if before is None or after.at_ms <= before.at_ms:
        return 0.0
    used_ms = max(0, after.cpu_ms_total - before.cpu_ms_total)
    could_ms = (after.at_ms - before.at_ms) * host_mvcpu / 1000
    return min(100.0, 100.0 * used_ms / could_ms)
