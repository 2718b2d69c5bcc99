"""A market with one buyer, one seller and her hosts, for tests of leases, VMs and money owed."""

from typing import Any, Final

from exchange.model.commands import HostBack, HostLost, HostSilent, ImageStored
from exchange.model.config import ExchangeConfig
from exchange.units import MS_PER_HOUR, MS_PER_MINUTE
from exchange.wire.frames import Charge, LeaseUpdate, Notice, VmUpdate
from exchange.wire.requests import (
    HostSynced,
    LeaseRecall,
    LeaseRelease,
    UsageReport,
    VmStart,
    VmStatus,
    VmStop,
)
from exchange.wire.results import Done, Refused
from exchange.wire.types import Endpoint, VmState
from tests.exchange.support.market import SYMBOL, Market

IMAGE: Final = "a" * 64
MINUTE: Final = MS_PER_MINUTE
HOUR: Final = MS_PER_HOUR


class LeaseMarket(Market):
    """``buyer`` has an image; ``seller`` has one host, ``h-1``."""

    def __init__(self, config: ExchangeConfig | None = None, money_ucr: int = 10**9) -> None:
        super().__init__(config)
        self.open_account("buyer", money_ucr)
        self.open_account("seller", 10**9)
        self.host = self.add_host("seller")
        self.must(ImageStored("buyer", IMAGE, 1024, "bundle"))
        self.orders = 0

    def lease(
        self, units: int = 1, price_ucr: int = 36_000, symbol: str = SYMBOL, **terms: Any
    ) -> str:
        """Have the buyer take ``units`` of a fresh ask; returns the lease's id."""
        self.orders += 1
        number = self.orders
        ask, bid = f"seller.ask{number}", f"buyer.bid{number}"
        replies = (
            self.place(ask, "sell", units, price_ucr, symbol=symbol, **terms),
            self.place(bid, "buy", units, price_ucr, symbol=symbol),
        )
        assert all(isinstance(reply, Done) for reply in replies), replies
        updates = [f for f in self.frames["buyer"] if isinstance(f, LeaseUpdate)]
        return updates[-1].lease_id

    def start(self, lease_id: str, name: str = "web", **terms: Any) -> str:
        """Ask for a VM; returns its id."""
        result = self.must(VmStart(req_id=1, lease_id=lease_id, name=name, image=IMAGE), "buyer")
        return str(result["vm_id"])

    def report(
        self,
        vm_id: str,
        state: VmState,
        reason: str | None = None,
        ready: bool = False,
        host: str | None = None,
    ) -> Done | Refused:
        """The host says where a VM stands."""
        message = VmStatus(
            req_id=1,
            vm_id=vm_id,
            state=state,
            reason=reason,
            ready_ms=self.now_ms if ready else None,
            endpoints=[Endpoint(80, "192.0.2.1", 40000)] if ready else [],
        )
        return self.send(message, "seller", host or self.host)

    def use(self, vm_id: str, cpu_ms_total: int, boot: str = "b1") -> Done | Refused:
        """The host reports a VM's CPU since its boot."""
        message = UsageReport(
            req_id=1,
            vm_id=vm_id,
            boot=boot,
            at_ms=self.now_ms,
            cpu_ms_total=cpu_ms_total,
            mem_mib=100,
            net_rx_total=0,
            net_tx_total=0,
        )
        return self.send(message, "seller", self.host)

    def stop(self, vm_id: str) -> None:
        """The buyer stops a VM and its host does so."""
        self.must(VmStop(req_id=1, vm_id=vm_id), "buyer")
        self.report(vm_id, "stopped")

    def release(self, lease_id: str, **terms: Any) -> Done | Refused:
        return self.send(LeaseRelease(req_id=1, lease_id=lease_id, **terms), "buyer")

    def recall(self, lease_id: str, **terms: Any) -> Done | Refused:
        return self.send(LeaseRecall(req_id=1, lease_id=lease_id, **terms), "seller")

    def silent(self, since_ms: int) -> None:
        self.must(HostSilent(self.host, since_ms))

    def back(self, boot_id: str = "boot 1", announce_first: bool = False) -> None:
        """The host returns with its inventory."""
        self.must(HostBack(self.host))
        if announce_first:
            self.announce("seller", self.host, 100, boot_id=boot_id)
        self.must(HostSynced(instruction_id="i", boot_id=boot_id, vms=[]), "seller", self.host)

    def lost(self) -> None:
        self.must(HostLost(self.host))

    # --- what the buyer heard ---

    def last_lease(self, lease_id: str, account: str = "buyer") -> LeaseUpdate:
        rows = [f for f in self.frames[account] if isinstance(f, LeaseUpdate)]
        return next(row for row in reversed(rows) if row.lease_id == lease_id)

    def charges(self, lease_id: str) -> list[int]:
        """Return the amounts posted for a lease, in ucr."""
        rows = [f for f in self.frames["buyer"] if isinstance(f, Charge)]
        return [row.amount_ucr for row in rows if row.lease_id == lease_id]

    def vm_states(self, vm_id: str) -> list[str]:
        rows = [f for f in self.frames["buyer"] if isinstance(f, VmUpdate)]
        return [row.state for row in rows if row.vm_id == vm_id]

    def notices(self) -> list[str]:
        return [f.kind for f in self.frames["buyer"] if isinstance(f, Notice)]

    def everything_ucr(self) -> int:
        """Return the sum over all accounts: zero unless money was made or lost."""
        balances = self.engine.balances().values()
        return sum(b.available_ucr + b.held_ucr for b in balances)


def ended(market: LeaseMarket, lease_id: str) -> tuple[str | None, int]:
    """Return why a lease ended and all that was charged for it."""
    row = market.last_lease(lease_id)
    assert row.state == "ended"
    assert sum(market.charges(lease_id)) == row.charged_ucr
    assert market.everything_ucr() == 0
    return row.reason, row.charged_ucr
