"""A limit on units holds in an outage; those of silent hosts are rented still, and not counted."""

from pathlib import Path

from exchange.model.commands import Command, Out
from exchange.wire.frames import LeaseUpdate, Notice
from sim.run.world import World
from tests.sim.scenes import loaded, scene

MOST = 8
OUTAGE = """
[[fault]]
kind = "host_crash"
at_s = 500
for_s = 600
seller = "uni-lab"
hosts = 14
"""


class Counted:
    """What counts for ``max_units``, from the frames alone: rented, and the host not silent."""

    def __init__(self) -> None:
        self._units: dict[str, int] = {}
        self._silent: set[str] = set()
        self.most = self.most_rented = 0

    def observe(self, command: Command, outs: list[Out], now_ms: int) -> None:
        for address, event in outs:
            if address == "shop" and isinstance(event, LeaseUpdate):
                self._units[event.lease_id] = 0 if event.state == "ended" else event.units
            elif address == "shop" and isinstance(event, Notice) and event.lease_id:
                if event.kind == "host_silent":
                    self._silent.add(event.lease_id)
                elif event.kind == "host_back":
                    self._silent.discard(event.lease_id)
        live = {lease: units for lease, units in self._units.items() if lease not in self._silent}
        self.most = max(self.most, sum(live.values()))
        self.most_rented = max(self.most_rented, sum(self._units.values()))


def test_replacements_that_fall_silent_too_are_replaced_within_the_limit(tmp_path: Path) -> None:
    """Of 16 hosts 14 die at once and are found out one after the other: what replaces the units of
    the first is rented from one that is dead already, and is replaced as well."""
    told = loaded(tmp_path, scene(OUTAGE).replace("hosts = 3\nhost", "hosts = 16\nhost"))
    rented = []
    for seed in range(23, 29):
        world, counted = World(told, "threshold", seed), Counted()
        world.stage.marketplace.observers.append(counted.observe)
        assert world.run().metrics["peak_units"] == counted.most_rented
        assert counted.most == MOST
        rented.append(counted.most_rented)
    assert max(rented) > 2 * MOST, "those that fell silent are rented until they are lost"
