"""The terminal's link to a control socket: absent, there, gone and back, asked."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from manager.control.frames import Ack, ControlFrame, ErrorReply, LoadRow, RuleRow, Snapshot
from manager.control.requests import BuyingStop, ControlRequest, RulePause
from manager.shell.control_server import ControlServer, bind
from manager.shell.inbox import Version
from tui.farm_link import FarmGone, SocketFarmLink
from tui.link import NoAnswerError, RefusedError
from tui.view.farm import Farm

DEADLINE_S = 30


class Manager:
    """A control socket with what it shows."""

    def __init__(self) -> None:
        self.version = Version()
        self.shown = Snapshot(0, LoadRow(1.0, 1))
        self.asked: list[ControlRequest] = []

    async def answer(self, request: ControlRequest) -> ControlFrame:
        self.asked.append(request)
        if isinstance(request, RulePause):
            return ErrorReply(request.req_id, "unknown_rule", "there is no rule 'x'")
        return Ack(request.req_id, "did it")

    def step(self, shown: Snapshot) -> None:
        self.shown = shown
        self.version.step()

    @contextlib.asynccontextmanager
    async def serving(self, path: Path) -> AsyncIterator[None]:
        server = ControlServer(self.answer, lambda: self.shown, self.version)
        task = asyncio.create_task(server.serve(bind(path)))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Reader:
    """Folds a link's events into a farm, and wakes who waits for something."""

    def __init__(self, link: SocketFarmLink) -> None:
        self.farm = Farm()
        self.gone: list[str] = []
        self._news = asyncio.Condition()
        self._task = asyncio.create_task(self._run(link))

    async def _run(self, link: SocketFarmLink) -> None:
        async for event in link.events():
            async with self._news:
                if isinstance(event, FarmGone):
                    self.gone.append(event.reason)
                    self.farm.lost(event.reason)
                else:
                    self.farm.apply(event)
                self._news.notify_all()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S), self._news:
            await self._news.wait_for(holds)

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def test_it_is_found_when_it_starts_and_again_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "m.sock"

    async def main() -> None:
        manager = Manager()
        reader = Reader(SocketFarmLink(path))
        await reader.until(lambda: bool(reader.gone))
        assert reader.gone[0] == f"no Manager runs here: nothing listens at {path}"
        async with manager.serving(path):
            await reader.until(lambda: reader.farm.phase == "up")
            manager.step(Snapshot(5, LoadRow(1.0, 1), [RuleRow("peak", "w", "d", "ready")]))
            await reader.until(lambda: [row.name for row in reader.farm.rules] == ["peak"])
        await reader.until(lambda: reader.farm.phase == "lost")
        assert reader.farm.present
        async with manager.serving(path):
            await reader.until(lambda: reader.farm.phase == "up")
        await reader.end()

    asyncio.run(main())


def test_a_request_has_an_ack_or_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "m.sock"

    async def main() -> None:
        manager = Manager()
        link = SocketFarmLink(path)
        with pytest.raises(NoAnswerError, match="no Manager is connected"):
            await link.request(BuyingStop(req_id=1))
        async with manager.serving(path):
            reader = Reader(link)
            await reader.until(lambda: reader.farm.phase == "up")
            assert await link.request(BuyingStop(req_id=1)) == "did it"
            with pytest.raises(RefusedError) as caught:
                await link.request(RulePause(req_id=1, rule="x"))
            assert (caught.value.why.reason, caught.value.why.message) == (
                "unknown_rule",
                "there is no rule 'x'",
            )
            await reader.end()

    asyncio.run(main())


def test_what_is_no_managers_socket_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.sock"

    async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n")
        await writer.drain()
        writer.close()

    async def main() -> None:
        async with await asyncio.start_unix_server(nonsense, str(path)):
            reader = Reader(SocketFarmLink(path))
            await reader.until(lambda: bool(reader.gone))
            assert reader.gone[0] == f"{path}: this is no Manager's socket"
            await reader.end()

    asyncio.run(main())
