"""Short stories of every kind, for hypothesis to shrink: the engine against the oracle.

The storms of ``test_laws.py`` bring volume; this machine sends few commands with few values, so
that what it finds comes out as the shortest story, printed as steps that can be read and run. After
each step all laws hold, both sides are compared (`Duel`) and the state is what the rows lead to.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from exchange.engine.paranoid import ParanoidEngine
from exchange.wire.requests import (
    LeaseRecall,
    LeaseRelease,
    OrderCancel,
    OrderPlace,
    OrderReplace,
    VmStart,
    VmStatus,
    VmStop,
)
from exchange.wire.types import Side
from sim.oracle.hosts import Host
from sim.oracle.owed import HOUR_MS, Lease, Vm
from tests.exchange.duel import acts
from tests.exchange.duel.scene import IMAGE, SPOTS, new_duel
from tests.exchange.storm.trading import STP

T = TypeVar("T")
ACCOUNTS = st.sampled_from(("ann", "bob", "cat"))
SELLERS = st.sampled_from(("ann", "bob"))
SIDES = st.sampled_from(("buy", "sell"))
PRICES = st.integers(599, 601)
WHICH = st.integers(0, 5)
"""Which of the orders, leases, VMs or hosts that are there."""
HARMLESS_MS = 200_000
"""A host may be silent for so long without being lost."""


class MarketMachine(RuleBasedStateMachine):
    """Every rule sends one command, or the few that belong together."""

    def __init__(self) -> None:
        super().__init__()
        self.duel = new_duel(ParanoidEngine)
        self.oracle = self.duel.oracle
        self.sent = 0

    # --- orders ---

    @rule(
        account=ACCOUNTS,
        side=SIDES,
        market=WHICH,
        qty=st.integers(1, 5),
        price_ucr=PRICES,
        time_in_force=st.sampled_from(("gtc", "ioc", "fok")),
        min_qty=st.none() | st.integers(1, 3),
        stp=st.sampled_from(sorted(set(STP))),
    )
    def place(self, account: str, market: int, **terms: Any) -> None:
        windows = [one.symbol for one in self.oracle.windows.values()]
        self.sent += 1
        name, symbol = f"c{self.sent}", one_of([*SPOTS, *windows], market)
        message = OrderPlace(
            req_id=1, client_order_id=name, symbol=symbol, order_type="limit", **terms
        )
        self.duel.send(message, account, session=1)

    @rule(market=WHICH, buyer=ACCOUNTS, seller=SELLERS, host=WHICH, qty=st.integers(1, 3))
    def trade(self, market: int, buyer: str, seller: str, host: int, qty: int) -> None:
        """An ask on one host and a bid that takes it."""
        windows = [one.symbol for one in self.oracle.windows.values() if not one.stage]
        symbol = one_of([*SPOTS, *windows], market)
        owned = [one.name for one in self.oracle.hosts.values() if one.owner == seller]
        asks_on = one_of(owned, host)
        sides: list[tuple[Side, str, str | None]] = [
            ("sell", seller, asks_on),
            ("buy", buyer, None),
        ]
        for side, account, on_host in sides:
            self.sent += 1
            name = f"c{self.sent}"
            message = acts.limit_order(name, symbol, side, qty, 600, on_host)
            self.duel.send(message, account)

    @precondition(lambda self: self.oracle.live)
    @rule(
        which=WHICH,
        price_ucr=st.none() | PRICES,
        qty=st.integers(1, 6),
        someone=st.none() | ACCOUNTS,
    )
    def replace(self, which: int, price_ucr: int | None, qty: int, someone: str | None) -> None:
        order = one_of(self.oracle.live, which)
        message = OrderReplace(req_id=1, order_id=f"o-{order.number}", price_ucr=price_ucr, qty=qty)
        self.duel.send(message, someone or order.account)

    @precondition(lambda self: self.oracle.live)
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        order = one_of(self.oracle.live, which)
        self.duel.send(OrderCancel(req_id=1, order_id=f"o-{order.number}"), order.account)

    @rule(enabled=st.booleans(), clean=st.none() | st.booleans())
    def connection(self, enabled: bool, clean: bool | None) -> None:
        """Connection 1 arms or disarms cancel-on-disconnect, or drops."""
        if clean is None:
            acts.arm(self.duel, "ann", 1, enabled=enabled)
        else:
            acts.drop(self.duel, 1, clean=clean)

    @rule(account=ACCOUNTS, timeout_ms=st.sampled_from((0, 1_000, 60_000)))
    def dead_man(self, account: str, timeout_ms: int) -> None:
        acts.dead_man(self.duel, account, f"key of {account}", timeout_ms)

    # --- leases and VMs ---

    def a_lease(self, which: int) -> Lease:
        return one_of(self.oracle.leases, which)

    def a_vm(self, which: int) -> Vm:
        return one_of(list(self.oracle.vms.values()), which)

    @precondition(lambda self: self.oracle.leases)
    @rule(
        which=WHICH,
        units=st.none() | st.integers(1, 3),
        in_ms=st.none() | st.sampled_from((1, 600_000)),
    )
    def release(self, which: int, units: int | None, in_ms: int | None) -> None:
        lease = self.a_lease(which)
        at_ms = None if in_ms is None else self.duel.market.now_ms + in_ms
        message = LeaseRelease(req_id=1, lease_id=f"l-{lease.number}", units=units, at_ms=at_ms)
        self.duel.send(message, lease.buyer)

    @precondition(lambda self: self.oracle.leases)
    @rule(which=WHICH, units=st.none() | st.integers(1, 3))
    def recall(self, which: int, units: int | None) -> None:
        lease = self.a_lease(which)
        message = LeaseRecall(req_id=1, lease_id=f"l-{lease.number}", units=units)
        self.duel.send(message, lease.seller)

    @precondition(lambda self: self.oracle.leases)
    @rule(which=WHICH, name=st.sampled_from(("vm1", "vm2", "vm3")))
    def start_vm(self, which: int, name: str) -> None:
        lease = self.a_lease(which)
        message = VmStart(req_id=1, lease_id=f"l-{lease.number}", name=name, image=IMAGE)
        self.duel.send(message, lease.buyer)

    @precondition(lambda self: self.oracle.vms)
    @rule(
        which=WHICH,
        state=st.sampled_from(("starting", "running", "stopping", "stopped", "failed")),
        ready=st.booleans(),
        reason=st.sampled_from(("image_invalid", "no kvm")),
    )
    def vm_news(self, which: int, state: Any, ready: bool, reason: str) -> None:
        vm = self.a_vm(which)
        message = VmStatus(
            req_id=1,
            vm_id=f"v-{vm.number}",
            state=state,
            reason=reason if state == "failed" else None,
            ready_ms=self.duel.market.now_ms if ready and state == "running" else vm.news[1],
        )
        self.from_host(vm, message)

    @precondition(lambda self: self.oracle.vms)
    @rule(which=WHICH, pct=st.sampled_from((0, 5, 50, 100, 1000)), boot=st.sampled_from("ab"))
    def usage(self, which: int, pct: int, boot: str) -> None:
        vm = self.a_vm(which)
        elapsed_ms = self.duel.market.now_ms - vm.read_ms
        seen_ms = vm.seen_ms if boot == vm.boot else 0
        total_ms = seen_ms + elapsed_ms * vm.lease.mvcpu * pct // 100_000
        message = acts.reading(self.duel, vm, boot, total_ms)
        self.from_host(vm, message)

    def from_host(self, vm: Vm, message: Any) -> None:
        host = self.oracle.hosts[vm.lease.host]
        if host.state in ("live", "syncing"):
            self.duel.send(message, host.owner, host.name)

    @precondition(lambda self: self.oracle.vms)
    @rule(which=WHICH)
    def stop_vm(self, which: int) -> None:
        vm = self.a_vm(which)
        self.duel.send(VmStop(req_id=1, vm_id=f"v-{vm.number}"), vm.lease.buyer)

    # --- hosts ---

    def a_host(self, which: int) -> Host:
        return one_of(list(self.oracle.hosts.values()), which)

    @rule(which=WHICH, units=st.none() | st.integers(1, 4))
    def offer_less(self, which: int, units: int | None) -> None:
        acts.offer(self.duel, self.a_host(which), units)

    @rule(which=WHICH)
    def fall_silent(self, which: int) -> None:
        if (host := self.a_host(which)).state in ("live", "syncing"):
            acts.silent(self.duel, host)

    @rule(which=WHICH, lost=st.booleans(), rebooted=st.booleans())
    def come_back(self, which: int, lost: bool, rebooted: bool) -> None:
        self.bring_back(self.a_host(which), lost=lost, rebooted=rebooted)

    def bring_back(self, host: Host, *, lost: bool, rebooted: bool) -> None:
        """Its next step on the way to live."""
        if host.state == "silent" and lost:
            acts.lost(self.duel, host)
        elif host.state in ("silent", "lost"):
            acts.back(self.duel, host)
        elif host.state == "syncing":
            boot = f"{host.boot}'" if rebooted else host.boot
            mine = [vm for vm in self.oracle.vms.values() if vm.lease.host == host.name]
            acts.synced(self.duel, host, boot, mine)
            acts.announce(self.duel, host, 5, boot)

    # --- time ---

    @rule(by_ms=st.sampled_from((1, 10_000, 60_000, 120_000, 300_000, 900_000)))
    def wait(self, by_ms: int) -> None:
        self.pass_time(by_ms)

    @rule(before_ms=st.sampled_from((180_000, 120_000, 1, 0, -30_000)))
    def wait_for_the_hour(self, before_ms: int) -> None:
        """Until so long before the next full hour."""
        left_ms = HOUR_MS - self.duel.market.now_ms % HOUR_MS - before_ms
        self.pass_time(left_ms if left_ms > 0 else left_ms + HOUR_MS)

    def pass_time(self, by_ms: int) -> None:
        """A host that is silent is lost in time; one that is back is heard out."""
        for host in self.oracle.hosts.values() if by_ms > HARMLESS_MS else []:
            if host.state in ("silent", "syncing"):
                self.bring_back(host, lost=True, rebooted=False)
        self.duel.advance(by_ms)

    @rule(after_ms=st.sampled_from((0, 100_000)))
    def restart(self, after_ms: int) -> None:
        self.duel.restart(after_ms)


def one_of(rows: Sequence[T], which: int) -> T:
    """Return one of the rows there are; which one is the same for the same number."""
    return rows[which % len(rows)]


TestMarketMachine = MarketMachine.TestCase
TestMarketMachine.settings = settings(
    max_examples=120, stateful_step_count=30, deadline=None, print_blob=True
)
