"""A real exchange for tests: created in a scratch directory, served on a loopback port.

In process (`running`) for protocol tests, as a process of its own (`ServerProcess`) where it is to
be killed or refused. No sleeps: everything waits on events with a deadline.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from exchange.client import Client
from exchange.engine.engine import Engine
from exchange.journal.chain import checked
from exchange.journal.rows import JournalRow
from exchange.keys import public_key_b64, sign_b64
from exchange.model.config import ExchangeConfig, default_config
from exchange.recovery import loading
from exchange.recovery.loading import load
from exchange.server.clock import SystemClock
from exchange.server.server import ExchangeServer, Settings
from exchange.storage.sqlite_journal import DataLock, stored_rows
from exchange.storage.sqlite_store import SqliteStore
from exchange.wire.admin_requests import AdminAccount, AdminDeposit, AdminKey, AdminLimits
from exchange.wire.codec import CODECS, SUBPROTOCOL
from exchange.wire.frames import Hello
from exchange.wire.instructions import HostSync
from exchange.wire.login import login_message
from exchange.wire.requests import HostAnnounce, HostEnroll, HostHeartbeat, HostSynced, HostToken
from exchange.wire.types import Capacity, HostLoad
from tests.command import run_beside

ROOT = Path(__file__).parents[3]
SYMBOL = "small.eu-de.flat.spot"
DEADLINE_S = 30.0
BIG = Capacity(1_000_000, 4_000_000, 10_000_000)

OPERATOR = Ed25519PrivateKey.from_private_bytes(b"o" * 32)


def key_of(name: str) -> Ed25519PrivateKey:
    """Return the same key for the same name, every time."""
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b".")[:32])


def create_exchange(
    data_dir: Path, config: ExchangeConfig | None = None, at_ms: int | None = None
) -> None:
    """Create an exchange whose operator is `OPERATOR`, now or at ``at_ms``."""
    now_ms = SystemClock().now_ms() if at_ms is None else at_ms
    loading.create_exchange(data_dir, config or default_config(), public_key_b64(OPERATOR), now_ms)


def journal_rows(data_dir: Path) -> list[JournalRow]:
    """Return every row of the journal; the chain is checked on the way."""
    return [row for row, _ in checked(stored_rows(data_dir))]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds; for what nobody sends an event of, like a file."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.002)


@asynccontextmanager
async def running(
    data_dir: Path, make_engine: type[Engine] = Engine
) -> AsyncIterator[ExchangeServer]:
    """Serve ``data_dir`` in this process; on leaving, the exchange has ended with exit code 0."""
    if not (data_dir / "journal.db").exists():
        create_exchange(data_dir)
    settings = Settings(data_dir=data_dir, host="127.0.0.1", port=0)
    with DataLock(data_dir):
        server = ExchangeServer(settings, load(SqliteStore(data_dir), make_engine))
        await server.open()
        task = asyncio.create_task(server.run())
        try:
            yield server
        finally:
            server.stop()
            assert await asyncio.wait_for(task, DEADLINE_S) == 0


class Raw:
    """A connection without any help: sends bytes or objects, receives decoded frames in order."""

    def __init__(self, connection: ClientConnection, codec: str) -> None:
        self.connection = connection
        self.codec = CODECS[codec]
        self._last_req_id = 0

    async def send(self, message: Any) -> None:
        data = message if isinstance(message, bytes) else self.codec.encode(message)
        await self.connection.send(data, text=not self.codec.binary)

    async def frame(self) -> dict[str, Any]:
        """Return the next frame as a dict."""
        data = await asyncio.wait_for(self.connection.recv(decode=False), DEADLINE_S)
        decoder = msgspec.msgpack if self.codec.binary else msgspec.json
        frame: dict[str, Any] = decoder.decode(data)
        return frame

    async def drained(self) -> None:
        """Read to the end of the connection."""
        with suppress(ConnectionClosedError):
            async for _ in self.connection:
                pass

    async def ask(self, tag: str, **fields: Any) -> dict[str, Any]:
        """Send a request and return the next frame, which must be its answer."""
        self._last_req_id += 1
        await self.send({"type": tag, "req_id": self._last_req_id, **fields})
        reply = await self.frame()
        assert reply["req_id"] == self._last_req_id, reply
        return reply

    async def log_in(self, key: Ed25519PrivateKey, key_id: str | None = None) -> dict[str, Any]:
        hello = await self.frame()
        fields = {name: value for name, value in hello.items() if name != "type"}
        text = login_message(
            key_id or public_key_b64(key), lambda data: sign_b64(key, data), Hello(**fields)
        )
        return await self.ask("auth", key_id=text.key_id, signature=text.signature)


@asynccontextmanager
async def raw(url: str, codec: str = "json") -> AsyncIterator[Raw]:
    """Open a bare WebSocket connection."""
    async with connect(
        url,
        subprotocols=[Subprotocol(SUBPROTOCOL[codec])],
        compression=None,
        max_size=2**24,
        proxy=None,
    ) as connection:
        yield Raw(connection, codec)


async def add_account(operator: Client, name: str, ucr: int = 10**12) -> Ed25519PrivateKey:
    """Open an account with money, without a rate limit, and a trader key that is `key_of(name)`."""
    key = key_of(name)
    public_key = public_key_b64(key)
    for message in (
        AdminAccount(req_id=1, account=name, name=name),
        AdminKey(req_id=1, account=name, key_id=f"{name}-1", public_key=public_key, role="trader"),
        AdminDeposit(req_id=1, account=name, amount_ucr=ucr, ref="start"),
        AdminLimits(req_id=1, account=name, orders_per_s=0),
    ):
        await operator.request(message)
    return key


async def add_host(url: str, owner: Client, name: str, token_sha256: str, token: str) -> str:
    """Enroll a host of ``owner`` that can back a great many asks; it hangs up again."""
    await owner.request(
        HostToken(req_id=1, zone="eu-de", token_sha256=token_sha256, uses=1, ttl_s=3600)
    )
    key = key_of(f"host-{name}")
    async with Client(url) as anonymous:
        enrolled = await anonymous.request(
            HostEnroll(
                req_id=1,
                token=token,
                name=name,
                hardware_id=name,
                public_key=public_key_b64(key),
            )
        )
    async with Client(url, key) as host:
        await be_live(host)
    return str(enrolled["host"])


async def be_live(host: Client) -> None:
    """Do what a host does after its login."""
    async for event in host.events():
        if isinstance(event, HostSync):
            await host.send(HostSynced(instruction_id=event.instruction_id, boot_id="boot", vms=[]))
            break
    await host.send(HostHeartbeat(load=HostLoad(1.0, 1.0), vms=0))
    await host.request(
        HostAnnounce(
            req_id=1,
            capacity=BIG,
            offered=BIG,
            classes=["nano", "small"],
            cpu_model="test",
            accel="simulated",
            agent_version="1",
            boot_id="boot",
        )
    )


class ServerProcess:
    """`headroom exchange serve` as a process, to be killed, stopped or refused. ``name``: tells
    its ready file from that of another process on the same data."""

    def __init__(
        self, data_dir: Path, *options: str, program: list[str] | None = None, name: str = "ready"
    ) -> None:
        self.ready_file = data_dir.parent / f"{data_dir.name}.{name}"
        self.ready_file.unlink(missing_ok=True)
        serve = [sys.executable, str(ROOT / "headroom.py"), "exchange", "serve"]
        command = program or [*serve, "--log-level", "error"]
        self.process = subprocess.Popen(
            [*command, "--data", str(data_dir), "--ready-file", str(self.ready_file)]
            + (list(options) or ["--listen", "127.0.0.1:0"]),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    async def url(self) -> str:
        """Wait until it serves and return its address."""
        await until(lambda: self.ready_file.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.process.communicate()[1]
        return str(json.loads(self.ready_file.read_text())["url"])

    def end(self) -> tuple[int, str]:
        """Wait for the end; returns the exit code and what it said on stderr."""
        try:
            _, errors = self.process.communicate(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, errors


def headroom(*arguments: str) -> tuple[int, str, str]:
    """Run a headroom command in this process; returns exit code, stdout, stderr."""
    return run_beside(list(arguments))


def headroom_process(*arguments: str) -> tuple[int, str, str]:
    """Run it as a process of its own, beside what this one goes on doing; see `headroom`."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "headroom.py"), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
