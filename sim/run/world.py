"""One run: a scenario, a policy and a seed become actors on a virtual network, and a result.

Everything that decides is the product's own code; this module only introduces the parts to each
other. Ten minutes before the scenario's start the exchange opens, hosts enroll and sellers list, so
that the market stands when the load begins. After the end everything is given back, so that the
last bill is the same however the run was paced.
"""

import time
from collections.abc import Generator
from typing import Any

import simpy

from exchange.model.commands import Genesis, ImageStored
from exchange.units import MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND, ucr_from_credits
from manager.core.core import Manager
from manager.core.farm import ManagerConfig
from manager.core.library import StoredVm
from sim.network.identity import Identity
from sim.network.marketplace import Digest
from sim.results.cloud_bill import CloudBill
from sim.results.metrics import Accounts, Metrics, Prices
from sim.results.report import RunResult
from sim.results.service import Service, buckets, quality
from sim.results.timeline import Traded, timeline
from sim.run.fault import Faults
from sim.run.opening import OPERATOR, account_requests, exchange_config
from sim.run.participant import Participant, trader_sellers
from sim.run.stage import WARM_UP_MS, Stage
from sim.run.winddown import wind_down
from sim.scenario.file import Loaded
from sim.scenario.policy import market_of, rules_of
from sim.scenario.tables import Pricing, Scenario
from sim.scenario.workload import sampled

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
        self.policy = policy
        self.table = loaded.scenario.policy[policy]
        self.scenario = market_of(loaded.scenario, self.table)
        config = _manager_config(loaded.scenario, policy, self.scenario.farm_pricing)
        self.stage = Stage(
            self.scenario, loaded.traces, seed, Manager(config), config.core_units, keep_rows
        )
        self.faults = Faults(self.stage)
        duration_ms = self.scenario.duration_s * MS_PER_SECOND
        over_ms = self.scenario.start_ms + duration_ms
        bill = CloudBill(self.table.tariff, over_ms) if self.table.tariff is not None else None
        account = self.scenario.farm.account
        self.metrics = Metrics(account, self.scenario.start_ms, over_ms, bill)
        self.digest = Digest()
        self.traded = Traded(self.scenario.start_ms, duration_ms)
        self.stage.marketplace.observers += [
            self.metrics.observe,
            self.digest.observe,
            self.traded.observe,
        ]
        self.loads = sampled(
            self.scenario.workload,
            self.scenario.duration_s,
            STEP_S,
            self.stage.stream("load"),
            loaded.traces,
        )

    def run(self) -> RunResult:
        """Run to the end and return what came of it. Raises `LawBrokenError`."""
        began_s = time.perf_counter()
        self.begin()
        self.stage.env.run(until=self.end_ms)
        return self.result(time.perf_counter() - began_s)

    def begin(self) -> None:
        """Put everything in place; from then on SimPy alone moves the run."""
        stage = self.stage
        operator = Identity(stage.seed, OPERATOR)
        genesis = Genesis(exchange_config(self.scenario), operator.public_key)
        stage.marketplace.gateway.internal(genesis, stage.now_ms)
        stage.marketplace.start()
        stage.env.process(self._set_up(operator))
        stage.env.process(self._play())

    @property
    def at_s(self) -> float:
        """Return how far the run is: virtual seconds since the scenario's start."""
        return (self.stage.now_ms - self.scenario.start_ms) / MS_PER_SECOND

    @property
    def end_ms(self) -> int:
        """When everything has been given back and the last bill stands."""
        end_ms = self.scenario.start_ms + self.scenario.duration_s * MS_PER_SECOND
        return end_ms + 10 * MS_PER_MINUTE

    def result(self, real_s: float) -> RunResult:
        self.stage.checker.finish()
        farm = self.scenario.farm
        service = Service(farm.unit_rps, farm.slo_util, farm.core_units, STEP_S * MS_PER_SECOND)
        units, need = buckets(service, self.loads, self.stage.farm.ready, BUCKETS)
        found = quality(service, self.loads, self.stage.farm.ready)
        return RunResult(
            policy=self.policy,
            seed=self.stage.seed,
            metrics=self.metrics.values(found, self._accounts(), self._prices()),
            digest=self.digest.hex(),
            units=units,
            need=need,
            commands=self.stage.marketplace.commands,
            virtual_s=(self.end_ms - self.scenario.start_ms + WARM_UP_MS) / MS_PER_SECOND,
            real_s=real_s,
            timeline=timeline(
                service, self.loads, self.stage.farm.ready, self.traded, self.stage.farm.fired
            ),
        )

    def _set_up(self, operator: Identity) -> Generator[simpy.Event, Any, None]:
        stage, scenario = self.stage, self.scenario
        sellers = [*scenario.seller, *trader_sellers(scenario)]
        deposits = {scenario.farm.account: scenario.farm.deposit}
        deposits.update({seller.name: seller.deposit for seller in sellers})
        yield from stage.ask(OPERATOR, operator, account_requests(deposits, stage.seed))
        stored = ImageStored(scenario.farm.account, IMAGE, IMAGE_BYTES, "bundle")
        stage.marketplace.gateway.internal(stored, stage.now_ms)
        assert stage.farm.connection is not None
        stage.farm.connection.open()
        participants = [Participant(stage, table, index) for index, table in enumerate(sellers)]
        yield stage.env.all_of([stage.env.process(each.set_up()) for each in participants])
        self.faults.schedule()

    def _play(self) -> Generator[simpy.Event, Any, None]:
        """Feed the load, then end the run."""
        stage = self.stage
        yield stage.env.timeout(WARM_UP_MS)
        for load_rps in self.loads:
            stage.farm.refresh()
            if not stage.metrics_stale:
                stage.farm.sample(load_rps)
            yield stage.env.timeout(STEP_S * MS_PER_SECOND)
        stage.farm.refresh()
        self.faults.end_all()
        yield from wind_down(stage)

    def _prices(self) -> Prices:
        scenario = self.scenario
        return Prices(
            spare_unit_hours=self.table.spares * scenario.duration_s * MS_PER_SECOND / MS_PER_HOUR,
            spare_unit_hour=scenario.spares.cost_per_unit_hour,
            million_violated=scenario.slo.credits_per_million_violated,
        )

    def _accounts(self) -> Accounts:
        totals = {
            name: row.available_ucr + row.held_ucr
            for name, row in self.stage.marketplace.engine.balances().items()
        }
        sellers = [seller.name for seller in self.scenario.seller]
        return Accounts(
            farm_ucr=totals[self.scenario.farm.account],
            farm_deposit_ucr=ucr_from_credits(self.scenario.farm.deposit),
            sellers_ucr=sum(totals[name] for name in sellers),
            sellers_deposit_ucr=sum(ucr_from_credits(s.deposit) for s in self.scenario.seller),
            fees_ucr=totals["fees"],
        )


def _manager_config(scenario: Scenario, policy: str, pricing: Pricing) -> ManagerConfig:
    """``pricing`` is that of the market the policy buys in, which may be a cloud's."""
    farm = scenario.farm
    web = StoredVm(name="web", image=IMAGE, vm_class=farm.class_, ports=(80,), backend="farm")
    return ManagerConfig(
        rules=rules_of(scenario, scenario.policy[policy]),
        library=(web,),
        vm_class=farm.class_,
        zone=farm.zone,
        unit_rps=farm.unit_rps,
        pricing=pricing,
        core_units=farm.core_units + scenario.policy[policy].spares,
    )
