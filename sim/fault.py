"""Things go wrong in a run, at their time, and end again: scenario.md, ``[[fault]]``.

Each kind does to the simulated world what the real thing would do; the exchange, the Manager and
the agents are told nothing and must find out.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from exchange.units import MS_PER_SECOND
from sim.scenario import Fault
from sim.scenario_check import EXCHANGE, FARM
from sim.seller import PriceFactor, Resume, Withdraw

if TYPE_CHECKING:
    from sim.fleet import Fleet
    from sim.world import World

PING_TIMEOUT_MS = 20 * MS_PER_SECOND
"""A connection that hears nothing for so long is given up by both its ends."""


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
    match fault.kind:
        case "host_crash":
            for host in _fleet(world, fault).hosts[: fault.hosts or 1]:
                host.crash()
            world.farm.refresh()
        case "host_return":
            _come_back(world, fault)
        case "partition":
            _part(world, fault, True)
        case "heal":
            _part(world, fault, False)
        case "price_spike":
            _tell_sellers(world, fault, PriceFactor(fault.factor or 1.0))
        case "seller_withdraw":
            _tell_sellers(world, fault, Withdraw())
        case "slow_boot":
            for fleet in _fleets(world, fault):
                world.boots.bend(fleet.name).factor = fault.factor or 1.0
        case "boot_failures":
            for fleet in _fleets(world, fault):
                world.boots.bend(fleet.name).fail = fault.fail
        case "stale_metrics":
            world.stale_until_ms = world.now_ms + (fault.for_s or 0) * MS_PER_SECOND
        case "exchange_restart":
            raise AssertionError("the loader refuses what is not supported")


def end(world: "World", fault: Fault) -> None:
    """Undo ``fault``."""
    match fault.kind:
        case "host_crash":
            _come_back(world, fault)
        case "partition":
            _part(world, fault, False)
        case "price_spike":
            _tell_sellers(world, fault, PriceFactor(1.0))
        case "seller_withdraw":
            _tell_sellers(world, fault, Resume())
        case "slow_boot":
            for fleet in _fleets(world, fault):
                world.boots.bend(fleet.name).factor = 1.0
        case "boot_failures":
            for fleet in _fleets(world, fault):
                world.boots.bend(fleet.name).fail = None
        case _:
            return


def heal_everything(world: "World") -> None:
    """End every fault, for the end of the run: bills must be settled with everybody reachable."""
    for fleet in world.fleets:
        for host in fleet.hosts:
            host.come_back()
    for connections in world.connections.values():
        for connection in connections:
            connection.part(False)


def _fleets(world: "World", fault: Fault) -> list["Fleet"]:
    wanted = [table.name for table in world.scenario.seller if fault.seller in (None, table.name)]
    return [fleet for fleet in world.fleets if fleet.name in wanted]


def _fleet(world: "World", fault: Fault) -> "Fleet":
    return _fleets(world, fault)[0]


def _come_back(world: "World", fault: Fault) -> None:
    for host in _fleet(world, fault).hosts[: fault.hosts or 1]:
        host.come_back()


def _tell_sellers(world: "World", fault: Fault, message: PriceFactor | Withdraw | Resume) -> None:
    for fleet in _fleets(world, fault):
        if fleet.node is not None:
            fleet.node.pump.put(message)


def _part(world: "World", fault: Fault, parted: bool) -> None:
    assert fault.between is not None
    end_name = next(name for name in fault.between if name != EXCHANGE)
    name = world.scenario.farm.account if end_name == FARM else end_name
    for connection in world.connections.get(name, []):
        connection.part(parted)
        if parted:
            _at(world, world.now_ms + PING_TIMEOUT_MS, connection.give_up)


def _at(world: "World", at_ms: int, action: Callable[[], None]) -> None:
    timer = world.env.timeout(max(0, at_ms - world.now_ms))
    timer.callbacks.append(lambda _: action())
