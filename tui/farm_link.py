"""The connection to a running Manager's control socket (docs/control.md): dials again by itself.

That no Manager runs is normal: it is looked for every few seconds, quietly.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import msgspec
from msgspec.structs import replace

from manager.control.codec import frame_of, line_of
from manager.control.frames import Ack, Change, ErrorReply, Snapshot
from manager.control.requests import ControlRequest, Subscribe, VmImport, VmUpload, VmVerify
from manager.shell.control_path import found_path
from tui.link import NoAnswerError, RefusedError

FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
DIAL_S: Final = 2.0
ANSWER_S: Final = 90.0
"""A dry run takes its time; an end is seen at once."""
LONG_S: Final = 3_600.0
"""Of what reads or moves a whole image; the Manager answers when it is done."""
LONG: Final = (VmImport, VmVerify, VmUpload)
BACK_OFF_S: Final = (0.5, 1.0, 2.0, 5.0)
WAITING_MAX: Final = 64
"""Requests on their way at once."""


class FarmGone:
    """No Manager answers; ``reason`` is for a person."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


FarmEvent: TypeAlias = Snapshot | Change | FarmGone


class FarmLink(Protocol):
    """A Manager that may be there or not."""

    @property
    def path(self) -> Path:
        """Where it is looked for."""

    def events(self) -> AsyncIterator[FarmEvent]:
        """Yield what it shows, until `close`."""

    async def request(self, message: ControlRequest) -> Any:
        """Return the ack's result; raise `RefusedError` or `NoAnswerError`."""


class NoFarm:
    """No Manager, and none is looked for: that of another exchange must not be taken for ours."""

    path = Path("(nowhere)")

    async def events(self) -> AsyncIterator[FarmEvent]:
        yield FarmGone("no Manager is looked for")

    async def request(self, message: ControlRequest) -> Any:
        raise NoAnswerError("no Manager is connected")


class SocketFarmLink:
    """Over a Unix socket; ``path`` None: where ``headroom manager run`` puts it."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._writer: asyncio.StreamWriter | None = None
        self._req_id = 1
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    @property
    def path(self) -> Path:
        return self._path or found_path()

    async def events(self) -> AsyncIterator[FarmEvent]:
        """Yield snapshots, changes and losses; ends when its task is cancelled."""
        failures = 0
        while True:
            reason = "it closed the connection"
            try:
                async with self._dialed() as reader:
                    async for frame in self._frames(reader):
                        failures = 0
                        yield frame
            except (OSError, TimeoutError, ValueError, msgspec.DecodeError) as error:
                reason = _why(error, self.path)
            yield FarmGone(reason)
            await asyncio.sleep(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
            failures += 1

    async def request(self, message: ControlRequest) -> Any:
        if self._writer is None or len(self._waiting) >= WAITING_MAX:
            raise NoAnswerError("no Manager is connected")
        self._req_id += 1
        req_id = self._req_id
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[req_id] = answer
        try:
            async with asyncio.timeout(LONG_S if isinstance(message, LONG) else ANSWER_S):
                self._writer.write(line_of(replace(message, req_id=req_id)))
                await self._writer.drain()
                return await answer
        except (OSError, TimeoutError) as error:
            raise NoAnswerError(_why(error, self.path)) from error
        finally:
            self._waiting.pop(req_id, None)

    @contextlib.asynccontextmanager
    async def _dialed(self) -> AsyncIterator[asyncio.StreamReader]:
        async with asyncio.timeout(DIAL_S):
            reader, writer = await asyncio.open_unix_connection(
                str(self.path), limit=FRAME_BYTES_MAX
            )
        try:
            writer.write(line_of(Subscribe(req_id=1)))
            self._writer = writer
            yield reader
        finally:
            self._writer = None
            writer.close()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(NoAnswerError("the Manager went away before it answered"))

    async def _frames(self, reader: asyncio.StreamReader) -> AsyncIterator[Snapshot | Change]:
        while line := await reader.readline():
            match frame_of(line):
                case Snapshot() | Change() as shown:
                    yield shown
                case Ack(req_id=req_id, result=result):
                    self._answer(req_id, result)
                case ErrorReply() as error:
                    why = RefusedError(error.reason, error.message, error.field)
                    self._answer(error.req_id, why)

    def _answer(self, req_id: int, result: Any) -> None:
        answer = self._waiting.get(req_id)
        if answer is None or answer.done():
            return
        if isinstance(result, RefusedError):
            answer.set_exception(result)
        else:
            answer.set_result(result)


def _why(error: Exception, path: Path) -> str:
    match error:
        case FileNotFoundError() | ConnectionRefusedError():
            return f"no Manager runs here: nothing listens at {path}"
        case TimeoutError():
            return "the Manager does not answer"
        case OSError():
            return f"{path}: {error.strerror or error}"
        case _:
            return f"{path}: this is no Manager's socket"
