"""Starts and ends the faults of a run at their times: scenario.md, ``[[fault]]``.

Each kind does to the simulated world what the real thing would do; the exchange, the Manager and
the agents are told nothing and must find out.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from exchange.units import MS_PER_SECOND
from sim.actors.boots import BootFault
from sim.actors.nodes import HostNode
from sim.actors.seller import PriceFactor, Resume, Withdraw
from sim.network.connection import Connection
from sim.run.stage import Stage
from sim.scenario.check import EXCHANGE, FARM_NAMES
from sim.scenario.tables import Fault

PING_TIMEOUT_MS = 20 * MS_PER_SECOND
"""A connection that hears nothing for so long is given up by both its ends."""
RESTART_MS = 5 * MS_PER_SECOND
"""How long a restart takes that does not say."""


def schedule(stage: Stage) -> None:
    """Let every fault of the scenario happen at its time, and end after its ``for_s``."""
    for fault in stage.scenario.fault:
        at_ms = stage.scenario.start_ms + fault.at_s * MS_PER_SECOND
        _at(stage, at_ms, partial(begin, stage, fault))
        if fault.for_s is not None:
            end_ms = at_ms + fault.for_s * MS_PER_SECOND
            _at(stage, end_ms, partial(end, stage, fault))


def begin(stage: Stage, fault: Fault) -> None:
    """Make ``fault`` happen now."""
    BEGIN[fault.kind](stage, fault)


def end(stage: Stage, fault: Fault) -> None:
    """Undo ``fault``; what undoes itself is not in the table."""
    undo = END.get(fault.kind)
    if undo is not None:
        undo(stage, fault)


def heal_everything(stage: Stage) -> None:
    """End every fault, for the end of the run: bills must be settled with everybody reachable."""
    stage.start_exchange()
    for hosts in stage.hosts_of.values():
        for host in hosts:
            host.come_back()
    for connection in stage.connections():
        connection.heal()


def _crash(stage: Stage, fault: Fault) -> None:
    for host in _struck_hosts(stage, fault):
        host.crash()
    stage.farm.refresh()


def _come_back(stage: Stage, fault: Fault) -> None:
    for host in _struck_hosts(stage, fault):
        host.come_back()


def _partition(stage: Stage, fault: Fault) -> None:
    for connection in _cut_off(stage, fault):
        connection.partition()
        _at(stage, stage.now_ms + PING_TIMEOUT_MS, connection.give_up)


def _heal(stage: Stage, fault: Fault) -> None:
    for connection in _cut_off(stage, fault):
        connection.heal()


def _spike(stage: Stage, fault: Fault) -> None:
    _send_to_robots(stage, fault, PriceFactor(fault.factor or 1.0))


def _usual_price(stage: Stage, fault: Fault) -> None:
    _send_to_robots(stage, fault, PriceFactor(1.0))


def _withdraw(stage: Stage, fault: Fault) -> None:
    _send_to_robots(stage, fault, Withdraw())


def _resume(stage: Stage, fault: Fault) -> None:
    _send_to_robots(stage, fault, Resume())


def _slow_boot(stage: Stage, fault: Fault) -> None:
    for boots in _boots(stage, fault):
        boots.factor = fault.factor or 1.0


def _usual_boot(stage: Stage, fault: Fault) -> None:
    for boots in _boots(stage, fault):
        boots.factor = 1.0


def _fail_boots(stage: Stage, fault: Fault) -> None:
    for boots in _boots(stage, fault):
        boots.fail = fault.fail


def _usual_failures(stage: Stage, fault: Fault) -> None:
    for boots in _boots(stage, fault):
        boots.fail = None


def _stale(stage: Stage, fault: Fault) -> None:
    stage.stale_until_ms = stage.now_ms + (fault.for_s or 0) * MS_PER_SECOND


def _stop_exchange(stage: Stage, fault: Fault) -> None:
    stage.stop_exchange()
    if fault.for_s is None:
        _at(stage, stage.now_ms + RESTART_MS, stage.start_exchange)


def _start_exchange(stage: Stage, fault: Fault) -> None:
    stage.start_exchange()


Act: TypeAlias = Callable[[Stage, Fault], None]

BEGIN: dict[str, Act] = {
    "host_crash": _crash,
    "host_return": _come_back,
    "partition": _partition,
    "heal": _heal,
    "price_spike": _spike,
    "seller_withdraw": _withdraw,
    "slow_boot": _slow_boot,
    "boot_failures": _fail_boots,
    "stale_metrics": _stale,
    "exchange_restart": _stop_exchange,
}
"""What the loader lets through is here: `sim.scenario.check.FAULT_KEYS` names the same kinds."""

END: dict[str, Act] = {
    "host_crash": _come_back,
    "partition": _heal,
    "price_spike": _usual_price,
    "seller_withdraw": _resume,
    "slow_boot": _usual_boot,
    "boot_failures": _usual_failures,
    "exchange_restart": _start_exchange,
}


def _sellers(stage: Stage, fault: Fault) -> list[str]:
    """Return the sellers that the fault names, or all of them."""
    return [table.name for table in stage.scenario.seller if fault.seller in (None, table.name)]


def _struck_hosts(stage: Stage, fault: Fault) -> list[HostNode]:
    return stage.hosts_of[_sellers(stage, fault)[0]][: fault.hosts or 1]


def _boots(stage: Stage, fault: Fault) -> list[BootFault]:
    return [stage.boots.fault_of(seller) for seller in _sellers(stage, fault)]


def _send_to_robots(stage: Stage, fault: Fault, message: PriceFactor | Withdraw | Resume) -> None:
    for seller in _sellers(stage, fault):
        stage.robots[seller].pump.put(message)


def _cut_off(stage: Stage, fault: Fault) -> list[Connection]:
    """Return every connection between the exchange and the other end that the fault names."""
    assert fault.between is not None
    other = next(name for name in fault.between if name != EXCHANGE)
    name = stage.scenario.farm.account if other in FARM_NAMES else other
    return stage.connections(name)


def _at(stage: Stage, at_ms: int, action: Callable[[], None]) -> None:
    stage.env.call_in(max(0, at_ms - stage.now_ms), lambda _: action())
