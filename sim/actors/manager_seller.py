"""A simulated seller that is a Manager: the core that sells, on the virtual network.

One group of all hosts of its account. It keeps its book by the channels ``fleet``, ``instruments``
and ``account``, as the daemon does; prices are numbers, so it follows no book.
"""

from typing import Any

from exchange.wire.frames import InstrumentsSnapshot
from exchange.wire.types import Request
from manager.core.messages import Out, Send, connected
from manager.core.outgoing import Outgoing
from manager.selling.group import Group
from manager.selling.selling import Selling
from sim.actors.nodes import RobotNode
from sim.actors.position import Position
from sim.actors.seller import PriceFactor, Resume, Withdraw
from sim.actors.traders import LinkUp, Tick
from sim.network.clock import VirtualTime


class ManagerSeller:
    """A robot; see `sim.actors.nodes`. A price spike does not move it: its price is its policy."""

    def __init__(self, group: Group) -> None:
        self.position = Position()
        self._outgoing = Outgoing()
        self.selling = Selling(self._outgoing, (group,), {})

    def next_deadline_ms(self) -> int | None:
        return self.selling.next_deadline_ms()

    def link_down(self) -> None:
        self._outgoing.disconnected()

    def apply(self, message: Any, now_ms: int) -> list[Request]:
        self._outgoing.now_ms = now_ms
        outs = self._outs(message, now_ms)
        return [out.request for out in outs if isinstance(out, Send)]

    def _outs(self, message: Any, now_ms: int) -> list[Out]:
        match message:
            case LinkUp():
                self.position.rebuild(message.account_state)
                self._outgoing.connected()
                return self.selling.apply(connected(message.account_state or {}, now_ms), now_ms)
            case Withdraw() | Resume():
                return self.selling.hibernate(isinstance(message, Withdraw), now_ms)
            case Tick():
                return self.selling.wake(now_ms)
            case PriceFactor():
                return []
            case InstrumentsSnapshot(instruments):
                outs = [self.selling.apply(row, now_ms) for row in instruments]
                return [out for each in outs for out in each]
            case _:
                self.position.fold(message)
                return self.selling.apply(message, now_ms)


class ManagerNode(RobotNode):
    """Keeps what comes before all subscriptions are answered: every host is told once."""

    def __init__(self, env: VirtualTime, robot: ManagerSeller) -> None:
        super().__init__(env, robot)
        self._seller = robot
        self._early: list[Any] = []

    def link_up(self, account_state: Any) -> None:
        early, self._early = self._early, []
        super().link_up(account_state)
        for frame in early:
            self.pump.put(frame)

    def link_down(self) -> None:
        self._early.clear()
        self._seller.link_down()

    def receive(self, frame: Any) -> None:
        if self.connection is not None and self.connection.up:
            super().receive(frame)
        else:
            self._early.append(frame)
