"""The loads of all farms, whose peaks may coincide or not: ``load_correlation``. Pure.

    noise  each farm's is sqrt(c) of one that all share and sqrt(1 - c) of its own, so that c is
           the correlation between any two of them
    peaks  each farm's load but the first one's is moved by up to half the run either way, times
           1 - c, and what leaves the run at one end comes in at the other

Without the key every load stands as it is written, with noise of its own. Every farm draws from
streams of its own name: one farm more changes no other's load.

Source: scenario.md, "Several farms".
"""

import math
from collections.abc import Callable
from random import Random

from sim.scenario.tables import Farm, Scenario
from sim.scenario.workload import Series, noisy_load, sampled

Stream = Callable[[str], Random]
"""The random stream of a name."""


class SharedNoise:
    """Normal noise of which ``share`` is the correlation with everybody else's of a run."""

    def __init__(self, share: float, common: Random, own: Random) -> None:
        self._common_part, self._own_part = math.sqrt(share), math.sqrt(1 - share)
        self._common, self._own = common, own
        self._shared = 0.0

    def step(self) -> None:
        """A new moment: what is shared is drawn once, however many parts a load has."""
        self._shared = self._common.gauss(0.0, 1.0)

    def gauss(self, mu: float, sigma: float) -> float:
        own = self._own.gauss(0.0, 1.0)
        return mu + sigma * (self._common_part * self._shared + self._own_part * own)


def farm_loads(
    scenario: Scenario, farm: Farm, step_s: int, stream: Stream, traces: dict[str, Series]
) -> list[float]:
    """Return the load of ``farm`` at 0, ``step_s``, ... with its noise."""
    first = farm.account == scenario.farm.account
    workload = farm.workload or scenario.workload
    own = stream("load" if first else f"load/{farm.account}")
    share = scenario.load_correlation
    if share is None:
        return sampled(workload, scenario.duration_s, step_s, own, traces)
    noise = SharedNoise(share, stream("load/common"), own)
    moved_s = 0.0 if first else _moved_s(scenario, share, stream(f"peak/{farm.account}"))
    loads: list[float] = []
    for at_s in range(0, scenario.duration_s, step_s):
        noise.step()
        there_s = (at_s - moved_s) % scenario.duration_s if moved_s else at_s
        loads.append(noisy_load(workload, there_s, noise, traces))
    return loads


def _moved_s(scenario: Scenario, share: float, random: Random) -> float:
    return (1 - share) * random.uniform(-0.5, 0.5) * scenario.duration_s
