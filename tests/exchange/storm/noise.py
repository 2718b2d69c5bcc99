"""Random commands of every journalled kind, for replay and the laws: no oracle, so nothing is left
out. Spot and windows, flat and metered, VMs that start, fail, use CPU and stop, hosts that come and
go, dead man's switches, deposits, limits, keys, images and restarts of the exchange.
"""

from collections.abc import Callable
from random import Random
from typing import Any, Final

from exchange.engine.engine import Engine
from exchange.model.commands import HostBack, HostLost, HostSilent, ImageStored, Out, Started
from exchange.model.config import (
    ExchangeConfig,
    InstrumentConfig,
    WindowConfig,
    ZoneConfig,
    default_config,
)
from exchange.wire.admin_requests import AdminDeposit, AdminHalt, AdminKillSwitch, AdminLimits
from exchange.wire.requests import (
    HostDrain,
    LeaseRecall,
    LeaseRelease,
    OrderCancel,
    OrderCancelAllAfter,
    OrderMassCancel,
    OrderReplace,
    UsageReport,
    VmStart,
    VmStatus,
    VmStop,
)
from exchange.wire.results import Done
from tests.exchange.support import laws
from tests.exchange.support.market import Market

IMAGE: Final = "ab" * 32
TERMS: Final = ("gtc", "gtc", "gtc", "gtc", "ioc", "fok")
VM_STATES: Final = ("starting", "running", "running", "running", "stopped", "failed")
REASONS: Final = (None, "image_invalid", "not_ready", "out of memory")


CLASSES: Final = ["small", "nano"]
MONEY: Final = {"ann": 10**7, "bob": 10**7, "cat": 30_000, "dan": 4_000}
"""ucr; cat and dan often lack what they need."""
HOSTS: Final = (("ann", 12), ("ann", 8), ("bob", 16), ("cat", 9), ("dan", 5), ("dan", 7))


def full_config() -> ExchangeConfig:
    """Flat and metered, spot and windows of two classes; a price band on one instrument."""
    instruments = [
        InstrumentConfig(class_="small", zone="eu-de", pricing="flat"),
        InstrumentConfig(class_="nano", zone="eu-de", pricing="flat", ref_ucr=600, band_pct=20),
        *(InstrumentConfig(class_=name, zone="eu-de", pricing="metered") for name in CLASSES),
    ]
    windows = [
        WindowConfig(class_="small", zone="eu-de", pricing="flat", hours_ahead=3),
        WindowConfig(class_="nano", zone="eu-de", pricing="metered", hours_ahead=2),
    ]
    return ExchangeConfig(
        classes={name: default_config().classes[name] for name in CLASSES},
        zones=[ZoneConfig(zone="eu-de", country="DE", accel=["simulated"])],
        instruments=instruments,
        windows=windows,
    )


class Noise:
    """Sends whatever comes to its mind; the same seed sends the same."""

    def __init__(
        self, seed: int, on_row: Callable[[Engine, list[Out]], None] | None = None
    ) -> None:
        self.seed = seed
        self.random = Random(f"noise {seed}")
        self.market = Market(full_config(), on_row=on_row)
        self.market.thorough = False
        self.engine = self.market.engine
        for account, money_ucr in MONEY.items():
            self.market.open_account(account, money_ucr)
            self.market.must(ImageStored(account, IMAGE, 50 * 1024 * 1024, "bundle"))
        for owner, units in HOSTS:
            self.market.add_host(owner, units, CLASSES)
        self.sent = 0
        self.epoch = 1
        self.odds: dict[Callable[[], None], int] = {
            self.place: 420,
            self.replace: 80,
            self.cancel: 50,
            self.mass_cancel: 3,
            self.dead_man: 4,
            self.start_vm: 90,
            self.vm_news: 180,
            self.usage: 60,
            self.stop_vm: 20,
            self.release: 50,
            self.recall: 15,
            self.money: 10,
            self.rules: 6,
            self.drain: 3,
            self.announce: 5,
            self.silence: 4,
            self.come_back: 16,
            self.pause: 50,
            self.long_pause: 8,
            self.restart: 1,
        }

    def run(self, commands: int, laws_every: int = 50) -> None:
        """Send this many; the laws are checked now and then."""
        steps = self.random.choices(list(self.odds), list(self.odds.values()), k=commands)
        for number, step in enumerate(steps):
            try:
                step()
                if number % laws_every == 0:
                    laws.check(self.market)
            except AssertionError as error:
                name = getattr(step, "__name__", "step")
                told = f"noise {self.seed}, command {number} ({name}): {error}"
                raise AssertionError(told) from error

    def chance(self, one_in: int) -> bool:
        return self.random.randrange(one_in) == 0

    def account(self) -> str:
        return self.random.choice(list(MONEY))

    # --- orders ---

    def place(self) -> None:
        pick = self.random
        symbols = [s for s in self.engine.symbols() if s.endswith("spot") or self.chance(3)]
        self.sent += 1
        terms: dict[str, Any] = {
            "symbol": pick.choice(symbols),
            "time_in_force": pick.choice(TERMS),
        }
        if self.chance(12):
            now_ms = self.market.now_ms
            terms |= {"time_in_force": "gtd", "expire_ms": now_ms + pick.randrange(1, 100_000)}
        if self.chance(10):
            terms["stp"] = pick.choice(("cancel_oldest", "cancel_both", "decrement_and_cancel"))
        side = pick.choice(laws.SIDES)
        price_ucr = None if self.chance(15) else 600 + pick.randint(-5, 5)
        if price_ucr is None:
            terms["time_in_force"] = "ioc"
            terms.pop("expire_ms", None)
        label = f"{self.account()}.n{self.sent}"
        self.market.place(label, side, pick.randint(1, 5), price_ucr, **terms)

    def an_order(self) -> tuple[str, str] | None:
        rows = list(self.market.live_orders())
        if not rows:
            return None
        account, row = self.random.choice(rows)
        return account, row.order_id

    def replace(self) -> None:
        if (named := self.an_order()) is not None:
            price, qty = 600 + self.random.randint(-5, 5), self.random.randint(1, 6)
            message = OrderReplace(req_id=1, order_id=named[1], price_ucr=price, qty=qty)
            self.market.send(message, named[0])

    def cancel(self) -> None:
        if (named := self.an_order()) is not None:
            self.market.send(OrderCancel(req_id=1, order_id=named[1]), named[0])

    def mass_cancel(self) -> None:
        self.market.send(OrderMassCancel(req_id=1), self.account())

    def dead_man(self) -> None:
        timeout_ms = self.random.choice((0, 1_000, 60_000))
        account = self.account()
        message = OrderCancelAllAfter(req_id=1, timeout_ms=timeout_ms)
        self.market.send(message, account, key_id=f"key of {account}")

    # --- leases and VMs ---

    def a_lease(self) -> Any:
        leases = list(self.engine.state.leases.values())
        return self.random.choice(leases) if leases else None

    def a_vm(self) -> Any:
        vms = list(self.engine.state.vms.values())
        return self.random.choice(vms) if vms else None

    def start_vm(self) -> None:
        if (lease := self.a_lease()) is not None:
            name = f"vm{self.random.randrange(8)}"
            message = VmStart(req_id=1, lease_id=lease.lease_id, name=name, image=IMAGE, ports=[80])
            self.market.send(message, lease.buyer.account_id)

    def vm_news(self) -> None:
        if (vm := self.a_vm()) is not None:
            state: Any = self.random.choice(VM_STATES)
            reason = self.random.choice(REASONS) if state == "failed" else None
            ready_ms = self.market.now_ms if state == "running" and self.chance(2) else None
            message = VmStatus(
                req_id=1, vm_id=vm.vm_id, state=state, reason=reason, ready_ms=ready_ms
            )
            self.from_host(vm.lease.host, message)

    def usage(self) -> None:
        if (vm := self.a_vm()) is not None:
            message = UsageReport(
                req_id=1,
                vm_id=vm.vm_id,
                boot=self.random.choice(("a", "a", "a", "b")),
                at_ms=self.market.now_ms,
                cpu_ms_total=vm.cpu_ms_seen + self.random.randrange(0, 400_000),
                mem_mib=100,
                net_rx_total=1,
                net_tx_total=1,
            )
            self.from_host(vm.lease.host, message)

    def stop_vm(self) -> None:
        if (vm := self.a_vm()) is not None:
            self.market.send(VmStop(req_id=1, vm_id=vm.vm_id), vm.lease.buyer.account_id)

    def release(self) -> None:
        if (lease := self.a_lease()) is not None:
            units = self.random.randint(1, lease.units) if self.chance(2) else None
            at_ms = self.market.now_ms + self.random.randrange(1, 10**6) if self.chance(6) else None
            message = LeaseRelease(req_id=1, lease_id=lease.lease_id, units=units, at_ms=at_ms)
            self.market.send(message, lease.buyer.account_id)

    def recall(self) -> None:
        if (lease := self.a_lease()) is not None:
            units = self.random.randint(1, lease.units) if self.chance(2) else None
            message = LeaseRecall(req_id=1, lease_id=lease.lease_id, units=units)
            self.market.send(message, lease.seller.account_id)

    # --- the operator ---

    def money(self) -> None:
        self.sent += 1
        amount = self.random.randint(-3_000, 3_000)
        message = AdminDeposit(
            req_id=1, account=self.account(), amount_ucr=amount, ref=f"r{self.sent}"
        )
        self.market.send(message)

    def rules(self) -> None:
        """Somebody is stopped; what was stopped before goes on."""
        on, account = self.chance(5), self.account()
        self.market.send(AdminHalt(req_id=1, halted=False))
        for name in MONEY:
            self.market.send(AdminKillSwitch(req_id=1, account=name, enabled=False))
        if on:
            symbol = self.random.choice(self.engine.symbols())
            self.market.send(AdminHalt(req_id=1, symbol=symbol, halted=True))
            self.market.send(AdminKillSwitch(req_id=1, account=account, enabled=True))
        self.market.send(AdminLimits(req_id=1, account=account, max_qty=4 if on else 0))

    def restart(self) -> None:
        """The exchange was down for a while."""
        down_since_ms = self.market.now_ms
        self.market.now_ms += self.random.randrange(1_000, 400_000)
        self.epoch += 1
        self.market.send(Started(self.epoch, down_since_ms))

    # --- hosts ---

    def from_host(self, host: Any, message: Any) -> None:
        if host.status in ("live", "syncing"):
            self.market.send(message, host.account_id, host.host_id)

    def a_host(self, *statuses: str) -> Any:
        hosts = [h for h in self.engine.state.hosts.values() if h.status in statuses]
        return self.random.choice(hosts) if hosts else None

    def drain(self) -> None:
        if (host := self.a_host("live")) is not None:
            message = HostDrain(req_id=1, host=host.host_id, enabled=self.chance(4))
            self.market.send(message, host.account_id)

    def announce(self) -> None:
        if (host := self.a_host("live")) is not None:
            units = self.random.randint(3, 16)
            self.market.announce(host.account_id, host.host_id, units, CLASSES)

    def silence(self) -> None:
        if (host := self.a_host("live")) is not None:
            self.market.send(HostSilent(host.host_id, self.market.now_ms))

    def come_back(self) -> None:
        host = self.a_host("silent", "lost", "syncing")
        if host is None:
            return
        if host.status == "silent" and self.chance(4):
            self.market.send(HostLost(host.host_id))
        elif host.status == "syncing":
            owner, boot = host.account_id, self.random.choice(("boot 1", "boot 2"))
            self.market.announce(owner, host.host_id, self.random.randint(3, 16), CLASSES, boot)
            self.market.sync(owner, host.host_id, boot)
        else:
            assert isinstance(self.market.send(HostBack(host.host_id)), Done)

    # --- time ---

    def pause(self) -> None:
        self.market.advance(self.random.choice((1, 700, 20_000, 150_000)))

    def long_pause(self) -> None:
        self.market.advance(self.random.choice((600_000, 3_600_000, 4 * 3_600_000)))
