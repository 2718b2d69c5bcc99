"""The writer's side of the bus: the sessions of all doors, as connections of the pump. Shell.

A stay on the bus is one connection to NATS. When it ends, all sessions of all doors end with it,
and when a door's messages have a hole or stop, the sessions of that door.
"""

import asyncio
import secrets
from typing import Final

import msgspec

from exchange.doors import log_events
from exchange.doors.bus import Bus, BusError, BusSettings
from exchange.doors.remote import Remote
from exchange.links.entries import Bye, FromDoor, Gone, Knock, More, Opened, Pace, Said, from_door
from exchange.links.messages import (
    BEAT_MS,
    SUBJECT_IN,
    BrokenLinkError,
    Inward,
    Receiver,
    decoded,
)
from exchange.links.outgoing import Outgoing
from exchange.links.window import Unhandled
from exchange.log import log
from exchange.server.pump import Pump
from exchange.server.reception import Reception
from exchange.units import MS_PER_SECOND

AGAIN_S: Final = 0.5
NONCE_BYTES: Final = 32


class _Run:
    """One run of a door."""

    def __init__(self, name: str, door: str, receiver: Receiver) -> None:
        self.name = name
        self.door = door
        self.receiver = receiver
        self.remotes: dict[int, Remote] = {}
        self.unhandled = Unhandled[Remote](lambda remote: remote.handled)
        self.waits = False
        """Not all of its messages are worked off."""


class Writer:
    """``url``: where the writer itself listens."""

    def __init__(
        self, settings: BusSettings, pump: Pump, reception: Reception, url: str, epoch: int
    ) -> None:
        self._settings = settings
        self._pump = pump
        self._reception = reception
        self._url = url
        self._epoch = epoch
        self._bus: Bus | None = None
        self._out = Outgoing("", 0)
        self._runs: dict[str, _Run] = {}
        self._flushing = False
        pump.on_released = self._flush

    async def run(self) -> None:
        """Be on the bus until canceled."""
        said = ""
        while True:
            try:
                bus = await Bus.connect(self._settings)
                said = ""
                await self._stay(bus)
            except BusError as error:
                if str(error) != said:
                    said = str(error)
                    log.write(log_events.bus_lost(said))
            await asyncio.sleep(AGAIN_S)

    async def end(self) -> None:
        """Tell all doors that their runs are over, and leave the bus."""
        if self._bus is not None:
            self._flush()
            bus = self._bus
            for name in list(self._runs):
                self._end(name, "the exchange stops")
            try:
                await bus.flush()
            except BusError as error:
                log.write(log_events.bus_lost(str(error)))
            await bus.close()

    async def _stay(self, bus: Bus) -> None:
        self._out = Outgoing(secrets.token_hex(8), self._epoch)
        self._bus = bus
        try:
            await bus.subscribe(SUBJECT_IN, self._arrived)
            log.write(log_events.bus_joined(self._settings.shown))
            while not bus.lost.done():
                self._beat()
                self._flush(beat=True)
                await asyncio.wait((bus.lost,), timeout=BEAT_MS / MS_PER_SECOND)
            raise BusError(bus.lost.result())
        finally:
            self._bus = None
            for name in list(self._runs):
                self._end(name, "the bus was lost")
            await bus.close()

    # --- from doors ---

    def _arrived(self, data: bytes) -> None:
        try:
            message = decoded(data, Inward)
        except BrokenLinkError:
            return  # Nobody knows whose it was; its door's next message shows the hole.
        if message.writer not in ("", self._out.writer):
            return
        run = self._runs.get(message.run)
        if run is None:
            self._knocked(message)
            return
        try:
            body = run.receiver.take(message)
            if body is not None:
                self._take(run, message.number, _entries(body))
        except BrokenLinkError as error:
            self._end(run.name, str(error))

    def _knocked(self, message: Inward) -> None:
        """A run that is not known begins with a knock; any other is told that it is over."""
        try:
            receiver = Receiver(0)
            knock = _entries(receiver.take(message) or b"\x90")[:1]
        except BrokenLinkError:
            knock = []
        if not knock or not isinstance(knock[0], Knock):
            self._publish(*self._out.unknown(message.run))
        elif knock[0].epoch <= self._epoch:  # Otherwise another writer has taken over.
            self._runs[message.run] = _Run(message.run, knock[0].name, receiver)
            self._out.open(message.run, self._url)
            log.write(log_events.door_opened(knock[0].name))
            self._flush_soon()

    def _take(self, run: _Run, number: int, entries: list[FromDoor]) -> None:
        upto: dict[Remote, int] = {}
        for entry in entries:
            remote = run.remotes.get(getattr(entry, "session", 0))
            if isinstance(entry, Said):
                if remote is not None:
                    upto[remote] = remote.give(entry.frames)
            elif isinstance(entry, Opened):
                self._opened(run, entry)
            elif isinstance(entry, Bye):
                self._end(run.name, "it said goodbye")
                return
            elif remote is not None:
                self._about(run, remote, entry)
        run.unhandled.received(number, list(upto.items()))
        run.waits = True
        if not upto:
            self._flush_soon()

    def _about(self, run: _Run, remote: Remote, entry: FromDoor) -> None:
        if isinstance(entry, Gone):
            self._gone(run, remote, entry.clean)
        elif isinstance(entry, Pace):
            (self._pump.behind if entry.slow else self._pump.keeping_up)(remote)
        elif isinstance(entry, More):
            remote.more(entry.mark)

    def _opened(self, run: _Run, entry: Opened) -> None:
        pump, number = self._pump, self._reception.next_number()
        name, session = run.name, entry.session

        def tell(said: object) -> None:
            self._out.private(name, said)  # type: ignore[arg-type]
            self._flush_soon()

        remote = Remote(number, session, tell, pump)
        run.remotes[session] = pump.connections[number] = remote
        nonce = secrets.token_hex(NONCE_BYTES)
        codec, peer = entry.codec, entry.peer
        pump.submit(lambda now: pump.gateway.connect(number, nonce, codec, peer, now))

    def _gone(self, run: _Run, remote: Remote, clean: bool) -> None:
        pump, number = self._pump, remote.number
        del run.remotes[remote.session], pump.connections[number]
        remote.abandon()
        pump.submit_behind(remote, lambda now: pump.gateway.disconnect(number, clean, now))

    def _end(self, name: str, why: str) -> None:
        """The run is over: its connections count as lost."""
        run = self._runs.pop(name)
        self._out.close(name)
        self._publish(*self._out.unknown(name))
        for remote in list(run.remotes.values()):
            self._gone(run, remote, clean=False)
        log.write(log_events.door_ended(run.door, why))

    def _beat(self) -> None:
        for run in list(self._runs.values()):
            try:
                run.receiver.beat()
            except BrokenLinkError as error:
                self._end(run.name, str(error))

    # --- to doors ---

    def _flush_soon(self) -> None:
        """Send what was said outside of a batch at the end of this turn of the loop."""
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self, beat: bool = False) -> None:
        self._flushing = False
        for run in self._runs.values():
            if run.waits:
                taken = run.unhandled.taken()
                run.waits = taken != run.receiver.number
                self._out.took(run.name, taken)
        for subject, data in self._out.flush(beat):
            self._publish(subject, data)

    def _publish(self, subject: str, data: bytes) -> None:
        if self._bus is not None:
            self._bus.publish(subject, data)


def _entries(body: bytes) -> list[FromDoor]:
    try:
        return from_door(body)
    except msgspec.DecodeError as error:
        raise BrokenLinkError(f"not entries of a link: {error}") from error
