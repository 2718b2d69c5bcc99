"""The exchange's server: listen, pump, and an orderly end. Shell.

`serve` takes an exchange that `loading.load` brought back from its journal, runs until SIGTERM or a
lost disk and returns the exit code. Connections only register here: their frames go to the pump.
"""

import asyncio
import signal
import ssl
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from websockets.asyncio.server import Server

from exchange import files
from exchange.gateway import log_events
from exchange.gateway.gateway import Gateway
from exchange.log import log
from exchange.recovery import past, quarantine
from exchange.recovery.loading import Loaded
from exchange.recovery.past import PastCheck, PastError
from exchange.recovery.sealing import Sealer
from exchange.recovery.snapshotter import SNAPSHOT_EVERY, Snapshotter
from exchange.server import pauses, ready_file
from exchange.server.admission import Admission, raise_file_limit
from exchange.server.clock import SystemClock
from exchange.server.gauges import Gauges
from exchange.server.history_server import HistoryServer
from exchange.server.housekeeping import Housekeeping, Parts
from exchange.server.image_server import ImageServer
from exchange.server.listening import listen, stop_accepting
from exchange.server.ports import KeptJournal
from exchange.server.pump import Pump
from exchange.server.reception import Reception
from exchange.server.server_log import ServerLog
from exchange.server.starting import (
    EXIT_BROKEN,
    EXIT_DEADLINE,
    EXIT_DISK_LOST,
    StartError,
    wait_for_clock,
)
from exchange.session.uploads import QUOTA_BYTES
from exchange.storage import branch, whereabouts
from exchange.storage.branch import Drawn
from exchange.storage.disk import DiskMarks
from exchange.storage.history import HistoryError
from exchange.storage.history_source import HistorySource, SqliteSource
from exchange.storage.images import ImageStore
from exchange.storage.segments import SEGMENT_ROWS
from exchange.storage.sqlite_journal import DataDirError, DiskLostError, SqliteJournal
from exchange.storage.sqlite_store import SqliteStore
from exchange.storage.store import Store
from exchange.wire.close_codes import CLOSE_GOING_AWAY, CLOSE_RESTART, REASON_BYTES_MAX


class Settings(Struct, frozen=True, kw_only=True):
    """How to serve; ``tls`` set: wss."""

    data_dir: Path
    host: str
    port: int
    ready_file: Path | None = None
    tls: ssl.SSLContext | None = None
    accept_clock: bool = False
    private: bool = False
    snapshot_every: int = SNAPSHOT_EVERY
    """Commands between two snapshots."""
    segment_rows: int = SEGMENT_ROWS
    """Commands of one sealed segment."""
    disk: DiskMarks = DiskMarks()
    image_quota_bytes: int = QUOTA_BYTES
    """Of one account."""


class ExchangeServer:
    """A loaded exchange, listening. `open`, then `run` until `stop`; ``port`` is the real one."""

    def __init__(self, settings: Settings, loaded: Loaded) -> None:
        self._settings = settings
        self._loaded = loaded
        self._stop = asyncio.Event()
        self._successor = ""
        """Where a standby takes over at the orderly end, "" for none."""
        self._server: Server
        self._journal = self.make_journal(settings.data_dir, loaded.last_chain)
        self._clock = self.make_clock(loaded.last_ms)
        self._snapshots = Snapshotter(
            self.make_store(),
            loaded.gateway,
            lambda: self._journal.chain,
            settings.snapshot_every,
            loaded.restored_seq,
        )
        self._past = self.make_past(loaded.restored_seq)
        self._sealer = Sealer(settings.data_dir, settings.segment_rows)
        self.pump = self.make_pump(loaded.gateway, self._journal, self._clock)
        self.pump.metrics.register(Gauges(self.pump, settings.data_dir))
        self.log = ServerLog(loaded)
        self.pump.on_batch = self.log.batch
        self._images = ImageServer(self.make_images(), self.pump)
        self.pump.on_image_job = self._images.start
        loaded.gateway.uploads.quota_bytes = settings.image_quota_bytes
        addresses, now_ms = loaded.gateway.limits.addresses, self._clock.now_ms
        self._admission = Admission(addresses, {}, now_ms, raise_file_limit())
        self.reception = Reception(self.pump, self._admission, self.log)
        loaded.gateway.guard.quarantined = quarantine.read(settings.data_dir)
        fee_pct = loaded.engine.state.config.fee_pct
        self._history = HistoryServer(
            settings.data_dir, self.pump, fee_pct, self.make_store(), self.make_source()
        )
        self.pump.on_history_job = self._history.start
        self._keeping = Housekeeping(
            Parts(
                data_dir=settings.data_dir,
                disk=settings.disk,
                pump=self.pump,
                clock=self._clock,
                journal=self._journal,
                snapshots=self._snapshots,
                past=self._past,
                sealer=self._sealer,
                history=self._history,
                images=self._images,
                admission=self._admission,
                log=self.log,
            )
        )

    def make_journal(self, data_dir: Path, last_chain: bytes) -> KeptJournal:
        """Return the journal; tests replace parts of it here."""
        return SqliteJournal(data_dir, last_chain)

    def make_store(self) -> Store:
        """Return what the exchange is read back from; another place has another."""
        return SqliteStore(self._settings.data_dir)

    @property
    def place(self) -> str:
        """Return what the log calls the place of the journal."""
        return str(self._settings.data_dir)

    def make_past(self, upto_seq: int) -> PastCheck:
        return PastCheck(past.words(self._settings.data_dir, upto_seq), upto_seq)

    def make_images(self) -> ImageStore:
        return ImageStore(self._settings.data_dir)

    def make_source(self) -> HistorySource:
        return SqliteSource(self._settings.data_dir)

    def make_clock(self, last_ms: int) -> SystemClock:
        """Return the clock; a test lets days pass here."""
        return SystemClock(last_ms)

    def make_pump(self, gateway: Gateway, journal: KeptJournal, clock: SystemClock) -> Pump:
        """Return the pump; tests insert faults here."""
        return Pump(gateway, journal, clock)

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        return url_of(replace(self._settings, port=self.port))

    async def open(self) -> None:
        """Open the journal, listen and print where. Raises `StartError`, leaving nothing open, for
        a taken port, a damaged history, a file that cannot be read or written."""
        try:
            self._history.check()
            await self._journal.open()
        except (HistoryError, OSError) as error:
            raise StartError(str(error)) from error
        try:
            await self._keeping.keep_frames()
            self._find_partials()
            self._draw_branch()
            self._server = await self._listen()
            self._announce()
        except BaseException:
            await self._journal.abandon()
            raise

    def _draw_branch(self) -> None:
        """Be another exchange to the hosts than the one whose journal was copied."""
        loaded, data_dir = self._loaded, self._settings.data_dir
        try:
            drawn = self.drawn()
        except OSError as error:
            raise StartError(f"{data_dir / branch.FILE_NAME}: {files.why(error)}") from error
        except DataDirError as error:
            raise StartError(str(error)) from error
        loaded.gateway.context.branch = drawn.branch
        if drawn.new and loaded.engine.seq > 1:
            log.write(log_events.branch(drawn.branch, drawn.before))

    def drawn(self) -> Drawn:
        """Return which copy of its journal this is. Raises `OSError`, `DataDirError`."""
        loaded = self._loaded
        return branch.of(self._settings.data_dir, loaded.engine.seq, loaded.last_chain)

    def _find_partials(self) -> None:
        try:
            self._images.find_partials()
        except OSError as error:
            raise StartError(f"{error.filename}: {files.why(error)}") from error

    async def _listen(self) -> Server:
        settings = self._settings
        try:
            return await listen(
                settings.host,
                settings.port,
                settings.tls,
                handle=self.reception.handle,
                make_connection=self.reception.make_connection,
                route=self.reception.route,
            )
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            raise StartError(f"cannot listen on {where}: {error.strerror or error}") from error

    def _announce(self) -> None:
        path = self._settings.ready_file
        try:
            if path is not None:
                ready_file.announce(path, self.url)
            whereabouts.note_leader(self._settings.data_dir, self.url)
        except OSError as error:
            self._server.close()
            raise StartError(f"--ready-file {path}: {files.why(error)}") from error
        except DataDirError as error:
            self._server.close()
            raise StartError(str(error)) from error

    async def run(self) -> int:
        """Serve until `stop`; returns the exit code. Raises what the engine asserts."""
        pauses.tell(self.pump.metrics.pause_s.observe)
        self.pump.begin()
        self._past.begin()
        writer = asyncio.create_task(self.pump.run())
        self._keeping.look_at_disk()
        watch = asyncio.create_task(self._keeping.watch().run())
        stopping = asyncio.create_task(self._stop.wait())
        ends = {writer, watch, stopping}
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        self._past.end()
        self._sealer.end()
        if self._settings.ready_file is not None:
            ready_file.retract(self._settings.ready_file)
        self._keeping.end()
        if stopping in done:
            watch.cancel()
            return await self._shut_down(writer)
        watch.cancel()
        stopping.cancel()
        return await self._lost(writer if writer in done else watch)

    def stop(self) -> None:
        """End orderly: finish what is queued, say goodbye, close the journal."""
        self._stop.set()

    @property
    def _goodbye(self) -> tuple[int, str]:
        """Close code and reason at an orderly end: a standby takes over at once."""
        if not self._successor:
            return CLOSE_GOING_AWAY, "shutting down"
        reason = f"handed over to {self._successor}"
        return CLOSE_RESTART, reason if len(reason) <= REASON_BYTES_MAX else "handed over"

    async def _shut_down(self, writer: asyncio.Task[None]) -> int:
        self._successor = whereabouts.standby(self._settings.data_dir)
        self.pump.submit(lambda _: self._loaded.gateway.shut_down())
        hanging_up = asyncio.create_task(self._hang_up())
        await asyncio.wait({writer, hanging_up}, return_when=asyncio.FIRST_COMPLETED)
        self.pump.stop()
        await asyncio.wait({writer})
        if writer.exception() is not None:
            hanging_up.cancel()
            return await self._lost(writer)
        try:
            await self._snapshots.finish(last=not self._successor)
            await self._history.follow()
            await self._journal.close()
        except (DiskLostError, HistoryError) as error:
            await self._journal.abandon()
            return log_stop(error)
        log.write(log_events.stopped(0, "it was asked to"))
        return 0

    async def _hang_up(self) -> None:
        """Close every connection after its last answer. The pump still runs, so a client's own
        close counts as clean, and a connection that does not close counts as dropped."""
        await self.pump.read(lambda: None)
        for connection in list(self.pump.connections.values()):
            connection.close_soon(*self._goodbye)
        await self._stop_listening()

    async def _stop_listening(self) -> None:
        """Stop accepting connections, and end those that were accepted."""
        await stop_accepting(self._server)
        code, reason = self._goodbye
        self._server.close(code=code, reason=reason)
        await self._server.wait_closed()

    async def _lost(self, ended: asyncio.Task[None]) -> int:
        """Writer or watch died: nothing is acknowledged any more, so connections just end."""
        for connection in self._admission.connections.values():
            connection.transport.abort()
        self._snapshots.abandon()
        await self._journal.abandon()
        error = ended.exception()
        assert error is not None, "they end only by stop or by an error"
        if isinstance(error, DiskLostError | HistoryError | PastError):
            return log_stop(error)
        now_ms = self._clock.now_ms()
        stop = quarantine.stopped(self._settings.data_dir, self._loaded, error, now_ms)
        broken = EXIT_DEADLINE if stop.cause == "deadline" else EXIT_BROKEN
        code = broken if stop.kept else EXIT_DISK_LOST
        log.write(log_events.stopped(code, stop.line))
        return code


def url_of(settings: Settings) -> str:
    """Return the address at which ``settings`` listen."""
    scheme, host = "wss" if settings.tls else "ws", settings.host
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}/v1/ws"


def log_stop(error: DiskLostError | HistoryError | PastError) -> int:
    """Log in one line what ends the server; returns the exit code."""
    code = EXIT_DISK_LOST if isinstance(error, DiskLostError) else EXIT_BROKEN
    log.write(log_events.stopped(code, str(error)))
    return code


async def serve(
    settings: Settings,
    loaded: Loaded,
    make: Callable[[Settings, Loaded], ExchangeServer] = ExchangeServer,
) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code, or raises `StartError`."""
    if not settings.accept_clock:
        await wait_for_clock(loaded.last_ms)
    server = make(settings, loaded)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Set before anything is open, so that a signal during the start also ends in order.
        loop.add_signal_handler(number, server.stop)
    await server.open()
    ready_file.print_url(server.url)
    server.log.started(server.place, server.url)
    pauses.avoid()
    return await server.run()
