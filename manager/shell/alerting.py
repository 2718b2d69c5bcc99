"""Sends alerts to a command or a webhook, never in the way of a decision. Shell.

A bounded queue; when it is full the oldest goes. Each alert is tried a few times, each try has a
limit. Whatever a command prints is not read.
"""

import asyncio
import contextlib
import os
import shlex
import signal
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from exchange.client.backoff import Backoff
from exchange.log import log
from exchange.log.line import LogLine
from manager.control.alerts import Alerts
from manager.control.frames import AlertRow, Snapshot
from manager.core import log_events
from manager.shell.config_file import AlertsTable
from manager.shell.http_get import post
from manager.shell.inbox import Version

QUEUE_MAX: Final = 100
TRIES: Final = 5
TRY_S: Final = 10.0
LOOK_S: Final = 5.0
ANSWER_BYTES_MAX: Final = 64 * 1024

Shown: TypeAlias = Callable[[], Snapshot]


class Alerting:
    """``table``: where alerts go, ``None``: nowhere, they are only shown."""

    def __init__(self, table: AlertsTable | None, now_ms: Callable[[], int]) -> None:
        self.table = table
        self.alerts = Alerts()
        self._now_ms = now_ms
        self._waiting: deque[AlertRow] = deque(maxlen=QUEUE_MAX)
        self._more = asyncio.Event()
        self._told = ""

    def tell(self, entry: LogLine) -> None:
        """Log a line, and send an alert when it is one."""
        log.write(entry)
        self._send(self.alerts.heard(entry, self._now_ms()))

    async def watch(self, version: Version, shown: Shown) -> None:
        """Look after the budgets until canceled."""
        seen = version.number
        while True:
            await asyncio.sleep(LOOK_S)
            if version.number != seen:
                seen = version.number
                now = shown()
                self._send(self.alerts.looked(now.rules, now.spend, self._now_ms()))

    async def run(self) -> None:
        """Send what waits, one after the other, until canceled."""
        while True:
            await self._more.wait()
            while self._waiting:
                await self._deliver(self._waiting.popleft())
            self._more.clear()

    def _send(self, rows: list[AlertRow]) -> None:
        if self.table is not None and rows:
            self._waiting.extend(rows)
            self._more.set()

    async def _deliver(self, row: AlertRow) -> None:
        pauses, why = Backoff(), ""
        for _ in range(TRIES):
            table = self.table
            if table is None:
                return
            try:
                await _sent(table, msgspec.json.encode(row))
            except OSError as error:
                why = str(error)
                await asyncio.sleep(pauses.pause_s())
            else:
                self._tell("")
                return
        self._tell(why)

    def _tell(self, trouble: str) -> None:
        """Log once that alerts do not get out, and once that they do again."""
        if bool(trouble) != bool(self._told):
            self._told = trouble
            log.write(log_events.alerts(trouble))


async def _sent(table: AlertsTable, body: bytes) -> None:
    """Raises `OSError`, one line."""
    if table.webhook is not None:
        status = await post(table.webhook, body, TRY_S, ANSWER_BYTES_MAX)
        if not 200 <= status < 300:
            raise OSError(f"the webhook answers {status}")
    elif table.command is not None:
        await _run(shlex.split(table.command), body)


async def _run(argv: list[str], body: bytes) -> None:
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.PIPE, stdout=nowhere, stderr=nowhere, start_new_session=True
    )
    try:
        async with asyncio.timeout(TRY_S):
            await process.communicate(body + b"\n")
    except TimeoutError as error:
        raise OSError(f"{argv[0]} did not end within {TRY_S:g} s") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # it leads a session of its own
            await process.wait()
    if process.returncode:
        raise OSError(f"{argv[0]} ended with {process.returncode}")
