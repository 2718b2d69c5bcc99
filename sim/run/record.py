"""What keeps a run from moment to moment, when somebody wants it: a recorder for each farm."""

from exchange.units import MS_PER_SECOND
from sim.results.recording import Recorder, Recording
from sim.run.buyer import Buyer
from sim.run.stage import Stage
from sim.scenario.farms import views
from sim.scenario.tables import Scenario


def recorders_of(stage: Stage, scenario: Scenario, buyers: list[Buyer]) -> list[Recorder]:
    """Return a recorder for each of ``buyers``, which watch from now on.

    ``scenario`` is what the run plays: under a cloud, with the cloud in place of the market.
    """
    seen = {view.farm.account: view for view in views(scenario)}
    return [_recorder_of(stage, seen[buyer.farm.account], buyer) for buyer in buyers]


def _recorder_of(stage: Stage, scenario: Scenario, buyer: Buyer) -> Recorder:
    farm, pricing = scenario.farm, scenario.farm_pricing
    symbol = f"{farm.class_}.{farm.zone}.{pricing}.spot"
    duration_ms = scenario.duration_s * MS_PER_SECOND
    recorder = Recorder(farm.account, symbol, scenario.start_ms, duration_ms)
    stage.marketplace.observers.append(recorder.observe)
    buyer.node.record()
    return recorder


def recordings_of(recorders: list[Recorder], buyers: list[Buyer]) -> dict[str, Recording]:
    """Return what was recorded, by account: nothing when nobody wanted it."""
    found: dict[str, Recording] = {}
    for recorder, buyer in zip(recorders, buyers, strict=False):
        log = buyer.node.log
        assert log is not None, "a recorder begins it"
        found[buyer.farm.account] = recorder.recording(
            buyer.service, buyer.loads, buyer.node.ready, buyer.metrics.bill, log.entries
        )
    return found
