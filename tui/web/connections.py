"""Which connections stay when there are too many, or one says nothing. Shell.

One that shows a terminal stays. Of all others, the peer with the most loses its oldest, so that
whoever comes with a good ticket gets in, however many strangers hold connections open.
"""

import asyncio
from collections import Counter
from typing import Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

CONNECTIONS_MAX: Final = 200
LIFE_S: Final = 30.0
"""For a connection that shows no terminal; a browser opens another when it needs one."""
LOOK_S: Final = 5.0


class Connections:
    """Makes the protocols of ``server``, and closes those for which there is no room."""

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._showing: set[asyncio.BaseTransport] = set()
        self._since: dict[RequestHandler, float] = {}

    def protocol(self) -> asyncio.Protocol:
        """Return what serves a new connection; an old one makes room for it."""
        idle = self._idle()
        if len(idle) + len(self._showing) >= CONNECTIONS_MAX and idle:
            most = Counter(map(_peer, idle)).most_common(1)[0][0]
            _drop(next(one for one in idle if _peer(one) == most))
        return self._server()

    def keep(self, transport: asyncio.BaseTransport | None) -> None:
        """Let a connection stay: it shows a terminal."""
        if transport is not None:
            self._showing.add(transport)

    def give_up(self, transport: asyncio.BaseTransport | None) -> None:
        """It shows none any more."""
        self._showing.discard(transport)

    async def close_old(self) -> None:
        """Close, until cancelled, what shows no terminal for `LIFE_S`."""
        now = asyncio.get_running_loop().time
        while True:
            self._since = {one: self._since.get(one, now()) for one in self._idle()}
            for one, since in self._since.items():
                if now() - since >= LIFE_S:
                    _drop(one)
            await asyncio.sleep(min(LOOK_S, LIFE_S))

    def _idle(self) -> list[RequestHandler]:
        """Return what shows no terminal, the oldest first."""
        return [
            one
            for one in self._server.connections
            if one.transport is not None
            and not one.transport.is_closing()
            and one.transport not in self._showing
        ]


def _peer(one: RequestHandler) -> str:
    assert one.transport is not None, "open"
    return str((one.transport.get_extra_info("peername") or ("",))[0])


def _drop(one: RequestHandler) -> None:
    assert one.transport is not None, "open"
    one.transport.abort()
