"""A short, busy run in which much goes wrong, drawn from the seed: where planted bugs must show.

Servers crash and come back, links break, launches fail, sellers withdraw, the exchange restarts.
Flat with even seeds, metered with odd ones. Somebody beside the robots sends what robots do not:
orders of every kind, scheduled releases, recalls of some units, VMs that he stops himself.
"""

from collections.abc import Generator
from pathlib import Path
from random import Random
from typing import Any, Final

import simpy

from exchange.model.commands import ImageStored
from exchange.wire.admin_requests import AdminAccount, AdminDeposit
from exchange.wire.requests import (
    LeaseRelease,
    OrderPlace,
    OrderReplace,
    VmStart,
)
from exchange.wire.types import SelfTrade, TimeInForce
from sim.run.world import World
from sim.scenario.file import Loaded, load
from tests.sim.scenes import boot, farm, head, rules, seller

DURATION_S: Final = 4_500
POINTS: Final = (
    "points = [[0, 900], [1100, 900], [1200, 100], [1500, 100], [1600, 900], [4500, 900]]\n"
)
FAULTS: Final = """[random_faults]
kinds = [
    "host_crash", "partition", "boot_failures", "slow_boot", "exchange_restart", "seller_withdraw",
]
per_hour = 8.0
for_s = [60, 600]
"""
EVERY_MS: Final = 20_000
NAMES: Final = ("ida", "jon")
KINDS: Final[tuple[TimeInForce, ...]] = ("gtc", "gtc", "ioc", "fok", "gtd")
STP: Final[tuple[SelfTrade, ...]] = (
    "cancel_newest",
    "cancel_oldest",
    "cancel_both",
    "decrement_and_cancel",
)
"""What the taker chooses when he meets himself."""


def loaded(folder: Path, seed: int) -> Loaded:
    """Return the run of ``seed``; its faults are drawn by it."""
    path = folder / f"day{seed % 2}.toml"
    if not path.exists():
        pricing, deposit = (("metered", 40.0), ("flat", 0.45))[seed % 2 == 0]
        path.write_text(scene(pricing, deposit), encoding="utf-8")
    return load(path)


def scene(pricing: str, deposit: float) -> str:
    paid = f'pricing = "{pricing}"\n'
    return (
        head("A day of bugs", DURATION_S, more="seed = 1\n")
        + farm(2, more=f"deposit = {deposit}\n{paid}")
        + f'[workload]\nkind = "profile"\n{POINTS}'
        + boot(60, 40, 10, "fail = 0.1\n")
        + seller("lab", 2, 0.035123, f"jitter = 0.1\n{paid}")
        + seller("shed", 2, 0.031007, f"jitter = 0.1\n{paid}")
        + FAULTS
        + rules("30s", 9, "1m", "30s")
    )


class BusyWorld(World):
    """The run with ida and jon in it, who trade by hand."""

    def begin(self) -> None:
        super().begin()
        self.random = Random(f"by hand {self.stage.seed}")
        self.sent = 0
        self.stage.env.process(self._by_hand())

    def _by_hand(self) -> Generator[simpy.Event, Any, None]:
        yield self.stage.env.timeout(400_000)
        image = next(iter(self.stage.marketplace.engine.usable_images("shop"))).sha256
        for name in NAMES:
            self._send("operator", AdminAccount(req_id=1, account=name, name=name))
            money = AdminDeposit(req_id=1, account=name, amount_ucr=2_000_000, ref="start")
            self._send("operator", money)
            self._send("", ImageStored(name, image, 8 * 1024 * 1024, "bundle"))
        while self.at_s < DURATION_S:
            yield self.stage.env.timeout(EVERY_MS)
            if self.stage.marketplace.up:
                self._one(self.random.choice(NAMES), image)
        for name in NAMES:
            for lease in self._leases(name):
                self._send(name, LeaseRelease(req_id=1, lease_id=lease.lease_id))

    def _one(self, name: str, image: str) -> None:
        """One thing that somebody may ask for; most of it is accepted."""
        pick, now_ms = self.random, self.stage.now_ms
        leases = self._leases(name)
        orders = self.stage.marketplace.engine.order_list(name)
        match pick.randrange(9):
            case 0 if leases:
                units = pick.choice((None, 1))
                at_ms = now_ms + pick.randrange(1, 90_000) if pick.randrange(3) == 0 else None
                lease_id = pick.choice(leases).lease_id
                self._send(
                    name, LeaseRelease(req_id=1, lease_id=lease_id, units=units, at_ms=at_ms)
                )
            case 1 | 2 if leases:
                start = VmStart(
                    req_id=1,
                    lease_id=pick.choice(leases).lease_id,
                    name=f"vm{self.sent}",
                    image=image,
                )
                self._send(name, start)
            case 3 if orders:
                qty, price_ucr = pick.randint(1, 3), 33_000 + pick.randint(-3_000, 3_000)
                order_id = pick.choice(orders).order_id
                self._send(
                    name, OrderReplace(req_id=1, order_id=order_id, qty=qty, price_ucr=price_ucr)
                )
            case _ if len(orders) < 3 and len(leases) < 3:
                self._send(name, self._order())
            case _ if leases:
                self._send(name, LeaseRelease(req_id=1, lease_id=leases[0].lease_id))
            case _:
                return

    def _order(self) -> OrderPlace:
        pick = self.random
        kind = pick.choice(KINDS)
        return OrderPlace(
            req_id=1,
            client_order_id=f"hand/{self.sent}",
            symbol=f"small.eu-de.{self.scenario.farm_pricing}.spot",
            side="buy",
            order_type="limit",
            qty=pick.randint(1, 3),
            price_ucr=33_000 + pick.randint(-4_000, 6_000),
            time_in_force=kind,
            expire_ms=self.stage.now_ms + 60_000 if kind == "gtd" else None,
            stp=pick.choice(STP),
        )

    def _leases(self, name: str) -> list[Any]:
        state = self.stage.marketplace.engine.account_state(name)
        return [lease for lease in state.leases if lease.side == "buy" and lease.state == "active"]

    def _send(self, account: str, message: Any) -> None:
        self.sent += 1
        market = self.stage.marketplace
        market.gateway.internal(message, self.stage.now_ms, account)
        market._finish(woken=True)  # in one batch, as if the request had come over the wire
        market.pump.ring()
