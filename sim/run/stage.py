"""What the parts of a run share: the clock, the exchange, connections, participants.

The participants, the faults and the wind-down are handed the stage; the `World` builds it and runs
the play. Nothing here knows a policy or a result.
"""

from collections.abc import Generator
from random import Random
from typing import Any

import simpy

from exchange.units import MS_PER_MINUTE
from manager.core.core import Manager
from sim.actors.boots import Boots
from sim.actors.farm import FarmNode
from sim.actors.nodes import HostNode, RobotNode
from sim.network.clock import VirtualTime
from sim.network.connection import Connection, Node, RequestNode, Subscription
from sim.network.identity import Identity
from sim.network.marketplace import Marketplace
from sim.results.laws import Laws, is_full
from sim.run.opening import exchange_config
from sim.scenario.check import networks
from sim.scenario.file import Check
from sim.scenario.policy import sells_windows
from sim.scenario.tables import Farm, Scenario
from sim.scenario.workload import Series

WARM_UP_MS = 10 * MS_PER_MINUTE
"""How long before the scenario's start the exchange opens, so that the market stands by then."""


class Stage:
    """The exchange, the farms and every host and robot, with the connections between them."""

    def __init__(
        self,
        scenario: Scenario,
        traces: dict[str, Series],
        seed: int,
        manager: Manager,
        own_units: int,
        keep_rows: bool,
        check: Check | None = None,
        leaves_out: bool = True,
    ) -> None:
        """``own_units`` of the first farm are in service whatever the ``manager`` buys.

        ``leaves_out``: see `Marketplace`.
        """
        self.scenario = scenario
        self.traces = traces
        self.seed = seed
        self.env = VirtualTime(scenario.start_ms - WARM_UP_MS)
        config = exchange_config(scenario)
        restarts = any(fault.kind == "exchange_restart" for fault in scenario.fault)
        self.marketplace = Marketplace(
            self.env, config, self.stream("exchange"), keep_rows or restarts, leaves_out=leaves_out
        )
        full = is_full(check, scenario)
        self.checker = Laws(self.marketplace.engine, config, full=full)
        self.marketplace.observers.append(self.checker.observe)
        self.marketplace.refusal_observers.append(self.checker.refused)
        self.boots = Boots(scenario.boot, self.stream)
        self.hosts_of: dict[str, list[HostNode]] = {}
        """By the account that owns them."""
        self.robots: dict[str, RobotNode] = {}
        """By the account that they trade for."""
        self.metrics_stale = False
        """Is no farm's load read now?"""
        self._host_at: dict[str, HostNode] = {}
        self._connections: dict[str, list[Connection]] = {}
        self.farms: dict[str, FarmNode] = {}
        """By account."""
        self._networks = networks(scenario)
        self.farm = self.add_farm(scenario.farm, manager, own_units)

    @property
    def now_ms(self) -> int:
        return self.env.now_ms

    def stream(self, actor: str) -> Random:
        """Return the actor's own random stream: policies of one seed share every draw."""
        return Random(f"{self.seed}/{actor}")

    def connect(
        self,
        actor: str,
        node: Node,
        identity: Identity | None,
        subscriptions: list[Subscription],
        end: str,
    ) -> Connection:
        """Make a connection for ``node``; ``end`` names whose network it is, and whom a partition
        would cut off."""
        connection = Connection(
            self.marketplace,
            self._networks.get(end.partition("/")[0], self.scenario.network),
            node,
            self.stream(f"network/{actor}"),
            identity,
            subscriptions,
        )
        self._connections.setdefault(end, []).append(connection)
        return connection

    def connections(self, end: str | None = None) -> list[Connection]:
        """Return the connections to the exchange: those of ``end``, or all of them."""
        if end is not None:
            return self._connections.get(end, [])
        return [connection for group in self._connections.values() for connection in group]

    def ask(
        self, actor: str, identity: Identity | None, requests: list[Any]
    ) -> Generator[simpy.Event, Any, list[Any]]:
        """Process: send ``requests`` on a connection of their own, return their results."""
        node = RequestNode(self.env, requests)
        node.connection = self.connect(actor, node, identity, [], actor)
        node.connection.open()
        results: list[Any] = yield node.done
        node.connection.close()
        return results

    def add_farm(self, table: Farm, manager: Manager, own_units: int) -> FarmNode:
        """Put a farm on the stage; its connection is not opened yet."""
        farm = FarmNode(self.env, manager, self._serving, own_units, self.scenario.start_ms)
        identity = Identity(self.seed, table.account)
        hears = [Subscription("account")]
        if sells_windows(self.scenario):
            hears.append(Subscription("instruments"))
        farm.connection = self.connect(table.account, farm, identity, hears, table.account)
        self.farms[table.account] = farm
        return farm

    def add_host(self, owner: str, host: HostNode) -> None:
        """Put ``host`` on the stage: guests on it can be reached, faults can strike it."""
        self.hosts_of[owner].append(host)
        self._host_at[host.address] = host

    def stop_exchange(self) -> None:
        """The exchange's process is killed: every connection breaks."""
        self.marketplace.stop()
        for connection in self.connections():
            connection.lose()

    def start_exchange(self) -> None:
        """It starts again from its journal, and must be what it was."""
        if not self.marketplace.up:
            self.marketplace.come_back()
            # Before the start: deadlines that fell due meanwhile settle in it.
            self.checker.follow(self.marketplace.engine)
            self.marketplace.start()

    def _serving(self, address: str, port: int) -> bool:
        host = self._host_at.get(address)
        return host is not None and host.serving(port)
