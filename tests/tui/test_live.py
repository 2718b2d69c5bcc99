"""The terminal on a real exchange that is killed and comes back at the same address."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from exchange.client import Client
from exchange.keys import load_private_key, new_key, public_key_b64
from exchange.wire.admin_requests import AdminAccount, AdminDeposit, AdminKey
from exchange.wire.types import Channel
from tests.tui.demo.test_demo import until, wait_until
from tui.app import HeadroomApp
from tui.live_link import LiveLink

ROOT = Path(__file__).parent.parent.parent
SYMBOL = "small.eu-de.flat.spot"
SOON_S = 9


def headroom(folder: Path, *args: str) -> None:
    command = [sys.executable, "-m", "headroom", *args]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, timeout=60)


def founded(folder: Path, name: str = "acme") -> tuple[Path, Path]:
    """Make an exchange in ``folder``/data; return the operator's key and one for ``name``."""
    operator, key = folder / "operator.pem", folder / f"{name}.pem"
    new_key(operator)
    new_key(key)
    headroom(folder, "exchange", "init", "--data", "data", "--operator-key", str(operator))
    return operator, key


def serve(folder: Path, listen: str, ready: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "headroom", "exchange", "serve", "--data", "data"]
    command += ["--listen", listen, "--ready-file", str(ready)]
    return subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)})


@asynccontextmanager
async def serving(folder: Path, listen: str) -> AsyncIterator[tuple[str, subprocess.Popen[bytes]]]:
    """Serve the exchange in ``folder``; yields its URL and process. The loop runs while it starts
    and ends: a terminal dials and draws meanwhile, as in earnest."""
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    child = serve(folder, listen, ready)
    try:
        await asyncio.to_thread(wait_until, ready.exists)
        yield json.loads(ready.read_text())["url"], child
    finally:
        child.send_signal(signal.SIGTERM)
        await asyncio.to_thread(child.wait, 60)


async def open_account(url: str, operator: Path, key: Any) -> None:
    async with Client(url, load_private_key(operator)) as client:
        await client.request(AdminAccount(req_id=1, account="acme", name="Acme"))
        await client.request(
            AdminKey(
                req_id=1,
                account="acme",
                key_id="acme",
                public_key=public_key_b64(load_private_key(key)),
                role="trader",
            )
        )
        await client.request(
            AdminDeposit(req_id=1, account="acme", amount_ucr=50_000_000, ref="opening")
        )


def test_killed_and_back_the_terminal_goes_stale_and_finds_its_order_again(tmp_path: Path) -> None:
    operator, key = founded(tmp_path)

    async def main() -> None:
        async with serving(tmp_path, "127.0.0.1:0") as (url, child):
            await open_account(url, operator, key)
            app = HeadroomApp(LiveLink(url, key), symbol=SYMBOL)
            await app.link.open()
            async with app.run_test(size=(160, 50)) as pilot:
                assert app.market is not None
                views = app.market.views
                await until(app, pilot, lambda: "50.0000" in views["money"].text)
                # Nobody has quoted yet, so there is no price to begin from but one's own.
                await pilot.press("b", "p", *"0.02", "enter", "enter", "enter")
                await until(app, pilot, lambda: "o-1" in views["orders"].text)
                child.kill()
                child.wait(60)
                await until(app, pilot, lambda: "STALE" in views["head"].text)
                async with serving(tmp_path, url.split("/")[2]):
                    await until(app, pilot, lambda: "live" in views["head"].text)
                    await until(app, pilot, lambda: "o-1" in views["orders"].text)
                    await pilot.press("4", "c")
                    await until(app, pilot, lambda: "no open orders" in views["orders"].text)
                    assert "50.0000" in views["money"].text
                await app.link.close()

    asyncio.run(main())


class Killer(LiveLink):
    """Kills the exchange as the terminal asks for the second of dozens of books."""

    def __init__(self, url: str, key: Path, child: subprocess.Popen[bytes]) -> None:
        super().__init__(url, key)
        self._child, self._books = child, 0

    async def subscribe(self, channel: Channel, symbol: str | None = None) -> object:
        self._books += channel == "book"
        if channel == "book" and self._books == 2:
            self._child.kill()
            self._child.wait(60)
        return await super().subscribe(channel, symbol)


def test_killed_while_it_is_asked_and_back_the_terminal_sees_both_soon(tmp_path: Path) -> None:
    """(Seen to take more than 10 s to see that the exchange was gone: each answer was waited for.)

    The figures are those of a busy machine; a free one takes a tenth.
    """
    operator, _ = founded(tmp_path)

    async def main() -> None:
        async with serving(tmp_path, "127.0.0.1:0") as (url, child):
            link = Killer(url, operator, child)
            app = HeadroomApp(link)
            connection = app.desk.model.connection
            await link.open()
            async with app.run_test(size=(80, 24)) as pilot:
                async with asyncio.timeout(SOON_S):
                    await until(app, pilot, lambda: connection.phase == "lost")
                async with serving(tmp_path, url.split("/")[2]):
                    async with asyncio.timeout(SOON_S):
                        await until(app, pilot, lambda: not app.shared.notice)
                        await until(app, pilot, lambda: len(app.desk.model.books) > 2)
                    await link.close()

    asyncio.run(main())
