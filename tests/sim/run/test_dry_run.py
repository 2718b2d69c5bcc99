"""A dry run and a simulated run of the same rules decide the same at the same seconds.

Both drive the Manager's core. The simulator's market is made as the dry run's: enough units at one
price, boots that take as long as each other, no noise and no network in between.
"""

from pathlib import Path

import pytest

from manager.core.dry_run import dry_run, fired_of
from manager.core.farm import ManagerConfig
from sim.run.buyer import STEP_S
from sim.run.world import World
from sim.scenario.policy import rules_of
from tests.sim.scenes import scene, world

BOOT_S = 40
POLICIES = """
[policy.tracking]
track = {target = 70, stabilise_down = "2m", price_max = 0.10, max_units = 8}
[policy.predictive]
predict = {target = 70, stabilise_down = "2m", window = "2m", price_max = 0.10, max_units = 8}
[policy.hours]
[[policy.hours.rule]]
name = "hours"
at = "daily 00:05-00:12"
do = "buy to 5"
price_max = 0.10
"""


def ideal(folder: Path, policy: str) -> World:
    text = scene(POLICIES).replace("noise = 0.02", "noise = 0.0")
    text = text.replace("mean_s = 40\nsd_s = 10\nmin_s = 20", f"mean_s = {BOOT_S}\nsd_s = 0")
    text = text.replace("jitter = 0.1", "jitter = 0.0")
    return world(folder, text + "\n[network]\nlatency_ms = 0\njitter_ms = 0\n", policy)


@pytest.mark.parametrize("policy", ["threshold", "tracking", "predictive", "hours"])
def test_the_same_decisions_at_the_same_seconds(tmp_path: Path, policy: str) -> None:
    simulated = ideal(tmp_path, policy)
    simulated.run()
    scenario = simulated.scenario
    config = ManagerConfig(
        rules=rules_of(scenario, scenario.policy[policy]),
        library=[],
        vm_class="small",
        zone="eu-de",
        unit_rps=scenario.farm.unit_rps,
        core_units=scenario.farm.core_units,
    )
    samples = [(n * STEP_S * 1000, load) for n, load in enumerate(simulated.loads)]
    # The simulated balancer probes a guest every second.
    dry = dry_run(config, samples, (BOOT_S + 1) * 1000, scenario.start_ms)
    lines = [fired_of((at_ms, text, 0)) for at_ms, text in simulated.stage.farm.fired]
    found = [(int(one.t_s), one.rule, one.what) for one in lines if one is not None]
    assert found == [(int(one.t_s), one.rule, one.what) for one in dry.fired]
    assert len(found) >= 2
