"""The web server: checks who comes, and gives each tab a terminal of its own. Shell."""

import asyncio
import logging
import re
import secrets
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from tui.web import pages
from tui.web.connections import Connections
from tui.web.gate import GRANT_MS, Gate, authorities, origin
from tui.web.session import AWAY, FAILED, GONE, OVER, QUIT_S, SERVER_ENDED, Session, Size

SESSIONS_MAX: Final = 20
HANDSHAKE_S: Final = 10.0
CLOSE_S: Final = 2.0
"""For a page to answer a close; one that slept answers none."""
MESSAGE_BYTES_MAX: Final = 1024 * 1024
"""Of what a page sends at once, such as a pasted text."""
HEARTBEAT_S: Final = 15.0
SECRET_BYTES: Final = 32
TOO_OLD: Final = f"The {GRANT_MS // 3_600_000} hours for which a link lets a browser in are over"
_TAB: Final = re.compile(r"[0-9a-f]{32}")
_NUMBER: Final = re.compile(r"[0-9]{1,4}")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """Serves ``command``, a process for each tab, at an address and ``names`` of this machine."""

    def __init__(
        self,
        command: Sequence[str],
        address: tuple[str, int],
        tls: ssl.SSLContext | None = None,
        names: Iterable[str] = (),
        loopback: bool = False,
    ) -> None:
        self._command = command
        self._tls = tls
        host, port = address
        self._authorities = authorities(host, port, tls is not None, names, loopback)
        self._cookie = f"headroom-{port}"  # cookies know no ports: two servers need two names
        self._gate = Gate()
        self._sessions: dict[tuple[str, str], Session] = {}
        self._files = pages.static_files()

    def new_link(self) -> str:
        """Return a link with a fresh ticket."""
        ticket = secrets.token_urlsafe(SECRET_BYTES)
        self._gate.issue(ticket, _now_ms())
        return f"{origin(self._authorities[0], self._tls is not None)}/?ticket={ticket}"

    async def serve(self, listener: socket.socket, until: Awaitable[object]) -> None:
        """Serve until ``until`` is done, then end every terminal."""
        app = web.Application(middlewares=[self._guarded])
        app.add_routes(
            [
                web.get("/", self._index, allow_head=False),
                web.get("/login", self._login),
                web.get("/static/{name}", self._static),
                web.get("/ws/{tab}", self._terminal, allow_head=False),
            ]
        )
        runner = web.AppRunner(app, access_log=None, logger=_log(), shutdown_timeout=QUIT_S)
        await runner.setup()
        assert runner.server is not None, "set up"
        self._connections = Connections(runner.server)
        closing = asyncio.create_task(self._connections.close_old())
        server = await asyncio.get_running_loop().create_server(
            self._connections.protocol,
            sock=listener,
            ssl=self._tls,
            ssl_handshake_timeout=HANDSHAKE_S if self._tls else None,
        )
        try:
            await until
        finally:
            closing.cancel()
            server.close()
            await self._end_all()
            await runner.cleanup()

    async def _end_all(self) -> None:
        going = list(self._sessions.values())
        for session in going:
            session.end(*SERVER_ENDED)
        await asyncio.gather(*(session.ended() for session in going))

    # --- who comes ---

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await self._admitted(request, handler)
        except web.HTTPException as error:
            # Of another kind than 403 only to those who are in.
            response = web.Response(status=error.status, text=f"{error.reason}\n")
        if not response.prepared:
            response.headers.update(pages.HEADERS)
        return response

    async def _admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if why := self._forged(request):
            return web.Response(status=403, text=f"{why}\n")
        if request.path == "/login":
            return await handler(request)
        # HEAD looks at a link, as a chat's preview does, and must not use it up.
        if (request.method, request.path) == ("GET", "/") and "ticket" in request.query:
            return self._redeem(request.query["ticket"])
        if self._good_until_ms(request) is None:
            return _page(pages.login("<p>This browser has not come in yet.</p>"), 403)
        return await handler(request)

    def _forged(self, request: web.Request) -> str:
        """Return why a request was not made by a page of ours, "" when all is well."""
        authority = request.headers.get("Host", "").lower()
        if authority not in self._authorities:
            return "This is not a name of this server: see --web-name"
        sent = request.headers.get("Origin")
        if sent is None and not request.path.startswith("/ws/"):
            return ""  # a browser leaves it out where it follows a link
        if sent != origin(authority, self._tls is not None):
            return "Another site has asked"
        return ""

    def _redeem(self, ticket: str) -> web.Response:
        cookie = secrets.token_urlsafe(SECRET_BYTES)
        if not self._gate.redeem(ticket, cookie, _now_ms()):
            said = "<p>This ticket is wrong, too old, or was used before.</p>"
            return _page(pages.login(said), 403)
        self._end_pushed_out()
        response = _page(pages.entered())
        response.set_cookie(
            self._cookie,
            cookie,
            max_age=GRANT_MS // 1000,
            httponly=True,
            samesite="Strict",
            secure=self._tls is not None,
            path="/",
        )
        return response

    def _end_pushed_out(self) -> None:
        for (cookie, _), session in self._sessions.items():
            if self._gate.good_until_ms(cookie, _now_ms()) is None:
                session.end(OVER, "Newer links have taken the place of this browser's")

    def _good_until_ms(self, request: web.Request) -> int | None:
        return self._gate.good_until_ms(request.cookies.get(self._cookie, ""), _now_ms())

    # --- what they get ---

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        return _page(pages.index())

    async def _login(self, _request: web.Request) -> web.StreamResponse:
        return _page(pages.login())

    async def _static(self, request: web.Request) -> web.StreamResponse:
        file = self._files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        return web.Response(body=file.body, content_type=file.content_type)

    async def _terminal(self, request: web.Request) -> web.StreamResponse:
        if not _TAB.fullmatch(request.match_info["tab"]):
            raise web.HTTPNotFound
        page = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S,
            max_msg_size=MESSAGE_BYTES_MAX,
            compress=False,
            timeout=CLOSE_S,
        )
        await page.prepare(request)
        size = Size(_number(request, "width", 80), _number(request, "height", 24)).within_bounds()
        session = await self._session(request, size)
        if isinstance(session, Session):
            transport = request.transport  # the request forgets it when the page goes
            self._connections.keep(transport)
            try:
                await session.show_on(page, size)
            finally:
                self._connections.give_up(transport)
        else:
            code, why = session
            await page.close(code=code, message=why.encode())
        return page

    async def _session(self, request: web.Request, size: Size) -> Session | tuple[int, str]:
        """Return the terminal of this tab, a new one if it has none; or why it gets none."""
        key = (request.cookies[self._cookie], request.match_info["tab"])
        while (before := self._sessions.get(key)) is not None and not before.over:
            if not before.ends:
                return before
            await before.ended()
        if "again" in request.query:  # a page that was cut off wants the terminal that it had
            return GONE, AWAY
        self._sessions = {key: one for key, one in self._sessions.items() if not one.over}
        if len(self._sessions) >= SESSIONS_MAX:
            return FAILED, f"{SESSIONS_MAX} terminals are open, the most there may be"
        session = self._sessions[key] = Session(self._command, size)
        left_ms = (self._good_until_ms(request) or 0) - _now_ms()
        asyncio.get_running_loop().call_later(left_ms / 1000, session.end, OVER, TOO_OLD)
        return session


def _log() -> logging.Logger:
    """Return where aiohttp says that we are broken; what strangers send it keeps to itself."""
    log = logging.getLogger("headroom.web")
    log.addFilter(_is_ours)
    return log


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


def _page(text: str, status: int = 200) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html")


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return int(text) if _NUMBER.fullmatch(text) else default


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
