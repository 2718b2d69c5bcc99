"""Exchange, seller's host, Manager and the administrator's own hosts, all of them live.

Exchange, host agent and Manager are processes and can be killed and started again. The guests of
the VMs, which live in memory, and the farm's load are a web server of the test.
"""

import contextlib
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from exchange.keys import load_private_key, new_key
from tests.e2e.test_chain import Running, client, end, headroom
from tests.e2e.wait import eventually
from tests.manager.shell.test_live import (
    GUEST_PORT,
    Guest,
    ask_when_live,
    heard,
    sellers_host,
    start_logging,
    store_web,
)
from tests.sim.scenes import scene
from tests.tui.screens.rack import rack
from tests.tui.test_automation_live import CALM_ONLY

SYMBOL: Final = "small.eu-de.flat.spot"
UNITS: Final = 6
GROUP: Final = '[[group]]\nname = "rack-{0}"\nhosts = ["r{0}-*"]\n'
EXPECT: Final = '[[expect]]\npolicy = "no_burst"\nmetric = "cost"\nmax = 0.0\n'
START_S: Final = 30.0


class Stand:
    """``guest`` tells the load. Everything of it lies in ``folder``, guests are at ``address``."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address
        self.guest = Guest()
        self.keys = {
            role: folder / f"{role}.pem" for role in ("operator", "seller", "buyer", "host")
        }
        self.listen = "127.0.0.1:0"
        self.exchange: Process | None = None
        self.manager: Process | None = None

    @property
    def running(self) -> Running:
        return Running(f"ws://{self.listen}/v1/ws", self.keys)

    async def serve(self) -> None:
        """Start the exchange, again at the address that it had."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        where = ("--listen", self.listen, "--ready-file", str(ready))
        data = ("--data", str(self.folder / "data"))
        log = self.folder / "exchange.log"
        self.exchange = await start_logging(log, "exchange", "serve", *data, *where)

        async def serving() -> Any:
            return json.loads(ready.read_text()) if ready.exists() else None

        facts = await eventually(serving, START_S, "the exchange serves")
        self.listen = facts["url"].split("/")[2]

    async def manage(self) -> None:
        """Start the Manager."""
        log = self.folder / "manager.log"
        log.unlink(missing_ok=True)
        config = ("--config", str(self.folder / "manager.toml"))
        control = ("--control", str(self.folder / "m.sock"))
        run = ("manager", "run", "--url", self.running.url)
        self.manager = await start_logging(log, *run, *config, *control)
        await heard(log, " at work")

    async def ask(self, name: str, qty: int) -> None:
        """Have the seller offer ``qty`` units, as soon as its host backs them."""
        async with client(self.running, "seller") as seller:
            await ask_when_live(seller, qty=qty, name=name)

    def words(self, role: str) -> list[str]:
        """Return what starts the terminal of a key."""
        control = str(self.folder / "m.sock")
        own = ("--key", str(self.keys[role]), "--control", control)
        return ["tui", "--url", self.running.url, *own, "--no-restore", "--symbol", SYMBOL]

    def write(self, racks: list[str]) -> None:
        """Write the files that the Manager and the terminals read."""
        groups = "".join(GROUP.format(name) for name in racks)
        config = CALM_ONLY.format(address=self.address, port=GUEST_PORT) + groups
        (self.folder / "manager.toml").write_text(config)
        store_web(self.folder)
        scenarios = self.folder / "scenarios"
        scenarios.mkdir()
        (scenarios / "short.toml").write_text(scene(EXPECT, duration_s=600), "utf-8")
        (self.folder / "headroom").mkdir()
        settings = f"scenarios = {json.dumps(str(scenarios))}\n"
        (self.folder / "headroom" / "tui.toml").write_text(settings)
        (self.folder / "state").mkdir()


async def killed(process: Process | None) -> None:
    assert process is not None
    process.kill()
    await process.wait()


@contextlib.asynccontextmanager
async def stand(folder: Path, address: str, racks: list[str]) -> AsyncIterator[Stand]:
    """Run all of it, and for each of ``racks`` a host ``rNAME-01`` in a group ``rack-NAME``."""
    made = Stand(folder, address)
    made.write(racks)
    for path in made.keys.values():
        new_key(path)
    data, operator = str(folder / "data"), str(made.keys["operator"])
    await headroom("exchange", "init", "--data", data, "--operator-key", operator)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(made.guest.at_every_port(address))
        await made.serve()
        stack.push_async_callback(_end_both, made)
        host = sellers_host(made.running, folder / "state", address, UNITS)
        await stack.enter_async_context(host)
        buyer = load_private_key(made.keys["buyer"])
        names = [f"r{name}-01" for name in racks]
        await stack.enter_async_context(rack(made.running.url, buyer, *names))
        await made.manage()
        yield made


async def _end_both(made: Stand) -> None:
    for process in (made.manager, made.exchange):
        if process is not None:
            await end(process)
