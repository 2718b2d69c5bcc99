"""One run of a door: from the knock until the link has a hole or is silent. Shell."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress

from exchange.doors import log_events
from exchange.doors.bus import Bus, BusError, BusSettings
from exchange.doors.hall import Hall
from exchange.links.entries import Bye, FromDoor, Knock, Welcome, encode
from exchange.links.merge import Merge, Passed
from exchange.links.messages import (
    BEAT_MS,
    SUBJECT_IN,
    SUBJECT_PUBLIC,
    BrokenLinkError,
    Inward,
    Outward,
    Public,
    decoded,
    encoded,
    out_subject,
    pieces,
)
from exchange.log import log
from exchange.units import MS_PER_SECOND


class Run:
    """``epoch``: the highest that the door has heard of; after `live`, of this run too."""

    def __init__(self, bus: Bus, hall: Hall, door: str, epoch: int) -> None:
        self.epoch = epoch
        self._bus = bus
        self._hall = hall
        self._door = door
        self._name = secrets.token_hex(8)
        self._merge = Merge(self._name)
        self._number = 0

    async def live(self) -> None:
        """Knock, then pass on what comes until the link is over. Raises `BusError`,
        which says why."""
        bus = self._bus
        await bus.subscribe(out_subject(self._name), self._private)
        await bus.subscribe(SUBJECT_PUBLIC, self._public)
        await bus.flush()
        self.send([Knock(self._door, self.epoch)])
        while not bus.lost.done():
            await asyncio.wait((bus.lost,), timeout=BEAT_MS / MS_PER_SECOND)
            self._guarded(self._beat)
        raise BusError(bus.lost.result())

    async def say_goodbye(self) -> None:
        """Let the writer end the sessions now, if it can be told."""
        self.send([Bye()])
        await self._bus.flush()

    def send(self, entries: list[FromDoor]) -> int:
        """Send entries as one message, or in pieces; returns the last number."""
        for body, more in pieces(encode(entries)):
            self._number += 1
            message = Inward(self._name, self._merge.writer, self._number, more, body)
            self._bus.publish(SUBJECT_IN, encoded(message))
        return self._number

    def _beat(self) -> None:
        self._merge.beat()
        if self._merge.writer:
            self.send([])

    def _private(self, data: bytes) -> None:
        self._guarded(lambda: self._pass(self._merge.outward(decoded(data, Outward))))

    def _public(self, data: bytes) -> None:
        self._guarded(lambda: self._pass(self._merge.public(decoded(data, Public))))

    def _pass(self, entries: list[Passed]) -> None:
        hall, merge = self._hall, self._merge
        if entries and isinstance(entries[0], Welcome) and not hall.is_open:
            self.epoch = max(self.epoch, merge.epoch)
            hall.begin(self.send, entries[0].url)
            log.write(log_events.link_open(entries[0].url))
        hall.apply(entries)
        hall.taken(merge.taken)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Nothing is passed on after the first hole."""
        if self._bus.lost.done():
            return
        try:
            work()
        except BrokenLinkError as error:
            self._bus.give_up(str(error))


async def run_once(settings: BusSettings, hall: Hall, door: str, epoch: int) -> tuple[int, str]:
    """Be linked to the writer as long as it goes; returns the highest epoch heard, and why it is
    over."""
    try:
        bus = await Bus.connect(settings)
    except BusError as error:
        return epoch, str(error)
    run = Run(bus, hall, door, epoch)
    try:
        await run.live()
    except BusError as error:
        return run.epoch, str(error)
    except asyncio.CancelledError:
        with suppress(BusError):  # Then the writer will notice the silence.
            await run.say_goodbye()
        raise
    finally:
        await bus.close()
    raise AssertionError("it lives until it fails")
