"""A Manager that acts in an account's place: a scenario's policy on a scenario's load."""

from collections.abc import Callable, Generator
from random import Random
from typing import Any

import simpy
from msgspec import Struct

from exchange.model.commands import ImageStored
from exchange.units import MS_PER_SECOND
from exchange.wire.admin_requests import AdminKey
from manager.core.core import Manager
from sim.actors.farm import FarmNode
from sim.network.connection import Connection, Subscription
from sim.network.identity import Identity
from sim.record.second import Second
from sim.results.service import Quality, Service, quality
from sim.run.buyer import IMAGE, STEP_S, image_bytes, manager_config
from sim.scenario.file import Loaded
from sim.scenario.policy import farm_symbol
from sim.scenario.workload import sampled

KEY_ID = "simulated"


class Instead(Struct, frozen=True):
    """``policy`` is the name of one in the scenario, whose load the Manager sees."""

    loaded: Loaded
    policy: str

    @property
    def symbol(self) -> str:
        """What the Manager buys."""
        return farm_symbol(self.loaded.scenario)

    def begins_ms(self, first_ms: int, last_ms: int) -> int:
        """Return when the load begins: at the scenario's start if the recording has that time."""
        start_ms = self.loaded.scenario.start_ms
        return start_ms if first_ms <= start_ms < last_ms else first_ms

    def loads(self, first_ms: int, last_ms: int) -> list[float]:
        """Return the load for every `STEP_S` from its begin to the recording's end."""
        scenario, traces = self.loaded.scenario, self.loaded.traces
        span_s = (last_ms - self.begins_ms(first_ms, last_ms)) // MS_PER_SECOND
        random = Random(f"{scenario.seed}/load")
        return sampled(scenario.farm.workload or scenario.workload, span_s, STEP_S, random, traces)


class ActsInstead:
    """The Manager of ``account``, from its first moment there."""

    def __init__(
        self,
        second: Second,
        account: str,
        instead: Instead,
        serving: Callable[[str, int], bool],
        begins_ms: int,
        loads: list[float],
    ) -> None:
        """``loads`` come from ``begins_ms`` on."""
        env = second.marketplace.env
        scenario = instead.loaded.scenario
        config = manager_config(scenario, scenario.policy[instead.policy], scenario.farm_pricing)
        self._second = second
        self._instead = instead
        self._account = account
        self._loads = loads
        self._identity = Identity(scenario.seed, f"instead of {account}")
        self._farm = FarmNode(env, Manager(config), serving, config.core_units, env.now_ms)
        self._farm.connection = Connection(
            second.marketplace,
            scenario.network,
            self._farm,
            Random(f"{scenario.seed}/network/{account}"),
            self._identity,
            [Subscription("account")],
        )
        env.process(self._watch(begins_ms - env.now_ms))

    def begin(self) -> None:
        """Give the account a key and a stored VM, and let the Manager log in."""
        key = self._identity.public_key
        self._second.ask(
            AdminKey(req_id=1, account=self._account, key_id=KEY_ID, public_key=key, role="trader")
        )
        size = image_bytes(self._instead.loaded.scenario)
        self._second.ask(ImageStored(self._account, IMAGE, size, "bundle"))
        assert self._farm.connection is not None
        self._farm.connection.open()

    def _watch(self, wait_ms: int) -> Generator[simpy.Event, Any, None]:
        env = self._second.marketplace.env
        yield env.timeout(wait_ms)
        for load_rps in self._loads:
            self._farm.sample(load_rps)
            yield env.timeout(STEP_S * MS_PER_SECOND)


def served(
    instead: Instead, loads: list[float], ready: list[tuple[int, int]], behind_ms: int
) -> Quality:
    """Return how well the farm's own units and ``ready`` rented ones served the load, which began
    ``behind_ms`` after the recording."""
    farm = instead.loaded.scenario.farm
    own = farm.core_units + instead.loaded.scenario.policy[instead.policy].spares
    service = Service(farm.unit_rps, farm.slo_util, own, STEP_S * MS_PER_SECOND)
    return quality(service, loads, [(at_ms - behind_ms, own + units) for at_ms, units in ready])
