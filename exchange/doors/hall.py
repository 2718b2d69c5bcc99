"""The sessions at a door: what clients send goes to the writer, what it says to the clients. Shell.

What the sockets brought in one turn of the loop leaves as one message. While there is no run,
nobody is let in; when a run ends, its connections are closed, and their clients dial again.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from exchange.links.entries import (
    Close,
    Cut,
    FromDoor,
    Gone,
    Join,
    Leave,
    More,
    Opened,
    Pace,
    Rest,
    Said,
    Sent,
    Shown,
    Stored,
    StoredEnd,
    StoredPage,
    Welcome,
)
from exchange.links.merge import Passed
from exchange.links.window import WINDOW_FRAMES, Window
from exchange.server.connection import WireConnection
from exchange.server.framing import Framing
from exchange.session.deliveries import Delivery, Replay
from exchange.units import MS_PER_SECOND
from exchange.wire.close_codes import CLOSE_RESTART
from exchange.wire.codec import CODECS, Codec

RUN_OVER: Final = "the door lost the exchange; dial again"

Members = dict[int, WireConnection]


class Hall:
    """The `Inbox` of a door's connections. `begin` and `end` are of a run."""

    def __init__(self, connections: dict[int, WireConnection]) -> None:
        self.framing = Framing()
        self.connections = connections
        self.url = ""
        """Where the writer itself listens; "" while there is no run."""
        self.cut_total = 0
        self._send: Callable[[list[FromDoor]], int] | None = None
        self._window = Window[WireConnection]()
        self._entries: list[FromDoor] = []
        self._frames: dict[WireConnection, int] = {}
        self._bytes = 0
        self._leaving = False
        self._paused: list[WireConnection] = []
        self._numbers = 0
        self._codecs: dict[int, int] = {}
        self._groups: dict[int, list[Members]] = {}

    # --- runs ---

    def begin(self, send: Callable[[list[FromDoor]], int], url: str) -> None:
        """A run began; ``send`` sends entries as one message and returns its number."""
        self._send, self.url = send, url

    def end(self) -> int:
        """The run is over: close its connections; returns how many there were."""
        closing = list(self.connections.values())
        self._send, self.url = None, ""
        self._window, self._paused = Window(), []
        self._entries, self._frames, self._bytes = [], {}, 0
        self._groups.clear()
        for connection in closing:
            connection.line.items.clear()
            connection.close_soon(CLOSE_RESTART, RUN_OVER)
            connection.resume()
        return len(closing)

    @property
    def is_open(self) -> bool:
        return self._send is not None

    # --- what comes and goes ---

    def enter(self, connection: WireConnection, codec: Codec, peer: str) -> None:
        """Register a connection whose handshake is over."""
        self._numbers += 1
        number = self._numbers
        self.connections[number] = connection
        self._codecs[number] = codec.index
        if not self.is_open:  # The run ended during the handshake.
            connection.number = number
            connection.close_soon(CLOSE_RESTART, RUN_OVER)
            return
        spoken = "" if connection.speaks_other_version else codec.name
        self._tell(Opened(number, peer, spoken))
        connection.attach(number, self, codec.binary, self._stored)

    def leave(self, connection: WireConnection, clean: bool) -> None:
        number = connection.number
        del self.connections[number], self._codecs[number]
        for group in self._groups.values():
            for members in group:
                members.pop(number, None)
        if self.is_open:
            self._tell(Gone(number, clean))

    # --- what connections call ---

    @property
    def room(self) -> int:
        """How many frames may still be taken from sockets."""
        if not self.is_open:
            return WINDOW_FRAMES  # Those that are closing may still say goodbye.
        return self._window.room - sum(self._frames.values())

    def frames(self, connection: WireConnection, payloads: list[bytes]) -> None:
        if not self.is_open:
            return
        connection.line.items.extend(payloads)
        self._frames[connection] = self._frames.get(connection, 0) + len(payloads)
        self._bytes += sum(map(len, payloads))
        self._tell(Said(connection.number, payloads))

    def paused(self, connection: WireConnection) -> None:
        self._paused.append(connection)

    def behind(self, connection: WireConnection) -> None:
        self._tell(Pace(connection.number, slow=True))

    def keeping_up(self, connection: WireConnection) -> None:
        self._tell(Pace(connection.number, slow=False))

    def was_cut(self) -> None:
        self.cut_total += 1

    async def _stored(self, connection: WireConnection, replay: Replay) -> None:
        """A stored replay's place has come: ask for its first page."""
        self._tell(More(connection.number, replay.after))

    # --- to the writer ---

    @property
    def under_way(self) -> int:
        """Frames that the writer has not worked off."""
        return self._window.frames + sum(self._frames.values())

    def taken(self, number: int) -> None:
        """The writer has worked off our messages up to ``number``: read on."""
        for connection, count in self._window.taken(number):
            for _ in range(count):
                connection.line.items.popleft()
        paused, self._paused = self._paused, []
        for connection in paused:
            connection.resume()

    def _tell(self, entry: FromDoor) -> None:
        self._entries.append(entry)
        if not self._leaving:
            self._leaving = True
            asyncio.get_running_loop().call_soon(self._leave_now)

    def _leave_now(self) -> None:
        self._leaving = False
        entries, self._entries = self._entries, []
        if self._send is None or not entries:
            return
        frames, self._frames = self._frames, {}
        size, self._bytes = self._bytes, 0
        number = self._send(entries)
        self._window.sent(number, size, frames)

    # --- from the writer ---

    def apply(self, entries: list[Passed]) -> None:
        """Carry out what the writer said, in its order; one write for each connection."""
        items: dict[int, list[Delivery]] = {}
        for entry in entries:
            if type(entry) is Sent:
                items.setdefault(entry.session, []).extend(entry.frames)
            elif type(entry) is Shown:
                self._show(entry, items)
            elif type(entry) is Stored:
                # Only its place counts here: the pages have the number ``after`` says.
                place = Replay("", entry.mark, entry.mark, entry.final)
                items.setdefault(entry.session, []).append(place)
            elif isinstance(entry, Join | Leave):
                self._change(entry)
            elif not isinstance(entry, Welcome):
                self._about(entry, items)
        for number, waiting in items.items():
            self._deliver(number, waiting)

    def _show(self, entry: Shown, items: dict[int, list[Delivery]]) -> None:
        group = self._groups.get(entry.group)
        if group is None:
            return
        for index, frame in entry.frames.items():
            for number in group[index]:
                items.setdefault(number, []).append(frame)

    def _change(self, entry: Join | Leave) -> None:
        group = self._groups.setdefault(entry.group, [{} for _ in CODECS])
        connection = self.connections.get(entry.session)
        if isinstance(entry, Leave):
            for members in group:
                members.pop(entry.session, None)
            if not any(group):
                del self._groups[entry.group]
        elif connection is not None:
            group[self._codecs[entry.session]][entry.session] = connection

    def _about(self, entry: Any, items: dict[int, list[Delivery]]) -> None:
        """What is not a delivery comes after those before it."""
        number = entry.session
        self._deliver(number, items.pop(number, []))
        connection = self.connections.get(number)
        if connection is None:
            return
        if isinstance(entry, StoredPage):
            connection.write_payloads(entry.frames)
            connection.spawn(self._read(connection, entry.mark))
        elif isinstance(entry, StoredEnd):
            connection.replayed(entry.final)
        elif isinstance(entry, Close):
            connection.close_soon(entry.code, entry.reason)
        elif isinstance(entry, Rest):
            connection.rest(entry.rest_ms / MS_PER_SECOND)
        elif isinstance(entry, Cut):
            connection.transport.abort()

    async def _read(self, connection: WireConnection, mark: int) -> None:
        """Ask for the next page when this one is read."""
        await connection.drain()
        self._tell(More(connection.number, mark))

    def _deliver(self, number: int, items: list[Delivery]) -> None:
        connection = self.connections.get(number)
        if connection is not None and items:
            connection.deliver(items)
