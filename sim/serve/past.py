"""The way back: kept copies of the world, and what clients did between them.

To go to a past time, the last copy from before it plays on up to there, and what real clients did
is done again at its times. So everything is as it was, and what comes later is forgotten.
"""

from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Any, Final, NamedTuple

from exchange.model.commands import Command
from sim.network.marketplace import Marketplace
from sim.run.world import World
from sim.serve.copying import CannotCopyError, copied

KEPT_MAX: Final = 32
"""Copies of the world; when there are more, every second one goes."""
OBJECTS_MAX: Final = 3_000_000
"""What all copies have of their own: about 500 MiB."""


class Given(NamedTuple):
    """What a real client did, behind all else of its millisecond."""

    at_ms: int
    command: Command


class Kept(NamedTuple):
    """``given``: how many commands of clients are in it."""

    at_ms: int
    world: World
    given: int
    objects: int


class Past:
    """``begin_ms`` and ``end_ms``: the scenario's. ``shared``: what looks on at every world."""

    def __init__(self, begin_ms: int, end_ms: int, shared: Iterable[Any]) -> None:
        self.given: list[Given] = []
        self.again: deque[Given] = deque()
        """Those that are still to be done in the world of now."""
        self._shared = list(shared)
        self._kept: list[Kept] = []
        self._begin_ms = begin_ms
        self._every_ms = max(1, (end_ms - begin_ms) // KEPT_MAX)
        self._due_ms = begin_ms

    @property
    def kept_ms(self) -> list[int]:
        """Return the times of the copies."""
        return [kept.at_ms for kept in self._kept]

    def keep(self, world: World, next_ms: float) -> None:
        """Keep ``world`` as it is, if it is time to; nothing happens in it before ``next_ms``."""
        if next_ms <= self._due_ms or not world.may_be_copied:
            return
        now_ms = world.stage.now_ms
        self._wait_behind(max(now_ms, self._due_ms))
        try:
            copy, objects = copied(world, self._shared)
        except CannotCopyError:
            return  # the way back from later is longer
        self._kept.append(Kept(now_ms, copy, len(self.given) - len(self.again), objects))
        while len(self._kept) > KEPT_MAX or self._objects() > OBJECTS_MAX:
            self._kept = self._kept[::2]
            self._every_ms *= 2
            self._wait_behind(now_ms)

    def back(self, at_ms: int) -> World | None:
        """Forget what is later than ``at_ms``; return a world from before it, in which `again` is
        to be done. None: the way begins at the begin."""
        self.given = [given for given in self.given if given.at_ms <= at_ms]
        self._kept = [kept for kept in self._kept if kept.at_ms <= at_ms]
        if not self._kept:
            self._due_ms, self.again = self._begin_ms, deque(self.given)
            return None
        last = self._kept[-1]
        self._wait_behind(last.at_ms)
        self.again = deque(self.given[last.given :])
        world, _ = copied(last.world, self._shared)
        return world  # type: ignore[no-any-return]

    def given_up(self) -> None:
        """What is still to be done again was never done: time stops before it."""
        self.given = self.given[: len(self.given) - len(self.again)]
        self.again.clear()

    def _wait_behind(self, at_ms: int) -> None:
        steps = max(0, at_ms - self._begin_ms) // self._every_ms + 1
        self._due_ms = self._begin_ms + steps * self._every_ms

    def _objects(self) -> int:
        return sum(kept.objects for kept in self._kept) if len(self._kept) > 1 else 0


def do_again(marketplace: Marketplace, command: Command) -> None:
    """Give the exchange what a client gave it before; nobody waits for the answer."""
    marketplace.pump.put(partial(_apply, marketplace, command))


def _apply(marketplace: Marketplace, command: Command, now_ms: int) -> None:
    context = marketplace.gateway.context
    now_ms = context.at(now_ms)
    context.settle(now_ms)
    # It is accepted as before, unless a host of a client's own had a part in it and is gone now.
    context.apply(command, now_ms)


def without_clients(marketplace: Marketplace, first_session: int) -> None:
    """The connections of real clients are no more; no order of theirs ends with them."""
    gateway = marketplace.gateway
    for number, session in list(gateway.sessions.items()):
        if number >= first_session:
            session.cancels_on_drop = False
            gateway.disconnect(number, True, marketplace.env.now_ms)
