"""A farm's part in a run: its Manager's settings, its load, and what came of it."""

from typing import Final, NamedTuple

from msgspec.structs import replace

from exchange.units import MIB, MS_PER_HOUR, MS_PER_SECOND, ucr_from_credits
from manager.core.farm import ManagerConfig
from manager.core.library import StoredVm
from sim.actors.farm import FarmNode
from sim.results.metrics import Accounts, Metrics, Prices
from sim.results.service import Service, quality
from sim.scenario.policy import rules_of
from sim.scenario.tables import Farm, Policy, Pricing, Scenario

STEP_S: Final = 10
"""How often the balancer's load is read."""
IMAGE: Final = "5e" * 32
"""The digest of the stored VM that the farms run; simulated hosts do not look inside."""

IMAGE_MIB: Final = 8
"""The size of an image whose transfer takes no time."""


class Sellers(NamedTuple):
    """What all sellers own at the end and owned at the start, and the exchange's fees, in ucr."""

    owned_ucr: int
    deposit_ucr: int
    fees_ucr: int


class Buyer(NamedTuple):
    """``policy`` is the farm's own; ``loads``: its load at every `STEP_S`."""

    farm: Farm
    policy: Policy
    node: FarmNode
    loads: list[float]
    metrics: Metrics

    @property
    def service(self) -> Service:
        farm = self.farm
        return Service(farm.unit_rps, farm.slo_util, farm.core_units, STEP_S * MS_PER_SECOND)

    def measured(self, scenario: Scenario, owned_ucr: int, sellers: Sellers) -> dict[str, float]:
        """Return the farm's metrics; ``owned_ucr`` is what it has at the end."""
        hours = scenario.duration_s * MS_PER_SECOND / MS_PER_HOUR
        prices = Prices(
            spare_unit_hours=self.policy.spares * hours,
            spare_unit_hour=scenario.spares.cost_per_unit_hour,
            million_violated=scenario.slo.credits_per_million_violated,
        )
        deposit_ucr = ucr_from_credits(self.farm.deposit)
        accounts = Accounts(owned_ucr, deposit_ucr, *sellers)
        return self.metrics.values(
            quality(self.service, self.loads, self.node.ready), accounts, prices
        )


def image_bytes(scenario: Scenario) -> int:
    """Return the size of the stored VM."""
    return (scenario.boot.image_mib or IMAGE_MIB) * MIB


def manager_config(view: Scenario, policy: Policy, pricing: Pricing) -> ManagerConfig:
    """Return what the Manager of the first farm of ``view`` goes by under ``policy``.

    ``pricing`` is that of the market the farm buys in, which may be a cloud's.
    """
    farm = view.farm
    rules = rules_of(view, policy)
    named = dict.fromkeys(["web", *(rule.vm for rule in rules if rule.vm is not None)])
    web = StoredVm(name="web", image=IMAGE, vm_class=farm.class_, ports=(80,), backend="farm")
    return ManagerConfig(
        rules=rules,
        library=tuple(replace(web, name=name) for name in named),
        vm_class=farm.class_,
        zone=farm.zone,
        unit_rps=farm.unit_rps,
        pricing=pricing,
        core_units=farm.core_units + policy.spares,
    )
