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
from exchange.units import MS_PER_MINUTE, MS_PER_SECOND, ucr_from_credits
from manager.core.core import Manager
from manager.core.farm import ManagerConfig
from sim.network.identity import Identity
from sim.network.marketplace import Digest
from sim.results.best_ask import BestAsk
from sim.results.cloud_bill import CloudBill
from sim.results.farm_metrics import FarmMetrics
from sim.results.metrics import Metrics
from sim.results.report import RunResult
from sim.results.service import buckets
from sim.results.timeline import Traded, timeline
from sim.run.buyer import IMAGE, STEP_S, Buyer, Sellers, image_bytes, manager_config
from sim.run.fault import Faults
from sim.run.opening import OPERATOR, account_requests, exchange_config
from sim.run.participant import Participant, trader_sellers
from sim.run.record import recorders_of, recordings_of
from sim.run.stage import WARM_UP_MS, Stage
from sim.run.winddown import wind_down
from sim.scenario.drawn import drawn
from sim.scenario.farms import policy_of, views
from sim.scenario.file import Loaded
from sim.scenario.loads import farm_loads
from sim.scenario.policy import market_of, sells_windows
from sim.scenario.tables import Farm, Policy, Pricing, Scenario

ASKS_STAND_MS = 30 * MS_PER_SECOND
"""So long after they were set up all sellers have listed what they sell."""
BUCKETS = 48
"""Into how many parts the units over time are averaged for the report."""


class World:
    """Build it, `run` it once, read the result."""

    def __init__(
        self,
        loaded: Loaded,
        policy: str,
        seed: int,
        keep_rows: bool = False,
        record: bool = False,
        leaves_out: bool = True,
    ) -> None:
        """``leaves_out``: heartbeats that tell nothing are worked out; see `Marketplace`."""
        loaded = drawn(loaded, seed)
        self.policy = policy
        self.table = loaded.scenario.policy[policy]
        self.scenario = market_of(loaded.scenario, self.table)
        managers = self._managers(loaded.scenario)
        first, *others = managers
        self.stage = Stage(
            self.scenario,
            loaded.traces,
            seed,
            Manager(first),
            first.core_units,
            keep_rows,
            loaded.check,
            leaves_out,
        )
        for farm, config in zip(self.scenario.farms[1:], others, strict=True):
            self.stage.add_farm(farm, Manager(config), config.core_units)
        self.faults = Faults(self.stage)
        self.accounts_open = False
        """Can everybody log in?"""
        self.may_be_copied = False
        """Does nothing wait but plain calls? Processes, as at begin and end, have no copy."""
        self.buyers = self._buyers(loaded)
        self.digest = Digest()
        self.traded = Traded(self.scenario.start_ms, self.scenario.duration_s * MS_PER_SECOND)
        self.stage.marketplace.observers += [
            FarmMetrics({one.farm.account: one.metrics for one in self.buyers}, self.asks).observe,
            self.digest.observe,
            self.traded.observe,
        ]
        self.recorders = recorders_of(self.stage, self.scenario, self.buyers) if record else []

    @property
    def loads(self) -> list[float]:
        """Return the first farm's load at every `STEP_S`."""
        return self.buyers[0].loads

    def _policy(self, farm: Farm, scenario: Scenario) -> Policy:
        return scenario.policy[policy_of(farm, self.policy)]

    def _managers(self, scenario: Scenario) -> list[ManagerConfig]:
        """Return the settings of each farm's Manager, in the order of the farms that take part."""
        seen = {view.farm.account: view for view in views(scenario)}
        cloud: Pricing | None = None if self.table.tariff is None else "flat"
        return [
            manager_config(view, self._policy(farm, scenario), cloud or view.farm_pricing)
            for farm in self.scenario.farms
            for view in [seen[farm.account]]
        ]

    def _buyers(self, loaded: Loaded) -> list[Buyer]:
        start_ms, scenario, tariff = self.scenario.start_ms, loaded.scenario, self.table.tariff
        over_ms = start_ms + self.scenario.duration_s * MS_PER_SECOND
        self.asks = BestAsk()
        return [
            Buyer(
                farm,
                self._policy(farm, scenario),
                self.stage.farms[farm.account],
                farm_loads(scenario, farm, STEP_S, self.stage.stream, loaded.traces),
                Metrics(
                    start_ms,
                    over_ms,
                    self.asks,
                    None if tariff is None else CloudBill(tariff, over_ms),
                ),
            )
            for farm in self.scenario.farms
        ]

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
        stage.env.call_in(WARM_UP_MS, self._play, 0)

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
        first = self.buyers[0]
        units, need = buckets(first.service, first.loads, first.node.ready, BUCKETS)
        farms = self._measured()
        return RunResult(
            policy=self.policy,
            seed=self.stage.seed,
            metrics=farms[first.farm.account],
            digest=self.digest.hex(),
            units=units,
            need=need,
            commands=self.stage.marketplace.commands,
            virtual_s=(self.end_ms - self.scenario.start_ms + WARM_UP_MS) / MS_PER_SECOND,
            real_s=real_s,
            timeline=timeline(
                first.service, first.loads, first.node.ready, self.traded, first.node.fired
            ),
            farms=farms if len(farms) > 1 else {},
            recordings=recordings_of(self.recorders, self.buyers),
        )

    def _set_up(self, operator: Identity) -> Generator[simpy.Event, Any, None]:
        stage, scenario = self.stage, self.scenario
        sellers = [*scenario.seller, *trader_sellers(scenario)]
        deposits = {farm.account: farm.deposit for farm in scenario.farms}
        deposits.update({seller.name: seller.deposit for seller in sellers})
        yield from stage.ask(OPERATOR, operator, account_requests(deposits, stage.seed))
        self.accounts_open = True
        for account in stage.farms:
            stored = ImageStored(account, IMAGE, image_bytes(scenario), "bundle")
            stage.marketplace.gateway.internal(stored, stage.now_ms)
        if not sells_windows(scenario):
            self._open_farms()
        participants = [Participant(stage, table, index) for index, table in enumerate(sellers)]
        yield stage.env.all_of([stage.env.process(each.set_up()) for each in participants])
        self.faults.schedule()
        if sells_windows(scenario):
            # Who buys ahead does so at once, and shall find the sellers' asks.
            yield stage.env.timeout(ASKS_STAND_MS)
            self._open_farms()
        self.may_be_copied = True

    def _open_farms(self) -> None:
        for farm in self.stage.farms.values():
            assert farm.connection is not None
            farm.connection.open()

    def _play(self, step: int) -> None:
        """Feed the load of a step, then of the next; behind the last end the run."""
        stage = self.stage
        for buyer in self.buyers:
            buyer.node.refresh()
            if step < len(self.loads) and not stage.metrics_stale:
                buyer.node.sample(buyer.loads[step])
        if step < len(self.loads):
            stage.env.call_in(STEP_S * MS_PER_SECOND, self._play, step + 1)
            return
        self.faults.end_all()
        self.may_be_copied = False
        stage.env.process(wind_down(stage))

    def _measured(self) -> dict[str, dict[str, float]]:
        """Return every farm's metrics, by account."""
        totals = {
            name: row.available_ucr + row.held_ucr
            for name, row in self.stage.marketplace.engine.balances().items()
        }
        tables = self.scenario.seller
        sellers = Sellers(
            owned_ucr=sum(totals[seller.name] for seller in tables),
            deposit_ucr=sum(ucr_from_credits(seller.deposit) for seller in tables),
            fees_ucr=totals["fees"],
        )
        return {
            buyer.farm.account: buyer.measured(self.scenario, totals[buyer.farm.account], sellers)
            for buyer in self.buyers
        }
