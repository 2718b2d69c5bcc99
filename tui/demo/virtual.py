"""A whole market on virtual time for the pictures: every run of it is the same to the last digit.

Exchange, hosts, traders and Managers are the product's own cores, introduced to each other by the
simulator. Composes packages, like ``tui.demo``.
"""

from collections.abc import Generator
from typing import Any, Final

import simpy
from msgspec.structs import replace

from exchange.model.commands import Genesis, ImageStored
from exchange.model.config import ExchangeConfig, InstrumentConfig, WindowConfig, ZoneConfig
from exchange.units import MS_PER_SECOND, ucr_from_credits
from exchange.wire.requests import AccountApply
from exchange.wire.terms import DEFAULT_CLASSES
from manager.core.core import Manager
from manager.core.farm import ManagerConfig
from manager.core.library import StoredVm
from manager.selling.group import Group
from manager.selling.selling import Selling
from sim.actors.manager_seller import ManagerSeller
from sim.actors.nodes import Robot
from sim.actors.traders import TraderConfig, make_trader
from sim.network.connection import Connection, Node, Subscription
from sim.network.identity import Identity
from sim.run.opening import OPERATOR, account_requests
from sim.run.participant import Participant, trader_sellers, traders_by_name
from sim.run.stage import WARM_UP_MS, Stage
from sim.scenario.file import decode
from sim.scenario.policy import rules_of
from sim.scenario.tables import Scenario, Seller
from sim.scenario.workload import sampled
from tui.demo.market import PRICES_UCR, TICK_UCR, UNITS, ZONES, on_tick

SEED: Final = 7
YOU: Final = "acme"
POLICY: Final = "threshold"
STEP_S: Final = 10
IMAGES: Final = {"web": ("5e" * 32, "small", 80), "worker": ("a7" * 32, "medium", 8_080)}
"""The stored VMs: digest, class, port."""
IMAGE_BYTES: Final = 64 * 1024 * 1024
DEPTH: Final[dict[str, dict[str, Any]]] = {
    "market_maker": {"levels": 10, "level_units": 9, "spread_pct": 1.4, "step_pct": 0.45},
    "noise": {"hold_min_ms": 30_000, "hold_max_ms": 900_000},
}
"""How each kind of trader quotes."""
SCENE: Final = """
schema = 1
title = "The evening peak"
duration_s = 7200
start = 2026-11-23T17:00:00Z
[network]
latency_ms = 0
jitter_ms = 0
[farm]
account = "acme"
zone = "eu-de"
class = "small"
core_units = 3
unit_rps = 100
deposit = 1000.0
[workload]
kind = "flash"
base = 140
peak = 620
at_s = 600
ramp_s = 240
hold_s = 1500
decay_s = 600
noise = 0.02
[boot]
mean_s = 40
sd_s = 10
min_s = 20
[[zone]]
name = "eu-de"
[[zone]]
name = "eu-fr"
country = "FR"
[[seller]]
name = "uni-lab"
hosts = 3
host = {mvcpu = 8000, mem_mib = 17600, disk_mib = 131072}
price = 0.0334
[[seller]]
name = "bank-night"
hosts = 2
offer = {kind = "residual", below_pct = 40}
own_load = {kind = "diurnal", mean = 0.08, swing = 1.2, peak_s = 50400}
price = 0.0342
[policy.threshold]
[[policy.threshold.rule]]
name = "burst"
when = "util > 70 for 2m"
do = "buy 2"
vm = "web"
price_max = 0.10
max_units = 6
cooldown = "2m"
budget_day = 50.0
[[policy.threshold.rule]]
name = "calm"
when = "util < 40 for 10m"
do = "release 2"
cooldown = "2m"
"""
RACK: Final = Seller(
    name=YOU,
    hosts=3,
    price=0.0335,
    zone="eu-fr",
    manager=True,
    own_load=decode(SCENE).seller[1].own_load,
)
"""Your own servers, and the group that sells what they leave."""


def traders() -> str:
    """Return the tables of the background traders, two kinds in every market."""
    tables = []
    for zone, (_, level_pct) in ZONES.items():
        for name, price_ucr in PRICES_UCR.items():
            price = price_ucr * level_pct / 100 / 1_000_000
            for number in range(4):
                kind = "noise" if number == 3 else "market_maker"
                tables.append(
                    f'[[trader]]\nkind = "{kind}"\nsymbol = "{name}.{zone}.flat.spot"\n'
                    f"rate_per_min = 20\nhosts = 1\nprice = {price * (1 + number / 200):.4f}\n"
                    f'name = "{name}-{zone}-{number}"\n'
                    "deposit = 1000.0\n"
                    "host = {mvcpu = 64000, mem_mib = 140800, disk_mib = 1000000}\n"
                )
    return "".join(tables)


def config() -> ExchangeConfig:
    """Return two zones with every class in each, windows of one, at a tick a person can read."""
    zones = [ZoneConfig(zone, country, ["simulated"]) for zone, (country, _) in ZONES.items()]
    spots = [
        InstrumentConfig(name, zone, "flat", tick_ucr=TICK_UCR)
        for zone in ZONES
        for name in PRICES_UCR
    ]
    windows = [WindowConfig("small", "eu-fr", "flat", hours_ahead=12, tick_ucr=TICK_UCR)]
    return ExchangeConfig(
        classes=dict(DEFAULT_CLASSES), zones=zones, instruments=spots, windows=windows
    )


class OnTick(Connection):
    """Rounds prices to the market's tick, which the simulated traders do not know."""

    def send(self, message: Any) -> None:
        super().send(on_tick(message))


class TickStage(Stage):
    """A stage whose every connection is `OnTick`."""

    def connect(
        self,
        actor: str,
        node: Node,
        identity: Identity | None,
        subscriptions: list[Subscription],
        end: str,
    ) -> Connection:
        stream = self.stream(f"network/{actor}")
        network = self.scenario.network
        return OnTick(self.marketplace, network, node, stream, identity, subscriptions)


class Quoter(Participant):
    """A background trader that makes a deep book."""

    def _make_robot(self) -> tuple[Robot, list[Subscription]]:
        trader = traders_by_name(self._stage.scenario)[self.name]
        assert trader.price is not None, "`traders` gives each one"
        quoting = TraderConfig(
            name=self.name,
            symbol=trader.symbol,
            price_ucr=ucr_from_credits(trader.price),
            rate_per_min=trader.rate_per_min,
            units=UNITS,
            max_bought=UNITS,
            **DEPTH[trader.kind],
        )
        random = self._stage.stream(f"robot/{self.name}")
        heard = [Subscription("account"), Subscription("book", trader.symbol)]
        return make_trader(trader.kind, quoting, random), heard


class Rack(Participant):
    """Your own servers: one group by name, sold by a Manager."""

    def _group(self) -> Group:
        return replace(super()._group(), name="rack-7")


class VirtualMarket:
    """``run_to`` moves it; whoever wants to take part connects through ``stage``."""

    def __init__(self) -> None:
        self.scenario: Scenario = decode(SCENE + traders())
        self.manager = Manager(self._manager_config())
        scenario = self.scenario
        # The pictures show what the signs of life tell: none of them is left out.
        self.stage = TickStage(
            scenario, {}, SEED, self.manager, scenario.farm.core_units, False, leaves_out=False
        )
        self.stage.marketplace.observers.clear()
        self.stage.marketplace.refusal_observers.clear()
        self.loads = sampled(
            scenario.workload, scenario.duration_s, STEP_S, self.stage.stream("load"), {}
        )
        self.past: list[tuple[int, float]] = []
        """The farm's load so far: (UTC ms, requests per second)."""
        self._open()

    @property
    def now_ms(self) -> int:
        return self.stage.now_ms

    @property
    def selling(self) -> Selling:
        """Return the part of a Manager that sells your rack."""
        robot = self.stage.robots[YOU].robot
        assert isinstance(robot, ManagerSeller), "the rack's table says so"
        return robot.selling

    def run_to(self, at_s: int) -> None:
        """Let it run until ``at_s`` seconds after the scenario's start."""
        self.stage.env.run(until=self.scenario.start_ms + at_s * MS_PER_SECOND)

    def _manager_config(self) -> ManagerConfig:
        farm = self.scenario.farm
        stored = tuple(
            StoredVm(name=name, image=image, vm_class=class_, ports=(port,), backend="farm")
            for name, (image, class_, port) in IMAGES.items()
        )
        return ManagerConfig(
            rules=rules_of(self.scenario, self.scenario.policy[POLICY]),
            library=stored,
            vm_class=farm.class_,
            zone=farm.zone,
            unit_rps=farm.unit_rps,
            core_units=farm.core_units,
        )

    def _open(self) -> None:
        stage = self.stage
        operator = Identity(stage.seed, OPERATOR)
        stage.marketplace.gateway.internal(Genesis(config(), operator.public_key), stage.now_ms)
        stage.marketplace.start()
        stage.env.process(self._set_up(operator))
        stage.env.process(self._play())

    def _set_up(self, operator: Identity) -> Generator[simpy.Event, Any, None]:
        stage = self.stage
        sellers, quoters = self.scenario.seller, trader_sellers(self.scenario)
        deposits = {seller.name: seller.deposit for seller in [*sellers, *quoters]}
        deposits[YOU] = self.scenario.farm.deposit
        yield from stage.ask(OPERATOR, operator, account_requests(deposits, stage.seed))
        for image, _, _ in IMAGES.values():
            stored = ImageStored(YOU, image, IMAGE_BYTES, "bundle")
            stage.marketplace.gateway.internal(stored, stage.now_ms)
        yield from stage.ask("stranger", None, [_application(stage.seed, "riverside")])
        assert stage.farm.connection is not None
        stage.farm.connection.open()
        parties = [Participant(stage, table, number) for number, table in enumerate(sellers)]
        parties += [Quoter(stage, table, 100 + number) for number, table in enumerate(quoters)]
        parties.append(Rack(stage, RACK, 99))
        yield stage.env.all_of([stage.env.process(each.set_up()) for each in parties])

    def _play(self) -> Generator[simpy.Event, Any, None]:
        yield self.stage.env.timeout(WARM_UP_MS)
        for load_rps in self.loads:
            self.stage.farm.refresh()
            self.stage.farm.sample(load_rps)
            self.past.append((self.now_ms, load_rps))
            yield self.stage.env.timeout(STEP_S * MS_PER_SECOND)


def _application(seed: int, name: str) -> AccountApply:
    return AccountApply(
        req_id=1,
        name=name,
        contact=f"ops@{name}.example",
        public_key=Identity(seed, name).public_key,
        side="buy",
    )
