"""The process around a running Manager: its signals, and the control socket's life. Shell."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from exchange.log import log
from manager.core import log_events
from manager.shell.actions import Actions
from manager.shell.control_path import default_path
from manager.shell.control_server import ControlServer, SocketTakenError, bind
from manager.shell.daemon import Daemon
from manager.shell.ending import end_in_time
from manager.shell.metrics import ManagerMetrics
from manager.shell.metrics_page import MetricsPage, listen

RELOADS_MAX: Final = 2
VERIFY_EVERY_S: Final = 24 * 3600.0


class Listeners(Struct, frozen=True):
    """Sockets that listen: for the control socket and for the page of metrics, if there are."""

    control: socket.socket | None
    metrics: socket.socket | None
    control_path: Path | None = None

    def tidy(self) -> None:
        """Leave no path behind under which nobody listens."""
        if self.control is not None and self.control_path is not None:
            self.control_path.unlink(missing_ok=True)


async def until_stopped(daemon: Daemon, actions: Actions, listeners: Listeners) -> None:
    """Run ``daemon`` and what serves beside it until SIGINT or SIGTERM."""
    task = asyncio.create_task(daemon.run())
    beside = _Reloads(actions)
    watch = daemon.alerting.watch(daemon.version, actions.shown)
    beside.tasks.add(asyncio.create_task(watch))
    beside.tasks.add(asyncio.create_task(_verify_daily(actions)))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: _end(task, listeners))
    loop.add_signal_handler(signal.SIGHUP, beside.begin)
    if listeners.control is not None:
        server = ControlServer(actions.answer, actions.shown, daemon.version)
        beside.tasks.add(loop.create_task(server.serve(listeners.control)))
    if listeners.metrics is not None:
        metrics = ManagerMetrics(actions.shown, daemon.alerting.alerts.counts)
        page = MetricsPage(metrics.text)
        beside.tasks.add(loop.create_task(page.serve(listeners.metrics)))
    try:
        await task
    except asyncio.CancelledError:
        log.write(log_events.stopped())
    finally:
        for side in list(beside.tasks):
            side.cancel()
        await asyncio.gather(*beside.tasks, return_exceptions=True)


def _end(task: asyncio.Task[None], listeners: Listeners) -> None:
    """Asked again it does not wait longer."""
    if not task.cancelling():
        end_in_time(listeners.tidy)
    task.cancel()


async def _verify_daily(actions: Actions) -> None:
    while True:
        await asyncio.sleep(VERIFY_EVERY_S)
        await actions.verify()


class _Reloads:
    """Reads the file again on a signal; many while it is being read are one more reading."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._under_way = 0
        self.tasks: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        if self._under_way < RELOADS_MAX:
            self._under_way += 1
            task = asyncio.get_running_loop().create_task(self._actions.reload())
            self.tasks.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way -= 1
        self.tasks.discard(task)


@contextmanager
def listening(control: Path | None, metrics: str | None) -> Iterator[Listeners]:
    """Yield what listens, and close it at the end.

    Without a control socket when the usual place is taken; a place that was named must do, else
    `SocketTakenError`, `AddressError`.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is a file in force to read again
    page = None if metrics is None else listen(metrics)
    path = control or default_path()
    listener = None
    try:
        listener = _bound(path, named=control is not None)
        yield Listeners(listener, page, path)
    finally:
        if page is not None:
            page.close()
        if listener is not None:
            listener.close()
            path.unlink(missing_ok=True)


def _bound(path: Path, named: bool) -> socket.socket | None:
    try:
        return bind(path)
    except SocketTakenError as error:
        if named:
            raise
        log.write(log_events.no_control(str(error)))
        return None
