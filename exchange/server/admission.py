"""Limits on connections: which are accepted and which are closed. Shell.

The cheapest checks come first: a TCP connection without a free slot for its handshake is dropped
unread, and one from an address that connects too often gets 429 before the upgrade. Slots after the
handshake and before the login are the gateway's (`gateway.ANONYMOUS_MAX`).
"""

import http
import resource
from collections.abc import Callable, Collection
from typing import Final

from websockets.datastructures import Headers
from websockets.http11 import Response

from exchange.bucket import Bucket
from exchange.server.backlog import BACKLOG_MAX_MS
from exchange.server.connection import WireConnection
from exchange.session.addresses import Addresses
from exchange.units import MIB, MS_PER_SECOND, ceil_div
from exchange.wire.close_codes import CLOSE_NORMAL

CONNECTIONS_MAX: Final = 4_000
HANDSHAKES_MAX: Final = 1_000
"""TCP connections that have not finished TLS and upgrade; each has 5 s."""
HANDSHAKES_PER_S: Final = 100
HANDSHAKES_SAVED_S: Final = 5
"""Handshakes a second, of all addresses together; beyond that a connection waits."""
HANDSHAKE_GAP_MS: Final = 5
"""Shortest time between two handshakes, also within a saved-up burst: one takes 1 to 2 ms."""
OWN_FILES: Final = 128
"""File descriptors left for the journal, images and the rest of the process."""
BACKLOG_TOTAL_MAX_BYTES: Final = 256 * MIB
"""Bytes that may wait for all slow readers together; beyond it the slowest are disconnected."""
STALLED_MAX_S: Final = 20.0
"""The same time a peer has to answer pings."""
SLOW: Final = "reads too slowly"


class Stalls:
    """Finds connections whose peers read nothing of what was written: they are gone or stopped.

    Pings cannot show this, since they wait behind the unread data.
    """

    def __init__(self) -> None:
        self._seen: dict[WireConnection, tuple[int, float]] = {}
        """Bytes that waited at the last look, and since when the number has not fallen."""

    def cut(self, connections: Collection[WireConnection], now_s: float) -> None:
        """Called once a second: disconnect peers that have read nothing for `STALLED_MAX_S`."""
        before, self._seen = self._seen, {}
        for connection in connections:
            waiting = connection.transport.get_write_buffer_size() if connection.paused else 0
            if not waiting:
                continue
            was, since_s = before.get(connection, (waiting, now_s))
            self._seen[connection] = (waiting, since_s if waiting >= was else now_s)
            if now_s - self._seen[connection][1] > STALLED_MAX_S:
                connection.cut(SLOW)


class Admission:
    """``connections`` are the open ones; ``files`` is how many descriptors the process may open."""

    def __init__(
        self,
        addresses: Addresses,
        connections: dict[int, WireConnection],
        now_ms: Callable[[], int],
        files: int,
    ) -> None:
        room = max(0, files - OWN_FILES)
        self.connections_max = min(CONNECTIONS_MAX, room * 3 // 4)
        self.handshakes_max = min(HANDSHAKES_MAX, room // 4)
        self.stalls = Stalls()
        self._addresses = addresses
        self.connections = connections
        """Those with a socket here, by their session's number."""
        self._now_ms = now_ms
        self._outside: set[WireConnection] = set()
        self.gone = 0
        """Connections that have ended since the start."""
        self._handshakes = Bucket(now_ms(), HANDSHAKES_PER_S, HANDSHAKES_SAVED_S)
        self._next_ms = now_ms()
        """When the next handshake may begin."""

    def accepted(self, connection: WireConnection) -> None:
        """A TCP connection was accepted: give it a slot for its handshake, or drop it."""
        if len(self._outside) >= self.handshakes_max:
            connection.transport.abort()
            return
        self._outside.add(connection)
        now_ms, bucket = self._now_ms(), self._handshakes
        wait_ms = max(bucket.wait_ms(now_ms, HANDSHAKES_PER_S), self._next_ms - now_ms)
        bucket.spend(now_ms, HANDSHAKES_PER_S, 1)
        self._next_ms = now_ms + max(0, wait_ms) + HANDSHAKE_GAP_MS
        if wait_ms > 0:
            connection.rest(wait_ms / MS_PER_SECOND)

    def handshake_done(self, connection: WireConnection) -> None:
        """The handshake is over and the WebSocket is open."""
        self._outside.discard(connection)

    def ended(self, connection: WireConnection) -> None:
        """The connection is gone, whether its handshake was completed or not."""
        self._outside.discard(connection)
        self.gone += 1

    def refusal(self, peer: str) -> Response | None:
        """Return the HTTP answer that refuses a request, None to go on."""
        wait_ms = self._addresses.admit(peer, self._now_ms())
        if wait_ms:
            return _later(http.HTTPStatus.TOO_MANY_REQUESTS, wait_ms)
        if len(self.connections) >= self.connections_max:
            return _later(http.HTTPStatus.SERVICE_UNAVAILABLE, MS_PER_SECOND)
        return None

    def entered(self, peer: str) -> None:
        self._addresses.opened(peer, self._now_ms())

    def left(self, peer: str) -> None:
        self._addresses.closed(peer, self._now_ms())


def _later(status: http.HTTPStatus, wait_ms: int) -> Response:
    body = status.phrase.lower().encode() + b"\n"
    headers = Headers(
        {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            "Connection": "close",
            "Retry-After": str(ceil_div(wait_ms, MS_PER_SECOND)),
        }
    )
    return Response(status.value, status.phrase, headers, body)


def said_goodbye(connection: WireConnection) -> bool:
    """Return whether the client itself ended the connection with code 1000.

    A 1000 after our own close frame is only the answer to it: many libraries answer any code with
    1000.
    """
    close = connection.protocol.close_rcvd
    return (
        close is not None
        and close.code == CLOSE_NORMAL
        and bool(connection.protocol.close_rcvd_then_sent)
    )


def cut_slow(connections: Collection[WireConnection], now_s: float) -> None:
    """Disconnect slow readers: by the age of their oldest frame, and, when too much waits in total,
    those with the most bytes waiting."""
    for connection in connections:
        if connection.backlog.age_ms(now_s) > BACKLOG_MAX_MS:
            connection.cut(SLOW)
    total = sum(connection.backlog_bytes for connection in connections)
    if total <= BACKLOG_TOTAL_MAX_BYTES:
        return
    for connection in sorted(connections, key=lambda one: one.backlog_bytes, reverse=True):
        total -= connection.backlog_bytes
        connection.cut(SLOW)
        if total <= BACKLOG_TOTAL_MAX_BYTES:
            return


def raise_file_limit() -> int:
    """Raise the process's limit of open files for `CONNECTIONS_MAX` as far as allowed; returns the
    limit."""
    wanted = CONNECTIONS_MAX + HANDSHAKES_MAX + OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft
