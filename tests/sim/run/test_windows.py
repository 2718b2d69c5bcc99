"""Hours that are sold ahead: listed by a seller, bought by ``forward``, delivered at their hour."""

from pathlib import Path

import pytest

from exchange.model.commands import Command, Out
from exchange.wire.frames import LeaseUpdate
from sim.run.world import World
from sim.scenario.policy import warnings
from tests.sim.scenes import RULES, outcome, scene, world

SELLER = 'delivery = ["spot", "window"]'
AHEAD = """
[policy.ahead]
[[policy.ahead.rule]]
name = "evening"
at = "daily {hours}"
do = "buy to 4"
forward = true
price_max = 0.05
"""


def played(folder: Path, hours: str, duration_s: int, seller: str = SELLER) -> World:
    """Return a run from 00:55 on of a farm that buys ``hours``, of windows 3 h ahead."""
    text = scene("[windows]\nhours_ahead = 3\n", duration_s, AHEAD.format(hours=hours))
    text = text.replace("T00:00:00Z", "T00:55:00Z").replace("sd_s = 10", "sd_s = 0")
    return world(folder, text.replace("jitter = 0.1", seller), "ahead")


class Seen:
    """What became of the farm's windows, and when: seconds since the scenario's start."""

    def __init__(self, run: World) -> None:
        self._start_ms = run.scenario.start_ms
        self.bought_s: list[float] = []
        self.active_s: list[float] = []
        self.ended_s: list[float] = []
        run.stage.marketplace.observers.append(self.note)

    def note(self, command: Command, outs: list[Out], now_ms: int) -> None:
        at_s = (now_ms - self._start_ms) / 1000
        for address, event in outs:
            if address == "shop" and isinstance(event, LeaseUpdate):
                assert not event.symbol.endswith("spot"), "the hour is had: no spot beside it"
                steps = {"granted": self.bought_s, "active": self.active_s, "ended": self.ended_s}
                if event.state in steps:
                    steps[event.state].append(at_s)


def test_a_window_that_was_bought_ahead_is_delivered_at_its_hour(tmp_path: Path) -> None:
    run = played(tmp_path, "01:00-02:00", 4200)
    seen = Seen(run)
    found = run.run().metrics
    assert seen.bought_s
    assert max(seen.bought_s) < 0, "as soon as it is listed"
    assert set(seen.active_s) == {300.0}
    assert set(seen.ended_s) == {3900.0}
    served = [at_ms / 1000 for at_ms, units in run.stage.farm.ready if units == 6]
    assert served[0] == pytest.approx(342, abs=4), "a boot after the hour began"
    assert found["peak_units"] == 4
    assert found["price_mean"] == 0.035
    # The wait for the launch and the boot, 40 s of the hour, is not billed.
    assert found["cost"] == pytest.approx(4 * 0.035 * 3560 / 3600, rel=0.002)
    assert found["boot_p95_s"] == pytest.approx(42, abs=4)


def test_from_one_hour_to_the_next_the_guests_serve_on(tmp_path: Path) -> None:
    """The exchange's word that the next hour follows is under way when the first one ends."""
    run = played(tmp_path, "01:00-03:00", 4200)
    seen = Seen(run)
    run.run()
    assert set(seen.active_s) == {300.0, 3900.0}
    served = [(at_ms / 1000, units) for at_ms, units in run.stage.farm.ready]
    first_s = next(at_s for at_s, units in served if units == 6)
    assert [units for at_s, units in served if first_s < at_s < 4200] == []


def test_an_hour_behind_the_end_is_owed_apart(tmp_path: Path) -> None:
    """Given back before it began: the run's cost has nothing of it, the wind-down all."""
    run = played(tmp_path, "02:00-03:00", 600)
    seen = Seen(run)
    found = run.run().metrics
    assert len(seen.bought_s) > 0
    assert seen.active_s == []
    assert found["cost"] == 0
    assert found["wind_down_cost"] == pytest.approx(4 * 0.035)
    assert found["peak_units"] == 0


def test_spot_and_windows_share_the_hosts(tmp_path: Path) -> None:
    """A farm on spot and one that bought the hour ahead: together never more than there is."""
    text = scene("[windows]\nhours_ahead = 1\n", 1500, AHEAD.format(hours="01:00-02:00") + RULES)
    text = text.replace("T00:00:00Z", "T00:55:00Z").replace("jitter = 0.1", SELLER)
    text = text.replace("[farm]", "[[farm]]").replace(
        "[workload]", '[[farm]]\naccount = "early"\npolicy = "ahead"\n[workload]'
    )
    found = outcome(tmp_path, text)
    assert found.farms["early"]["peak_units"] == 4, "firm, whatever spot does"
    assert 0 < found.metrics["peak_units"] <= 8


def test_without_windows_the_hours_are_bought_on_spot_and_the_loader_says_so(
    tmp_path: Path,
) -> None:
    run = played(tmp_path, "01:00-02:00", 600, seller="")
    assert warnings(run.scenario) == [
        "policy.ahead: rule 'evening': forward: the scenario has no windows: "
        "its hours are bought on spot"
    ]
    assert run.run().metrics["peak_units"] == 4
    assert warnings(played(tmp_path, "01:00-02:00", 600).scenario) == []
