"""What keeps a run from moment to moment, when somebody wants it: of the first farm."""

from exchange.units import MS_PER_SECOND
from sim.results.recording import Recorder, Recording
from sim.run.buyer import Buyer
from sim.run.stage import Stage
from sim.scenario.tables import Pricing, Scenario


def recorder_of(stage: Stage, scenario: Scenario, buyer: Buyer, pricing: Pricing) -> Recorder:
    """Return a recorder that watches from now on; ``pricing`` is what the farm buys."""
    farm = buyer.farm
    symbol = f"{farm.class_}.{farm.zone}.{pricing}.spot"
    duration_ms = scenario.duration_s * MS_PER_SECOND
    recorder = Recorder(farm.account, symbol, scenario.start_ms, duration_ms)
    stage.marketplace.observers.append(recorder.observe)
    buyer.node.record()
    return recorder


def recording_of(recorder: Recorder | None, buyer: Buyer) -> Recording | None:
    """Return what was recorded, None when nobody wanted it."""
    log = buyer.node.log
    if recorder is None or log is None:
        return None
    return recorder.recording(
        buyer.service, buyer.loads, buyer.node.ready, buyer.metrics.bill, log.entries
    )
