"""What traders do in `Everything`: orders, connections, leases, VMs."""

from typing import Any

from exchange.engine.engine import Engine
from exchange.engine.paranoid import ParanoidEngine
from exchange.model.commands import SessionDropped
from exchange.wire.requests import (
    LeaseRecall,
    LeaseRelease,
    OrderCancel,
    OrderCancelAllAfter,
    OrderCancelOnDisconnect,
    OrderMassCancel,
    OrderPlace,
    OrderReplace,
    UsageReport,
    VmStart,
    VmStatus,
    VmStop,
)
from exchange.wire.types import Side
from tests.exchange.everything.scene import IMAGES, MONEY, OWNERS, Scene
from tests.exchange.support import laws


class Traders(Scene):
    """Orders are named by a few ids and traded within a narrow band of prices."""

    def __init__(self, seed: int, make_engine: type[Engine] = ParanoidEngine) -> None:
        super().__init__(seed, make_engine)
        self.placed: list[tuple[OrderPlace, str]] = []
        self.deals = 0

    # --- orders ---

    def place(self) -> None:
        if self.placed and self.chance(8):
            message, account = self.random.choice(self.placed[-6:])
            self.send(message, account)
            return
        side = self.random.choice(laws.SIDES)
        terms: dict[str, Any] = {"time_in_force": self.random.choice(("gtc",) * 5 + ("ioc", "fok"))}
        if self.chance(10):
            expire_ms = self.market.now_ms + self.random.randrange(-1_000, 100_000)
            terms = {"time_in_force": "gtd", "expire_ms": expire_ms}
        if side == "sell" and self.chance(6):
            terms["hosts"] = [self.host()]
        message = OrderPlace(
            req_id=1,
            client_order_id=f"c{self.random.randrange(200)}",
            symbol=self.symbol(),
            side=side,
            order_type="limit",
            qty=self.random.randint(1, 5),
            price_ucr=600 + self.random.randint(-4, 6 if side == "buy" else 2),
            post_only=self.chance(12),
            stp=self.random.choice(("cancel_newest", "cancel_oldest", "decrement_and_cancel")),
            **terms,
        )
        account = self.account()
        self.placed.append((message, account))
        self.send(message, account, session=self.random.randint(1, 4))

    def trade(self) -> None:
        """An ask and a bid that takes it, so that there are leases."""
        symbol = self.random.choice(self.market.engine.symbols())
        seller, buyer = self.random.choice((("ann", "bob"), ("bob", "ann"), ("bob", "cat")))
        self.deals += 1
        self.limit_order(f"d{self.deals}", symbol, "sell", seller)
        self.limit_order(f"d{self.deals}", symbol, "buy", buyer)

    def limit_order(self, name: str, symbol: str, side: Side, account: str) -> None:
        message = OrderPlace(
            req_id=1,
            client_order_id=name,
            symbol=symbol,
            side=side,
            order_type="limit",
            qty=self.random.randint(1, 3),
            price_ucr=600,
        )
        self.send(message, account)

    def named(self) -> tuple[dict[str, Any], str]:
        """An order and mostly its owner."""
        number = self.number(self.state.counters.order)
        rows = [(order.order_id, name) for name, order in self.open_orders()]
        if rows and not self.chance(3):
            order_id, owner = self.random.choice(rows)
            return {"order_id": order_id}, self.account() if self.chance(8) else owner
        return {"order_id": f"o-{number}"}, self.account()

    def open_orders(self) -> list[tuple[str, Any]]:
        accounts = self.state.ledger.accounts
        return [(name, order) for name in MONEY for order in accounts[name].open_orders.values()]

    def replace(self) -> None:
        named, account = self.named()
        price_ucr = 600 + self.random.randint(-4, 4)
        qty = self.random.randint(1, 6)
        self.send(OrderReplace(req_id=1, **named, price_ucr=price_ucr, qty=qty), account)

    def cancel(self) -> None:
        named, account = self.named()
        self.send(OrderCancel(req_id=1, **named), account)

    def mass_cancel(self) -> None:
        symbol = self.symbol() if self.chance(2) else None
        self.send(OrderMassCancel(req_id=1, symbol=symbol), self.account())

    # --- connections: 1 and 2 are ann's, 3 and 4 bob's ---

    def arm(self) -> None:
        session = self.random.randint(1, 4)
        message = OrderCancelOnDisconnect(req_id=1, enabled=not self.chance(3))
        self.send(message, OWNERS[(session - 1) // 2], session=session)

    def drop(self) -> None:
        self.send(SessionDropped(self.random.randint(1, 4), clean=self.chance(3)))

    def dead_man(self) -> None:
        account, timeout_ms = self.account(), self.random.choice((0, 0, 1_000, 60_000))
        message = OrderCancelAllAfter(req_id=1, timeout_ms=timeout_ms)
        self.send(message, account, key_id=f"key of {account}")

    # --- leases and VMs ---

    def lease(self) -> tuple[str, str, str]:
        """A lease that lives or not, its buyer and its seller, now and then others."""
        leases = list(self.state.leases.values())
        if not leases or self.chance(8):
            return f"l-{self.number(self.state.counters.lease)}", self.account(), self.account()
        lease = self.random.choice(leases)
        return lease.lease_id, lease.buyer.account_id, lease.seller.account_id

    def release(self) -> None:
        lease_id, buyer, _ = self.lease()
        at_ms = self.market.now_ms + 50_000 if self.chance(4) else None
        units = self.random.randint(1, 3) if self.chance(2) else None
        self.send(LeaseRelease(req_id=1, lease_id=lease_id, units=units, at_ms=at_ms), buyer)

    def recall(self) -> None:
        lease_id, _, seller = self.lease()
        units = self.random.randint(1, 3) if self.chance(2) else None
        self.send(LeaseRecall(req_id=1, lease_id=lease_id, units=units), seller)

    def start_vm(self) -> None:
        lease_id, buyer, _ = self.lease()
        name, image = (
            f"vm{self.random.randrange(3)}",
            self.random.choice((*IMAGES[:1] * 4, IMAGES[1])),
        )
        sources = ["nowhere"] if self.chance(12) else None
        message = VmStart(req_id=1, lease_id=lease_id, name=name, image=image, allow_from=sources)
        self.send(message, buyer)

    def vm(self) -> tuple[str, str, str]:
        """A VM, its buyer and its host, now and then others."""
        vms = list(self.state.vms.values())
        if not vms or self.chance(8):
            return f"v-{self.number(self.state.counters.vm)}", self.account(), self.host()
        vm = self.random.choice(vms)
        return vm.vm_id, vm.lease.buyer.account_id, vm.lease.host.host_id

    def stop_vm(self) -> None:
        vm_id, buyer, _ = self.vm()
        self.send(VmStop(req_id=1, vm_id=vm_id), buyer)

    def vm_news(self) -> None:
        if not self.state.vms and not self.chance(4):
            return
        vm_id, _, host = self.vm()
        states = ("requested", "starting", "running", "running", "stopping", "stopped", "failed")
        state: Any = self.random.choice(states)
        ready_ms = self.market.now_ms if state == "running" and self.chance(2) else None
        reason = self.random.choice(("not_ready", "no kvm")) if state == "failed" else None
        message = VmStatus(req_id=1, vm_id=vm_id, state=state, ready_ms=ready_ms, reason=reason)
        self.report(message, host)

    def usage(self) -> None:
        if not self.state.vms and not self.chance(4):
            return
        vm_id, _, host = self.vm()
        known = self.state.vms.get(int(vm_id.removeprefix("v-")))
        seen_ms = known.cpu_ms_seen if known else 0
        message = UsageReport(
            req_id=1,
            vm_id=vm_id,
            boot="a",
            at_ms=self.market.now_ms,
            cpu_ms_total=max(0, seen_ms + self.random.randrange(-1_000, 50_000)),
            mem_mib=100,
            net_rx_total=1,
            net_tx_total=1,
        )
        self.report(message, host)
