"""The end of a run: everybody gives back what they hold, so that every lease ends and is paid.

Without this the last bill would depend on when exactly the run was cut off.
"""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import simpy

from exchange.units import MS_PER_SECOND
from exchange.wire.requests import LeaseRelease, OrderMassCancel
from sim.actors.position import Desk
from sim.network.connection import Connection
from sim.run.fault import heal_everything

if TYPE_CHECKING:
    from sim.run.world import World

SETTLE_MS = 30 * MS_PER_SECOND
ROUNDS = 5
FIRST_REQ_ID = 10**9
"""Behind the robots' own numbers and before the connection's."""


def wind_down(world: "World") -> Generator[simpy.Event, Any, None]:
    """Process: end faults, stop the robots, cancel every order, release every lease."""
    heal_everything(world)
    world.farm.retire()
    for robot in world.robots:
        robot.retire()
    yield world.env.timeout(SETTLE_MS)
    req_id = FIRST_REQ_ID
    for connection, _ in _desks(world):
        req_id += 1
        connection.send(OrderMassCancel(req_id=req_id))
    for _ in range(ROUNDS):
        yield world.env.timeout(SETTLE_MS)
        for connection, desk in _desks(world):
            for lease_id in [key for key, held in desk.leases.items() if held.side == "buy"]:
                req_id += 1
                connection.send(LeaseRelease(req_id=req_id, lease_id=lease_id))


def _desks(world: "World") -> Iterator[tuple[Connection, Desk]]:
    assert world.farm.connection is not None
    yield world.farm.connection, world.farm.desk
    for node in world.robots:
        assert node.connection is not None
        yield node.connection, node.robot.desk
