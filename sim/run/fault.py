"""Things go wrong in a run, at their time, and end again: scenario.md, ``[[fault]]``.

Each kind does to the simulated world what the real thing would do; the exchange, the Manager and
the agents are told nothing and must find out.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from exchange.units import MS_PER_SECOND
from sim.actors.seller import PriceFactor, Resume, Withdraw
from sim.network.connection import Connection
from sim.scenario.check import EXCHANGE, FARM_NAMES
from sim.scenario.tables import Fault

if TYPE_CHECKING:
    from sim.run.fleet import Fleet
    from sim.run.world import World

PING_TIMEOUT_MS = 20 * MS_PER_SECOND
"""A connection that hears nothing for so long is given up by both its ends."""
RESTART_MS = 5 * MS_PER_SECOND
"""How long a restart takes that does not say."""


def schedule(world: "World") -> None:
    """Let every fault of the scenario happen at its time, and end after its ``for_s``."""
    for fault in world.scenario.fault:
        at_ms = world.scenario.start_ms + fault.at_s * MS_PER_SECOND
        _at(world, at_ms, partial(begin, world, fault))
        if fault.for_s is not None:
            end_ms = at_ms + fault.for_s * MS_PER_SECOND
            _at(world, end_ms, partial(end, world, fault))


def begin(world: "World", fault: Fault) -> None:
    """Make ``fault`` happen now."""
    BEGIN[fault.kind](world, fault)


def end(world: "World", fault: Fault) -> None:
    """Undo ``fault``; what undoes itself is not in the table."""
    undo = END.get(fault.kind)
    if undo is not None:
        undo(world, fault)


def heal_everything(world: "World") -> None:
    """End every fault, for the end of the run: bills must be settled with everybody reachable."""
    world.start_exchange()
    for fleet in world.fleets:
        for host in fleet.hosts:
            host.come_back()
    for connections in world.connections.values():
        for connection in connections:
            connection.part(False)


def _crash(world: "World", fault: Fault) -> None:
    for host in _fleet(world, fault).hosts[: fault.hosts or 1]:
        host.crash()
    world.farm.refresh()


def _come_back(world: "World", fault: Fault) -> None:
    for host in _fleet(world, fault).hosts[: fault.hosts or 1]:
        host.come_back()


def _part(world: "World", fault: Fault) -> None:
    for connection in _cut_off(world, fault):
        connection.part(True)
        _at(world, world.now_ms + PING_TIMEOUT_MS, connection.give_up)


def _heal(world: "World", fault: Fault) -> None:
    for connection in _cut_off(world, fault):
        connection.part(False)


def _spike(world: "World", fault: Fault) -> None:
    _tell_sellers(world, fault, PriceFactor(fault.factor or 1.0))


def _usual_price(world: "World", fault: Fault) -> None:
    _tell_sellers(world, fault, PriceFactor(1.0))


def _withdraw(world: "World", fault: Fault) -> None:
    _tell_sellers(world, fault, Withdraw())


def _resume(world: "World", fault: Fault) -> None:
    _tell_sellers(world, fault, Resume())


def _slow_boot(world: "World", fault: Fault) -> None:
    for fleet in _fleets(world, fault):
        world.boots.bend(fleet.name).factor = fault.factor or 1.0


def _usual_boot(world: "World", fault: Fault) -> None:
    for fleet in _fleets(world, fault):
        world.boots.bend(fleet.name).factor = 1.0


def _fail_boots(world: "World", fault: Fault) -> None:
    for fleet in _fleets(world, fault):
        world.boots.bend(fleet.name).fail = fault.fail


def _mend_boots(world: "World", fault: Fault) -> None:
    for fleet in _fleets(world, fault):
        world.boots.bend(fleet.name).fail = None


def _stale(world: "World", fault: Fault) -> None:
    world.stale_until_ms = world.now_ms + (fault.for_s or 0) * MS_PER_SECOND


def _stop_exchange(world: "World", fault: Fault) -> None:
    world.stop_exchange()
    if fault.for_s is None:
        _at(world, world.now_ms + RESTART_MS, world.start_exchange)


def _start_exchange(world: "World", fault: Fault) -> None:
    world.start_exchange()


Act: TypeAlias = Callable[["World", Fault], None]

BEGIN: dict[str, Act] = {
    "host_crash": _crash,
    "host_return": _come_back,
    "partition": _part,
    "heal": _heal,
    "price_spike": _spike,
    "seller_withdraw": _withdraw,
    "slow_boot": _slow_boot,
    "boot_failures": _fail_boots,
    "stale_metrics": _stale,
    "exchange_restart": _stop_exchange,
}
"""What the loader lets through is here: `scenario_check.FAULT_KEYS` names the same kinds."""

END: dict[str, Act] = {
    "host_crash": _come_back,
    "partition": _heal,
    "price_spike": _usual_price,
    "seller_withdraw": _resume,
    "slow_boot": _usual_boot,
    "boot_failures": _mend_boots,
    "exchange_restart": _start_exchange,
}


def _fleets(world: "World", fault: Fault) -> list["Fleet"]:
    wanted = [table.name for table in world.scenario.seller if fault.seller in (None, table.name)]
    return [fleet for fleet in world.fleets if fleet.name in wanted]


def _fleet(world: "World", fault: Fault) -> "Fleet":
    return _fleets(world, fault)[0]


def _tell_sellers(world: "World", fault: Fault, message: PriceFactor | Withdraw | Resume) -> None:
    for fleet in _fleets(world, fault):
        if fleet.node is not None:
            fleet.node.pump.put(message)


def _cut_off(world: "World", fault: Fault) -> list[Connection]:
    """Return every connection between the exchange and the other end that the fault names."""
    assert fault.between is not None
    other = next(name for name in fault.between if name != EXCHANGE)
    name = world.scenario.farm.account if other in FARM_NAMES else other
    return world.connections.get(name, [])


def _at(world: "World", at_ms: int, action: Callable[[], None]) -> None:
    world.env.call_in(max(0, at_ms - world.now_ms), lambda _: action())
