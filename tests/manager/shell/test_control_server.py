"""The control socket attacked: junk, deep JSON, endless lines, many connections, slow readers."""

import asyncio
import contextlib
import json
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from manager.control.codec import LINE_BYTES_MAX, frame_of, line_of
from manager.control.frames import Ack, Change, ControlFrame, ErrorReply, LoadRow, Snapshot, VmRow
from manager.control.requests import BuyingStop, ControlRequest, Status, Subscribe
from manager.shell import control_server
from manager.shell.control_server import (
    CONNECTIONS_MAX,
    ControlServer,
    SocketTakenError,
    bind,
)
from manager.shell.inbox import Version

LIMIT_S = 30.0
CONNECTIONS = 1_000


class Stage:
    """A server with what it shows; `step` changes that."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = Version()
        self.shown = Snapshot(0, LoadRow(1.0, 1))

    async def answer(self, request: ControlRequest) -> ControlFrame:
        return Ack(request.req_id, "did it")

    def step(self, shown: Snapshot) -> None:
        self.shown = shown
        self.version.step()


@contextlib.asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    found = Stage(folder / "m.sock")
    server = ControlServer(found.answer, lambda: found.shown, found.version)
    task = asyncio.create_task(server.serve(bind(found.path)))
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def run(folder: Path, play: Callable[[Stage], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S), stage(folder) as found:
            await play(found)

    asyncio.run(limited())


async def said(found: Stage, data: bytes) -> list[Any]:
    """Return the frames that answer ``data``."""
    reader, writer = await asyncio.open_unix_connection(str(found.path))
    writer.write(data)
    writer.write_eof()
    lines = (await reader.read()).splitlines()
    writer.close()
    return [frame_of(line) for line in lines]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"junk\n", "parse_error"),
        (b"\x00\xff\n", "parse_error"),
        (b"[" * 60_000 + b"\n", "parse_error"),
        (b'{"a":' * 10_000 + b"\n", "parse_error"),
        (b"x" * (LINE_BYTES_MAX + 100) + b"\n", "line_too_long"),
        (b"GET / HTTP/1.1\r\n", "parse_error"),
        (b'{"type":"rule.set","req_id":1,"rule":{}}\n', "invalid_field"),
    ],
)
def test_junk_is_answered_in_a_line(tmp_path: Path, data: bytes, reason: str) -> None:
    async def play(found: Stage) -> None:
        [reply] = await said(found, data)
        assert isinstance(reply, ErrorReply) and reply.reason == reason
        assert await said(found, line_of(BuyingStop(req_id=2))) == [Ack(2, "did it")]

    run(tmp_path, play)


def test_an_endless_line_ends_its_connection(tmp_path: Path) -> None:
    async def play(found: Stage) -> None:
        _, writer = await asyncio.open_unix_connection(str(found.path))
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"y" * 65_536)
                await writer.drain()
        assert await said(found, line_of(BuyingStop(req_id=2))) == [Ack(2, "did it")]

    run(tmp_path, play)


def test_a_thousand_connections_leave_it_at_work(tmp_path: Path) -> None:
    async def play(found: Stage) -> None:
        open_now = []
        for _ in range(CONNECTIONS):
            with contextlib.suppress(BlockingIOError):
                open_now.append(await asyncio.open_unix_connection(str(found.path)))
        told = [frame_of(await reader.readline()) for reader, _ in open_now[CONNECTIONS_MAX:]]
        assert {each.reason for each in told if isinstance(each, ErrorReply)} == {"busy"}
        for _, writer in open_now:
            writer.close()
        replies: list[Any] = []
        while replies != [Ack(2, "did it")]:
            await asyncio.sleep(0)
            with contextlib.suppress(OSError):
                replies = await said(found, line_of(BuyingStop(req_id=2)))

    run(tmp_path, play)


def test_a_subscriber_gets_one_snapshot_then_changes(tmp_path: Path) -> None:
    async def play(found: Stage) -> None:
        reader, writer = await asyncio.open_unix_connection(str(found.path))
        writer.write(line_of(Subscribe(req_id=1)) + line_of(Status(req_id=2)))
        first = [frame_of(await reader.readline()) for _ in range(3)]
        assert {type(frame) for frame in first} == {Ack, Snapshot}
        for load in (2.0, 3.0, 4.0):
            found.step(Snapshot(1, LoadRow(1.0, 1, load)))
        news = frame_of(await reader.readline())
        assert news == Change(1, LoadRow(1.0, 1, 4.0)), "what lay between is left out"
        writer.write(line_of(Subscribe(req_id=3)))
        again = frame_of(await reader.readline())
        assert isinstance(again, ErrorReply) and again.reason == "not_allowed"
        writer.close()

    run(tmp_path, play)


def test_a_subscriber_that_does_not_read_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_server, "WRITE_LIMIT_S", 0.2)
    monkeypatch.setattr(control_server, "CHANGES_EVERY_S", 0.0)
    many = [VmRow(f"vm-{number}", "small", "ab" * 32) for number in range(2_000)]

    async def play(found: Stage) -> None:
        reader, writer = await asyncio.open_unix_connection(str(found.path), limit=1024)
        writer.write(line_of(Subscribe(req_id=1)))
        number = 0
        with contextlib.suppress(ConnectionError):
            while not writer.transport.is_closing():
                number += 1
                rows = [VmRow(row.name, row.vm_class, f"{number:064}") for row in many]
                found.step(Snapshot(number, LoadRow(1.0, 1), library=rows))
                writer.write(b"\n")
                await asyncio.sleep(0.01)
        assert await said(found, line_of(BuyingStop(req_id=2))) == [Ack(2, "did it")]
        del reader

    run(tmp_path, play)


def test_only_its_owner_may_open_it_and_a_dead_one_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "m.sock"
    with bind(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(SocketTakenError, match="another Manager listens there"):
            bind(path)
    with bind(path):
        assert path.is_socket()
    path.unlink()
    path.write_text(json.dumps("mine"))
    with pytest.raises(SocketTakenError):
        bind(path)
    assert path.read_text() == '"mine"'
