"""How much of an idle server a residual seller sells: `python -m bench.residual TRACE.csv`.

A Manager sells what the owner's work leaves of servers whose load is a trace, to a buyer who takes
all there is: the real exchange, host core and selling core in virtual time. Prints the share of
idle capacity sold; a broken promise (sold above the threshold, no notice) is exit 1.
"""

import argparse
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import simpy
from msgspec import Struct

from exchange.model.commands import Command, Out
from exchange.units import MS_PER_SECOND
from exchange.wire.frames import Notice
from exchange.wire.terms import RECALL_NOTICE_MS
from sim.results.checker import LawBrokenError
from sim.run.stage import WARM_UP_MS
from sim.run.world import World
from sim.scenario.file import load
from sim.scenario.workload import load_at

LOOK_S: Final = 10
LATE_S: Final = 60 + 30 + 15
"""An offer closes when the load has been above its threshold for a minute, seen every 30 s."""
SELLER: Final = "owner"
BELOW_PCT: Final = 10

SCENARIO: Final = """
schema = 1
title = "Residual seller"
seed = 1
runs = 1
duration_s = {duration_s}
start = 2026-11-23T00:00:00Z
[network]
latency_ms = 20
jitter_ms = 5
[[zone]]
name = "eu-de"
[farm]
account = "buyer"
zone = "eu-de"
class = "small"
core_units = 0
unit_rps = 1000000
deposit = 1000000.0
[workload]
kind = "profile"
points = [[0, 1], [{duration_s}, 1]]
[boot]
mean_s = 30
sd_s = 5
min_s = 20
fail = 0.0
[[seller]]
name = "owner"
hosts = {hosts}
manager = true
price = 0.02
offer = {{kind = "residual", below_pct = {below_pct}}}
own_load = {{kind = "trace", file = "{file}", column = "{column}", per_s = 1, scale = 0.01}}
[policy.take]
[[policy.take.rule]]
name = "take"
when = "units < {units}"
do = "buy to {units}"
price_max = 0.05
cooldown = "1m"
max_units = {units}
"""


class Residual(Struct):
    """Sums over looks at every host: CPU in 1/1000 vCPU, load as a share."""

    looks: int = 0
    idle_mvcpu: float = 0.0
    offered_mvcpu: float = 0.0
    sold_mvcpu: float = 0.0
    recalled_units: int = 0
    short_notice: int = 0
    above: int = 0
    """Looks at an ask although the load had been above the threshold for `LATE_S`."""
    longest_s: int = 0
    """How long an ask stood above the threshold at most."""

    def text(self) -> str:
        sold = 100 * self.sold_mvcpu / self.idle_mvcpu
        offered = 100 * self.offered_mvcpu / self.idle_mvcpu
        return (
            f"sold {sold:.1f} % of the idle CPU (offered {offered:.1f} %); "
            f"{self.recalled_units} units recalled, {self.short_notice} with short notice; "
            f"asked above the threshold for {self.longest_s} s at most, "
            f"{self.above} looks too late"
        )


class Watch:
    """Looks at the seller's hosts, asks and leases as time goes."""

    def __init__(self, world: World) -> None:
        self.found = Residual()
        self._world = world
        [self._table] = world.scenario.seller
        world.stage.marketplace.observers.append(self._observe)
        world.stage.env.process(self._look())

    def _observe(self, command: Command, outs: list[Out], now_ms: int) -> None:
        for _, frame in outs[1:]:
            if isinstance(frame, Notice) and frame.kind == "recall":
                self.found.recalled_units += frame.units or 0
                self.found.short_notice += (frame.at_ms or 0) < now_ms + RECALL_NOTICE_MS

    def _look(self) -> Generator[simpy.Event, Any, None]:
        stage = self._world.stage
        yield stage.env.timeout(WARM_UP_MS)
        end_ms = self._world.scenario.start_ms + self._world.scenario.duration_s * MS_PER_SECOND
        above_s = 0
        while stage.now_ms < end_ms:
            at_s = (stage.now_ms - self._world.scenario.start_ms) / MS_PER_SECOND
            assert self._table.own_load is not None
            load_share = load_at(self._table.own_load, at_s, stage.traces)
            above_s = above_s + LOOK_S if load_share * 100 >= BELOW_PCT else 0
            self._count(load_share, above_s)
            yield stage.env.timeout(LOOK_S * MS_PER_SECOND)

    def _count(self, load_share: float, above_s: int) -> None:
        found, engine = self.found, self._world.stage.marketplace.engine
        state = engine.account_state(SELLER)
        mvcpu = engine.state.instruments["small.eu-de.flat.spot"].need[0]
        asked = sum(row.leaves_qty for row in state.orders)
        leased = sum(row.units for row in state.leases)
        found.looks += 1
        found.idle_mvcpu += (1 - min(1.0, load_share)) * self._table.host.mvcpu * self._table.hosts
        found.sold_mvcpu += leased * mvcpu
        found.offered_mvcpu += (asked + leased) * mvcpu
        if asked and above_s:
            found.longest_s = max(found.longest_s, above_s)
            found.above += above_s > LATE_S


def measure(trace: Path, column: str, duration_s: int, hosts: int = 2, wanted: int = 8) -> Residual:
    """Play ``trace`` (a column of percent) to a buyer of ``wanted`` units; return what was sold."""
    text = SCENARIO.format(
        duration_s=duration_s,
        hosts=hosts,
        below_pct=BELOW_PCT,
        file=trace.resolve(),
        column=column,
        units=wanted,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "residual.toml"
        path.write_text(text)
        loaded = load(path)
    world = World(loaded, "take", 1)
    watch = Watch(world)
    world.run()
    return watch.found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace", type=Path)
    parser.add_argument("--column", default="cpu_pct", help="of the load in percent")
    parser.add_argument("--days", type=float, default=14.0)
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--units", type=int, default=8, help="that the buyer wants")
    chosen = parser.parse_args(arguments)
    duration_s = int(chosen.days * 86_400)
    try:
        found = measure(chosen.trace, chosen.column, duration_s, chosen.hosts, chosen.units)
    except LawBrokenError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{chosen.days:g} days, {chosen.hosts} servers: {found.text()}")
    return int(found.above > 0 or found.short_notice > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
