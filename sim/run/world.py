"""One run: a scenario, a policy and a seed become actors on a virtual network, and a result.

Everything that decides is the product's own code; this module only introduces the parts to each
other. Ten minutes before the scenario's start the exchange opens, hosts enroll and sellers list, so
that the market stands when the load begins. After the end everything is given back, so that the
last bill is the same however the run was paced.
"""

import time
from collections.abc import Generator
from random import Random
from typing import Any

import simpy

from exchange.model.commands import Genesis, ImageStored
from exchange.units import MS_PER_MINUTE, MS_PER_SECOND, ucr_from_credits
from manager.core.core import Manager, ManagerConfig
from manager.core.library import StoredVm
from sim.actors.boots import Boots
from sim.actors.farm import FarmNode
from sim.actors.nodes import HostNode, RobotNode
from sim.network.clock import VirtualTime
from sim.network.connection import Connection, Node, RequestNode, Subscription
from sim.network.identity import Identity
from sim.network.marketplace import Digest, Marketplace
from sim.results.checker import Checker
from sim.results.metrics import Accounts, Metrics
from sim.results.report import RunResult
from sim.results.service import Service, buckets, quality
from sim.run.fault import schedule
from sim.run.fleet import Fleet, trader_sellers
from sim.run.opening import OPERATOR, account_requests, exchange_config
from sim.run.winddown import wind_down
from sim.scenario.file import Loaded
from sim.scenario.policy import market_of, rules_of
from sim.scenario.tables import Scenario
from sim.scenario.workload import sampled

WARM_UP_MS = 10 * MS_PER_MINUTE
STEP_S = 10
"""How often the balancer's load is read."""
BUCKETS = 48
"""Into how many parts the units over time are averaged for the report."""
IMAGE = "5e" * 32
"""The digest of the stored VM that the farm runs; simulated hosts do not look inside."""
IMAGE_BYTES = 8 * 1024 * 1024


class World:
    """Build it, `run` it once, read the result."""

    def __init__(self, loaded: Loaded, policy: str, seed: int, keep_rows: bool = False) -> None:
        rules = loaded.scenario.policy[policy]
        self.scenario: Scenario = market_of(loaded.scenario, rules)
        self.traces = loaded.traces
        self.policy = policy
        self.seed = seed
        self.env = VirtualTime(self.scenario.start_ms - WARM_UP_MS)
        config = exchange_config(self.scenario)
        restarts = any(fault.kind == "exchange_restart" for fault in self.scenario.fault)
        self.marketplace = Marketplace(
            self.env, config, self.stream("exchange"), keep_rows or restarts
        )
        self.checker = Checker(self.marketplace.engine, config)
        self.metrics = Metrics(self.scenario.farm.account)
        self.digest = Digest()
        for observer in (self.checker, self.metrics, self.digest):
            self.marketplace.observers.append(observer.observe)
        self.boots = Boots(self.scenario.boot, self.stream)
        self.loads = sampled(
            self.scenario.workload,
            self.scenario.duration_s,
            STEP_S,
            self.stream("load"),
            self.traces,
        )
        self.fleets: list[Fleet] = []
        self.hosts: dict[str, HostNode] = {}
        """By address."""
        self.robots: list[RobotNode] = []
        self.connections: dict[str, list[Connection]] = {}
        self.stale_until_ms = 0
        self.farm = self._make_farm(Manager(self._manager_config(loaded.scenario, policy)))

    # --- what the parts ask of the world ---

    @property
    def now_ms(self) -> int:
        return self.env.now_ms

    def stream(self, actor: str) -> Random:
        """Return the actor's own random stream: policies of one seed share every draw."""
        return Random(f"{self.seed}/{actor}")

    def connect(
        self,
        actor: str,
        node: Node,
        identity: Identity | None,
        subscriptions: list[Subscription],
        end: str,
    ) -> Connection:
        """Make a connection for ``node``; ``end`` names whom a partition would cut off."""
        connection = Connection(
            self.marketplace,
            self.scenario.network,
            node,
            self.stream(f"network/{actor}"),
            identity,
            subscriptions,
        )
        self.connections.setdefault(end, []).append(connection)
        return connection

    def ask(
        self, actor: str, identity: Identity | None, requests: list[Any]
    ) -> Generator[simpy.Event, Any, list[Any]]:
        """Process: send ``requests`` on a connection of their own, return their results."""
        node = RequestNode(self.env, requests)
        node.connection = self.connect(actor, node, identity, [], actor)
        node.connection.open()
        results: list[Any] = yield node.done
        node.connection.close()
        return results

    # --- the run ---

    def run(self) -> RunResult:
        """Run to the end and return what came of it. Raises `LawBrokenError`."""
        began_s = time.perf_counter()
        self.begin()
        self.env.run(until=self.end_ms)
        return self.result(time.perf_counter() - began_s)

    def begin(self) -> None:
        """Put everything in place; from then on SimPy alone moves the run."""
        gateway = self.marketplace.gateway
        operator = Identity(self.seed, OPERATOR)
        genesis = Genesis(exchange_config(self.scenario), operator.public_key)
        gateway.internal(genesis, self.now_ms)
        self.marketplace.start()
        self.env.process(self._set_up(operator))
        self.env.process(self._play())

    def stop_exchange(self) -> None:
        """The exchange's process is killed: every connection breaks."""
        self.marketplace.stop()
        for connections in self.connections.values():
            for connection in connections:
                connection.lose()

    def start_exchange(self) -> None:
        """It starts again from its journal, and must be what it was."""
        if not self.marketplace.up:
            self.marketplace.restart()
            self.checker.follow(self.marketplace.engine)

    @property
    def end_ms(self) -> int:
        """When everything has been given back and the last bill stands."""
        end_ms = self.scenario.start_ms + self.scenario.duration_s * MS_PER_SECOND
        return end_ms + 10 * MS_PER_MINUTE

    def result(self, real_s: float) -> RunResult:
        self.checker.finish()
        farm = self.scenario.farm
        service = Service(farm.unit_rps, farm.slo_util, farm.core_units, STEP_S * MS_PER_SECOND)
        units, need = buckets(service, self.loads, self.farm.ready, BUCKETS)
        found = quality(service, self.loads, self.farm.ready)
        return RunResult(
            policy=self.policy,
            seed=self.seed,
            metrics=self.metrics.values(found, self._accounts()),
            digest=self.digest.hex(),
            units=units,
            need=need,
            commands=self.marketplace.commands,
            virtual_s=(self.end_ms - self.scenario.start_ms + WARM_UP_MS) / MS_PER_SECOND,
            real_s=real_s,
        )

    # --- inside ---

    def _make_farm(self, manager: Manager) -> FarmNode:
        core_units = self.scenario.farm.core_units
        farm = FarmNode(self.env, manager, self._serving, core_units, self.scenario.start_ms)
        account = self.scenario.farm.account
        farm.connection = self.connect(
            account, farm, Identity(self.seed, account), [Subscription("account")], account
        )
        return farm

    def _manager_config(self, scenario: Scenario, policy: str) -> ManagerConfig:
        farm = scenario.farm
        web = StoredVm(name="web", image=IMAGE, vm_class=farm.class_, ports=(80,), backend="farm")
        return ManagerConfig(
            rules=rules_of(scenario, scenario.policy[policy]),
            library=(web,),
            vm_class=farm.class_,
            zone=farm.zone,
            unit_rps=farm.unit_rps,
            pricing=self.scenario.farm_pricing,
            core_units=farm.core_units,
        )

    def _serving(self, address: str, port: int) -> bool:
        host = self.hosts.get(address)
        return host is not None and host.serving(port)

    def _set_up(self, operator: Identity) -> Generator[simpy.Event, Any, None]:
        scenario = self.scenario
        sellers = [*scenario.seller, *trader_sellers(scenario)]
        deposits = {scenario.farm.account: scenario.farm.deposit}
        deposits.update({seller.name: seller.deposit for seller in sellers})
        yield from self.ask(OPERATOR, operator, account_requests(deposits, self.seed))
        stored = ImageStored(scenario.farm.account, IMAGE, IMAGE_BYTES, "bundle")
        self.marketplace.gateway.internal(stored, self.now_ms)
        assert self.farm.connection is not None
        self.farm.connection.open()
        self.fleets = [Fleet(self, seller, index) for index, seller in enumerate(sellers)]
        yield self.env.all_of([self.env.process(fleet.set_up()) for fleet in self.fleets])
        schedule(self)

    def _play(self) -> Generator[simpy.Event, Any, None]:
        """Feed the load, then end the run."""
        yield self.env.timeout(WARM_UP_MS)
        for load_rps in self.loads:
            self.farm.refresh()
            if self.now_ms >= self.stale_until_ms:
                self.farm.sample(load_rps)
            yield self.env.timeout(STEP_S * MS_PER_SECOND)
        self.farm.refresh()
        yield from wind_down(self)

    def _accounts(self) -> Accounts:
        totals = {
            name: row.available_ucr + row.held_ucr
            for name, row in self.marketplace.engine.balances().items()
        }
        sellers = [seller.name for seller in self.scenario.seller]
        return Accounts(
            farm_ucr=totals[self.scenario.farm.account],
            farm_deposit_ucr=ucr_from_credits(self.scenario.farm.deposit),
            sellers_ucr=sum(totals[name] for name in sellers),
            sellers_deposit_ucr=sum(ucr_from_credits(s.deposit) for s in self.scenario.seller),
            fees_ucr=totals["fees"],
        )
