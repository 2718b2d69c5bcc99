"""`headroom manager run --web`: the terminal's server beside a Manager, on a real exchange."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from typer.testing import CliRunner

from manager.shell.cli import app
from tests.e2e.test_chain import ROOT, end, exchange, found_market
from tests.e2e.wait import eventually
from tests.e2e.web.processes import alive, children, come_about

LIMIT_S = 60.0
CONFIG = """schema = 1
[exchange]
url = "{url}"
key = "{key}"
[[group]]
name = "rack"
hosts = ["rack-*"]
[group.offer]
kind = "none"
"""


@contextlib.asynccontextmanager
async def manager(folder: Path, *words: str) -> AsyncIterator[Process]:
    """Run a Manager without a rule."""
    place = ("--config", str(folder / "manager.toml"), "--control", str(folder / "m.sock"))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "headroom",
        "manager",
        "run",
        *place,
        *words,
        cwd=ROOT,
        env=os.environ | {"XDG_CONFIG_HOME": str(folder)},
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            await end(process)


async def first_line(process: Process) -> str:
    assert process.stdout is not None, "a pipe"
    return (await asyncio.wait_for(process.stdout.readline(), LIMIT_S)).decode().strip()


async def link(folder: Path) -> str | None:
    """Return a fresh link, None while there is none to have."""
    words = ["web-link", "--json", "--control", str(folder / "m.sock")]
    done = await asyncio.to_thread(CliRunner().invoke, app, words)
    return str(json.loads(done.stdout)["url"]) if done.exit_code == 0 else None


async def status(url: str) -> int:
    async with httpx.AsyncClient() as http:
        return (await http.get(url)).status_code


def test_links_and_an_end_with_the_manager(tmp_path: Path) -> None:
    async def main() -> None:
        async with exchange(tmp_path) as running:
            await found_market(running)
            text = CONFIG.format(url=running.url, key=running.keys["buyer"])
            await asyncio.to_thread((tmp_path / "manager.toml").write_text, text)
            async with manager(tmp_path, "--web", "127.0.0.1:0") as process:
                first = await first_line(process)
                assert [await status(first), await status(first)] == [200, 403]
                fresh = await eventually(lambda: link(tmp_path), LIMIT_S, "a fresh link")
                assert fresh != first and await status(fresh) == 200
                await started_again(process, tmp_path)
                [server] = children(process.pid)
                process.kill()
                await process.wait()
                await come_about(lambda: not alive(server), LIMIT_S, "it ends with the Manager")
            await refused(tmp_path)

    asyncio.run(main())


async def started_again(process: Process, folder: Path) -> None:
    """Killed, the terminal's server comes back, and the Manager goes on meanwhile."""
    [server] = children(process.pid)
    os.kill(server, signal.SIGKILL)
    await come_about(lambda: children(process.pid) not in ([], [server]), LIMIT_S, "a new one")
    fresh = await eventually(lambda: link(folder), LIMIT_S, "a link of the new one")
    assert await status(fresh) == 200


async def refused(folder: Path) -> None:
    """A Manager without --web has no link; one whose port is taken does not start."""
    async with manager(folder) as process:
        words = ["web-link", "--control", str(folder / "m.sock")]

        async def told() -> str | None:
            done = await asyncio.to_thread(CliRunner().invoke, app, words)
            return None if "no Manager runs here" in done.stderr else done.stderr

        said = await eventually(told, LIMIT_S, "the Manager answers")
        assert said == "headroom: not_allowed: this Manager was started without --web\n"
        assert process.returncode is None
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        async with manager(folder, "--web", where) as process:
            _, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
            assert process.returncode == 1
            assert f"headroom: --web {where}: Address already in use\n" in err.decode()
            assert err.decode().endswith("the terminal for browsers did not start\n")
