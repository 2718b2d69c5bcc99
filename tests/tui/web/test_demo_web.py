"""`headroom demo --web`, that is `make demo-web`: it prints a link, lets in, and leaves nothing."""

import asyncio
import signal
from pathlib import Path

import httpx
import pytest

from tests.e2e.web.processes import web_terminal


def test_the_demo_for_browsers(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(short_path))

    async def main() -> None:
        async with web_terminal(short_path, "demo", "--web", "127.0.0.1:0") as server:
            async with httpx.AsyncClient() as http:
                assert (await http.get(server.link)).status_code == 200
                assert (await http.get(f"{server.base}/")).status_code == 200
            server.process.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(server.process.wait(), 60) == 0

    asyncio.run(main())
    assert not list(short_path.glob("headroom-demo-*"))
