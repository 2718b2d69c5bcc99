"""Alerts reach a command and a webhook, and one that hangs or fails is in nobody's way."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from manager.core import log_events
from manager.core.messages import Log
from manager.shell import alerting
from manager.shell.alerting import QUEUE_MAX, Alerting
from manager.shell.config_file import AlertsTable
from tests.e2e.wait import eventually

COPY = "import sys, pathlib; pathlib.Path(sys.argv[1]).open('a').write(sys.stdin.read())"


def alert(text: str) -> object:
    return log_events.of_out(Log(text, "fired"))


def play(table: AlertsTable, act: Callable[[Alerting], Awaitable[None]]) -> None:
    async def run() -> None:
        found = Alerting(table, lambda: 1_000)
        task = asyncio.create_task(found.run())
        try:
            async with asyncio.timeout(30):
                await act(found)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def lines_of(path: Path) -> list[str] | None:
    return path.read_text().splitlines() if path.exists() else None


async def written(path: Path, count: int) -> list[str]:
    async def look() -> list[str] | None:
        lines = await asyncio.to_thread(lines_of, path)
        return lines if lines and len(lines) >= count else None

    return await eventually(look, 20, f"{count} alerts")


def test_a_command_gets_each_alert_on_its_stdin(tmp_path: Path) -> None:
    target = tmp_path / "it's told"
    command = f'{sys.executable} -c "{COPY}" "{target}"'

    async def act(found: Alerting) -> None:
        for text in ("one", "two; rm -rf x"):
            found.tell(alert(text))  # type: ignore[arg-type]
        rows = [json.loads(line) for line in await written(target, 2)]
        assert [row["text"] for row in rows] == ["one", "two; rm -rf x"]
        assert rows[0] == {"number": 1, "at_ms": 1_000, "kind": "fired", "text": "one"}

    play(AlertsTable(command=command), act)


def test_a_webhook_that_fails_is_tried_again() -> None:
    bodies: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        bodies.append(await reader.readexactly(length))
        status = b"500 No" if len(bodies) < 3 else b"204 Yes"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def act(found: Alerting) -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            found.table = AlertsTable(webhook=f"http://127.0.0.1:{port}/hook")
            found.tell(alert("one"))  # type: ignore[arg-type]

            async def tried() -> bool | None:
                return len(bodies) == 3 or None

            await eventually(tried, 20, "three tries")
        assert {json.loads(body)["text"] for body in bodies} == {"one"}

    play(AlertsTable(webhook="http://127.0.0.1:1/"), act)


@pytest.mark.parametrize("command", ["/nowhere/at/all", "false", "sleep 1000"])
def test_one_that_fails_or_hangs_is_given_up(
    command: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(alerting, "TRY_S", 0.05)
    monkeypatch.setattr(alerting, "TRIES", 2)

    async def act(found: Alerting) -> None:
        for number in range(3 * QUEUE_MAX):
            found.tell(alert(f"number {number}"))  # type: ignore[arg-type]

        async def told() -> bool | None:
            return "alerts do not get out" in caplog.text or None

        await eventually(told, 20, "it is told")

    play(AlertsTable(command=command), act)
