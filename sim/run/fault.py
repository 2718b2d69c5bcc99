"""Starts and ends the faults of a run at their times: scenario.md, ``[[fault]]``.

Each kind does to the simulated world what the real thing would do; the exchange, the Manager and
the agents are told nothing and must find out. Faults that overlap share what they strike: it is as
it was before when the last of them is over, so that each ends only itself.
"""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import NamedTuple, TypeAlias

from exchange.units import MS_PER_SECOND
from sim.actors.seller import PriceFactor, Resume, Withdraw
from sim.run.stage import Stage
from sim.scenario.fault_check import ENDED_BY, cut_off_end, struck_hosts
from sim.scenario.tables import FACTOR_MAX, Fault

PING_TIMEOUT_MS = 20 * MS_PER_SECOND
"""A connection that hears nothing for so long is given up by both its ends."""
RESTART_S = 5
"""How long a restart takes that does not say."""

Target: TypeAlias = tuple[str, str]
"""(kind of fault, name of what it strikes): a seller, a seller's host, a party."""
EVERYBODY = ""
"""The name of what there is one of: the exchange, the farm's metrics."""


class Kind(NamedTuple):
    """What a kind of fault strikes, by name, and how a target is made to be as its faults say.

    ``settle(stage, name, faults, before)``: ``faults`` are under way there now, ``before`` as many
    were until now.
    """

    strikes: Callable[[Stage, Fault], list[str]]
    settle: Callable[[Stage, str, list[Fault], int], None]


class Faults:
    """The faults of one run."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._under_way: dict[Target, list[Fault]] = {}

    def schedule(self) -> None:
        """Let every fault of the scenario happen at its time, and end after its ``for_s``."""
        for fault in self._stage.scenario.fault:
            self._at(fault.at_s, partial(self.begin, fault))
            for_s = fault.for_s
            if fault.kind == "exchange_restart" and for_s is None:
                for_s = RESTART_S
            if for_s is not None:
                self._at(fault.at_s + for_s, partial(self.end, fault))

    def begin(self, fault: Fault) -> None:
        """Make ``fault`` happen now."""
        ended = ENDED_BY.get(fault.kind)
        for name in KINDS[ended or fault.kind].strikes(self._stage, fault):
            if ended is None:
                self._change((fault.kind, name), [*self._there((fault.kind, name)), fault])
            else:
                lasting = [one for one in self._there((ended, name)) if one.for_s is not None]
                self._change((ended, name), lasting)

    def end(self, fault: Fault) -> None:
        """End ``fault`` now, wherever it is still under way."""
        for target, faults in list(self._under_way.items()):
            if any(one is fault for one in faults):
                self._change(target, [one for one in faults if one is not fault])

    def end_all(self) -> None:
        """End every fault, for the end of the run: bills are settled with everybody reachable."""
        for target in list(self._under_way):
            self._change(target, [])

    def _there(self, target: Target) -> list[Fault]:
        return self._under_way.get(target, [])

    def _change(self, target: Target, faults: list[Fault]) -> None:
        before = len(self._under_way.pop(target, []))
        if faults:
            self._under_way[target] = faults
        kind, name = target
        KINDS[kind].settle(self._stage, name, faults, before)

    def _at(self, at_s: int, action: Callable[[], None]) -> None:
        at_ms = self._stage.scenario.start_ms + at_s * MS_PER_SECOND
        _in(self._stage, at_ms - self._stage.now_ms, action)


def _hosts(stage: Stage, fault: Fault) -> list[str]:
    assert fault.seller is not None
    return [f"{fault.seller}/{number}" for number in struck_hosts(fault)]


def _power(stage: Stage, name: str, faults: list[Fault], before: int) -> None:
    seller, _, number = name.rpartition("/")
    host = stage.hosts_of[seller][int(number) - 1]
    if not faults:
        host.come_back()
    elif not before:
        host.crash()
        for farm in stage.farms.values():
            farm.refresh()


def _parties(stage: Stage, fault: Fault) -> list[str]:
    return [cut_off_end(stage.scenario, fault)]


def _reach(stage: Stage, name: str, faults: list[Fault], before: int) -> None:
    for connection in stage.connections(name):
        if not faults:
            connection.heal()
        elif not before:
            partition = connection.partition()
            give_up = partial(connection.give_up, partition)
            _in(stage, PING_TIMEOUT_MS, give_up)


def _sellers(stage: Stage, fault: Fault) -> list[str]:
    """Return the sellers that the fault names, or all of them."""
    return [table.name for table in stage.scenario.seller if fault.seller in (None, table.name)]


def _price(stage: Stage, name: str, faults: list[Fault], before: int) -> None:
    stage.robots[name].pump.put(PriceFactor(_factor(faults)))


def _selling(stage: Stage, name: str, faults: list[Fault], before: int) -> None:
    if bool(faults) != bool(before):
        stage.robots[name].pump.put(Withdraw() if faults else Resume())


def _boot_time(stage: Stage, name: str, faults: list[Fault], before: int) -> None:
    stage.boots.fault_of(name).factor = _factor(faults)


def _boot_failures(stage: Stage, name: str, faults: list[Fault], before: int) -> None:
    stage.boots.fault_of(name).fail = faults[-1].fail if faults else None


def _metrics(stage: Stage, name: str, faults: list[Fault], before: int) -> None:
    stage.metrics_stale = bool(faults)


def _exchange(stage: Stage, name: str, faults: list[Fault], before: int) -> None:
    if not faults:
        stage.start_exchange()
    elif not before:
        stage.stop_exchange()


def _one(stage: Stage, fault: Fault) -> list[str]:
    return [EVERYBODY]


def _factor(faults: list[Fault]) -> float:
    return min(FACTOR_MAX, prod(fault.factor or 1.0 for fault in faults))


KINDS: dict[str, Kind] = {
    "host_crash": Kind(_hosts, _power),
    "partition": Kind(_parties, _reach),
    "price_spike": Kind(_sellers, _price),
    "seller_withdraw": Kind(_sellers, _selling),
    "slow_boot": Kind(_sellers, _boot_time),
    "boot_failures": Kind(_sellers, _boot_failures),
    "stale_metrics": Kind(_one, _metrics),
    "exchange_restart": Kind(_one, _exchange),
}
"""What the loader lets through (`FAULT_KEYS`) is here, but for those of `ENDED_BY` and for traces,
which are crashes by then."""


def _in(stage: Stage, delay_ms: int, action: Callable[[], None]) -> None:
    stage.env.call_in(max(0, delay_ms), lambda _: action())
