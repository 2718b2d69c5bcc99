"""The end of a run: everybody gives back what they hold, so that every lease ends and is paid.

Without this the last bill would depend on when exactly the run was cut off.
"""

from collections.abc import Generator, Iterator
from typing import Any

import simpy

from exchange.units import MS_PER_SECOND
from exchange.wire.requests import LeaseRelease, OrderMassCancel
from sim.actors.position import Position
from sim.network.connection import Connection
from sim.run.stage import Stage

SETTLE_MS = 30 * MS_PER_SECOND
ROUNDS = 5
FIRST_REQ_ID = 10**9
"""Behind the robots' own numbers and before the connection's."""


def wind_down(stage: Stage) -> Generator[simpy.Event, Any, None]:
    """Process: stop the robots, cancel every order, release every lease."""
    for farm in stage.farms.values():
        farm.retire()
    for robot in stage.robots.values():
        robot.retire()
    yield stage.env.timeout(SETTLE_MS)
    req_id = FIRST_REQ_ID
    for connection, _ in _traders(stage):
        req_id += 1
        connection.send(OrderMassCancel(req_id=req_id))
    for _ in range(ROUNDS):
        yield stage.env.timeout(SETTLE_MS)
        for connection, position in _traders(stage):
            for lease_id in [key for key, held in position.leases.items() if held.side == "buy"]:
                req_id += 1
                connection.send(LeaseRelease(req_id=req_id, lease_id=lease_id))


def _traders(stage: Stage) -> Iterator[tuple[Connection, Position]]:
    for farm in stage.farms.values():
        assert farm.connection is not None
        yield farm.connection, farm.position
    for node in stage.robots.values():
        assert node.connection is not None
        yield node.connection, node.robot.position
