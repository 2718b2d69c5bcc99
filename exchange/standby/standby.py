"""A standby: follows, refuses clients, and serves once nobody else does. Shell.

    load --> follow, compare, ask to lead --> read the last rows --> serve, on the same port
                       |
                       +--> asked to stop, or another state than the leader's: end

The listening socket is closed and opened again between the two: whoever dials in that moment dials
again, as after any refusal.
"""

import asyncio
import signal
import time
from typing import Final, Literal

from msgspec.structs import replace
from websockets.asyncio.server import ServerConnection

from exchange.engine.engine import Engine
from exchange.gateway import log_events
from exchange.log import log
from exchange.recovery.loading import load
from exchange.server.listening import Listener, listen
from exchange.server.server import Settings, url_of
from exchange.server.starting import EXIT_BROKEN, StartError
from exchange.standby.follower import Follower
from exchange.standby.lead import Lead
from exchange.standby.refusing import Refusing
from exchange.standby.takeover import Seen, Step, step
from exchange.storage.store import AwayError, Store
from exchange.units import MS_PER_SECOND

LOOK_S: Final = 0.1
"""Between two looks that brought nothing."""
COMPARE_S: Final = 5.0
"""Between two looks for a snapshot of the leader's."""


class Standby:
    """``settings``: how to serve later. `open`, then `run` until it leads or `stop`."""

    def __init__(self, settings: Settings, follower: Follower, lead: Lead) -> None:
        self.settings = settings
        self.follower = follower
        self._lead = lead
        self._stopping = asyncio.Event()
        self._leads = False
        self._away = False
        self._lag_rows = 0
        self._lag_ms = 0
        self._compare_at_s = 0.0
        self._listener: Listener

    async def open(self) -> None:
        """Listen, on the port that is served later. Raises `StartError`."""
        refusing = Refusing(self._lead.leader_url, self.metrics)
        host, port = self.settings.host, self.settings.port
        try:
            self._listener = await listen(
                host,
                port,
                self.settings.tls,
                handle=refusing.handle,
                make_connection=ServerConnection,
                route=refusing.route,
            )
        except OSError as error:
            text = f"cannot listen on {host}:{port}: {error.strerror or error}"
            raise StartError(text) from error
        real_port = int(self._listener.sockets[0].getsockname()[1])
        self.settings = replace(self.settings, port=real_port)
        url = url_of(self.settings)
        self._lead.wait_at(url)
        log.write(log_events.standing_by(url, self.follower.seq))

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> Step:
        """Follow; returns "serve" once this process leads and has read everything, or "end"."""
        try:
            while (done := await self._next()) not in ("serve", "end"):
                if done == "wait":
                    await self._pause()
            return done
        finally:
            self.follower.end()
            self._listener.close()
            await self._listener.wait_closed()

    async def _next(self) -> Step | Literal["wait"]:
        """Look, and do what comes next; returns what that was."""
        try:
            found = await asyncio.to_thread(self._look)
            self._compare()
            seen = Seen(
                agreement=self.follower.agreement,
                leads=self._leads,
                read=found,
                asked_to_stop=self._stopping.is_set(),
            )
            done = step(seen)
            if done == "take":
                self._leads = await asyncio.to_thread(self._lead.take)
        except AwayError as error:
            self._tell_away(str(error))
            return "end" if self._stopping.is_set() else "wait"
        self._away = False
        return done if self._leads or done != "take" else "wait"

    def _tell_away(self, why: str) -> None:
        """Log once that the journal cannot be read."""
        if not self._away:
            self._away = True
            log.write(log_events.journal_away(why))

    def _look(self) -> int:
        found = self.follower.look()
        self._lag_rows = len(found)
        now_ms = int(time.time() * MS_PER_SECOND)
        self._lag_ms = max(0, now_ms - found[0][1]) if found else 0
        return len(found)

    def _compare(self) -> None:
        """Begin a comparison when the leader has a new snapshot, or take its result."""
        self.follower.reap()
        now_s = time.monotonic()
        if now_s < self._compare_at_s or self._leads:
            return
        self._compare_at_s = now_s + COMPARE_S
        if (seq := self.follower.snapshot_to_compare()) is not None:
            self.follower.compare(seq)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                await self._stopping.wait()
        except TimeoutError:
            return

    def metrics(self) -> str:
        """Return the page of metrics. ``lag``: of the newest look."""
        same = int(self.follower.agreement == "same")
        figures = {
            "headroom_journal_seq": self.follower.seq,
            "headroom_standby_lag_rows": self._lag_rows,
            "headroom_standby_lag_ms": self._lag_ms,
            "headroom_standby_agrees": same,
        }
        return "".join(f"# TYPE {name} gauge\n{name} {n}\n" for name, n in figures.items())


async def stand_by(
    settings: Settings, store: Store, lead: Lead, make_engine: type[Engine], private: bool
) -> int:
    """Follow until the exchange must be served, then serve it; returns the exit code.

    Raises `StartError`, `BrokenChainError`, `DataDirError`.
    """
    follower = Follower(store, load(store, make_engine, private))
    standby = Standby(settings, follower, lead)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, standby.stop)
    try:
        await standby.open()
        if await standby.run() == "serve":
            log.write(log_events.took_over(follower.seq))
            return await lead.serve(standby.settings, follower.loaded)
    finally:
        lead.give_up()
    if follower.agreement != "different":
        log.write(log_events.stopped(0, "it was asked to"))
        return 0
    text = f"the leader's state in snapshot {follower.compared_seq} is not ours: run `verify`"
    log.write(log_events.stopped(EXIT_BROKEN, text))
    return EXIT_BROKEN
