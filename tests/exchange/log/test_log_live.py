"""The log of a real exchange: what is in it, what never is, and that nothing of it can stop us."""

import asyncio
import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from exchange.client import Client, Refused, put_image
from exchange.keys import public_key_b64
from exchange.wire.admin_requests import AdminHalt, AdminKeyRevoke, AdminKillSwitch
from exchange.wire.console_requests import ConsoleText, VmConsole
from exchange.wire.instructions import ConsoleRead, VmLaunch
from exchange.wire.requests import (
    AccountApply,
    HostEnroll,
    HostToken,
    LeaseRecall,
    OrderPlace,
    VmStart,
    VmStatus,
)
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    ROOT,
    ServerProcess,
    add_account,
    be_live,
    create_exchange,
    key_of,
    raw,
    until,
)

LISTEN = ("--listen", "127.0.0.1:0", "--snapshot-every", "10")
MARK = "fL4g"
TOKEN, USER_DATA, CONSOLE = f"{MARK}-token", f"{MARK}-user-data", f"{MARK}-console"
SYMBOL = "small.eu-de.flat.spot"
NAMES = ("operator", "seller", "buyer", "host-r1")


def order(side: Any) -> OrderPlace:
    return OrderPlace(
        req_id=1,
        client_order_id=f"{MARK}-{side}",
        symbol=SYMBOL,
        side=side,
        order_type="limit",
        price_ucr=1_000,
        qty=2,
    )


async def session(url: str, folder: Path) -> None:
    """Do all that is logged, and say every secret there is on the way."""
    async with Client(url, OPERATOR) as operator:
        for name in ("seller", "buyer"):
            await add_account(operator, name)
        async with (
            Client(url, key_of("seller")) as seller,
            Client(url, key_of("buyer")) as buyer,
            Client(url) as nobody,
        ):
            await enroll(seller, nobody)
            async with Client(url, key_of("host-r1")) as host:
                await be_live(host)
                serving = asyncio.create_task(be_host(host))
                lease = await rent(url, folder, seller, buyer)
                await seller.request(LeaseRecall(req_id=1, lease_id=lease))
                await halts(operator)
                await strangers(url)
                await operator.request(AdminKeyRevoke(req_id=1, key_id="buyer-1"))
                serving.cancel()


async def enroll(seller: Client, nobody: Client) -> None:
    digest = sha256(TOKEN.encode()).hexdigest()
    await seller.request(HostToken(req_id=1, zone="eu-de", token_sha256=digest, uses=1, ttl_s=60))
    key = public_key_b64(key_of("host-r1"))
    joined = HostEnroll(req_id=1, token=TOKEN, name="r1", hardware_id="hw-1", public_key=key)
    await nobody.request(joined)


async def be_host(host: Client) -> None:
    async for event in host.events():
        if isinstance(event, VmLaunch):
            await host.request(VmStatus(req_id=1, vm_id=event.vm_id, state="running"))
        elif isinstance(event, ConsoleRead):
            await host.send(ConsoleText(read_id=event.read_id, text=CONSOLE))


async def rent(url: str, folder: Path, seller: Client, buyer: Client) -> str:
    """Lease a unit, run a VM on it and read its console; returns the lease."""
    image = folder / "image"
    image.write_bytes(b"\0" * 4_096)
    digest = await put_image(url.replace("/v1/ws", "/v1/images"), key_of("buyer"), image, "raw")
    await seller.request(order("sell"))
    await buyer.request(order("buy"))
    state = await buyer.subscribe("account")
    lease = str(state["leases"][0]["lease_id"])
    start = VmStart(
        req_id=1,
        lease_id=lease,
        name=f"{MARK}-vm",
        image=digest,
        cmdline=f"{MARK}-cmdline",
        user_data=USER_DATA,
    )
    started = await buyer.request(start)
    shown = await buyer.request(VmConsole(req_id=1, vm_id=started["vm_id"], lines=5))
    assert shown["text"] == CONSOLE
    return lease


async def halts(operator: Client) -> None:
    for halted in (True, False):
        await operator.request(AdminHalt(req_id=1, halted=halted, symbol=SYMBOL))
    for enabled in (True, False):
        await operator.request(AdminKillSwitch(req_id=1, enabled=enabled, account="buyer"))


async def strangers(url: str) -> None:
    """A login, an enrollment, an application and bytes, all with what must not be logged."""
    key = b64encode(bytes(32)).decode()
    for fields in (
        {"type": "auth", "req_id": 1, "key_id": "k-404", "signature": f"{MARK}-signature"},
        {"type": MARK, "req_id": 1, "token": MARK},
    ):
        async with raw(url) as stranger:
            await stranger.frame()
            await stranger.send(fields)
            assert (await stranger.frame())["type"] == "error"
    async with Client(url) as nobody:
        wrong = HostEnroll(
            req_id=1,
            token=f"{MARK}-wrong",
            name="r2",
            hardware_id=f"{MARK}-hw",
            public_key=key,
        )
        with pytest.raises(Refused):
            await nobody.request(wrong)
        name, contact = f"{MARK}-name", f"{MARK}@example.org"
        own = public_key_b64(key_of("applicant"))
        await nobody.request(
            AccountApply(req_id=1, name=name, contact=contact, public_key=own, side="buy")
        )


def logged(tmp_path: Path, level: str, form: str) -> str:
    """Run the session against a real exchange; returns its log."""
    create_exchange(tmp_path / "data")
    options = ("--log-level", level, "--log-format", form)
    server = ServerProcess(tmp_path / "data", *LISTEN, *options)

    async def main() -> None:
        await asyncio.wait_for(session(await server.url(), tmp_path), DEADLINE_S)

    try:
        asyncio.run(main())
    finally:
        server.process.terminate()
        code, text = server.end()
    assert code == 0, text
    return text


ACCOUNT = ["account", "key_added", "deposit", "limits"]
EVENTS = [
    "started",
    *ACCOUNT,
    *ACCOUNT,
    "host_enrolled",
    "host_live",
    "image_stored",
    "recall",
    "halt",
    "halt_lifted",
    "kill_switch",
    "kill_switch_lifted",
    "login_refused",
    "enroll_refused",
    "application",
    "key_revoked",
    "stopped",
]
TEXT = r"""
INFO headroom \S+ \(\w+\) serves \S+ at ws://127.0.0.1:\S+: row 1, from the first row, in \d+ ms
INFO account seller opened or renamed
INFO key seller-1 of seller, trader
INFO deposit of 1000000000000 ucr for seller
INFO limits of seller changed
INFO account buyer opened or renamed
INFO key buyer-1 of buyer, trader
INFO deposit of 1000000000000 ucr for buyer
INFO limits of buyer changed
INFO host r1 \(h-1\) enrolled, approved
INFO host r1 \(h-1\) is live
INFO image ad7facb2586f of buyer stored, 4096 bytes
INFO recall of 2 units of l-1 on h-1
WARNING trading of small.eu-de.flat.spot is halted
WARNING trading of small.eu-de.flat.spot goes on
WARNING kill switch of buyer is on
WARNING kill switch of buyer is off
WARNING login refused: 127.0.0.1, key k-404: bad_signature
WARNING enrollment refused: 127.0.0.1: bad_token
INFO application \S+ for an account waits, from 127.0.0.1
INFO key buyer-1 revoked
INFO the exchange stops, exit code 0: it was asked to
"""


SNAPSHOT = r"INFO snapshot of row \d+: \d+ bytes in \d+ ms"


def test_a_session_as_sentences(tmp_path: Path) -> None:
    lines = [line.partition("Z ")[2] for line in logged(tmp_path, "info", "text").splitlines()]
    cuts = [line for line in lines if " cut: " in line]
    assert any(line.endswith(" of buyer cut: the key was revoked") for line in cuts)
    # On a busy machine a batch may be slow, and is said to be.
    told = [line for line in lines if line not in cuts and " rows took " not in line]
    # One snapshot at the end, and one before it where a slow run made more rows.
    snapshots = [line for line in told if line.startswith("INFO snapshot ")]
    assert snapshots and all(re.fullmatch(SNAPSHOT, line) for line in snapshots), snapshots
    told = [line for line in told if line not in snapshots]
    wanted = TEXT.strip().splitlines()
    assert len(told) == len(wanted), told
    for line, pattern in zip(told, wanted, strict=True):
        assert re.fullmatch(pattern, line), (line, pattern)


def test_a_session_as_json_and_no_secret_in_it(tmp_path: Path) -> None:
    """(Seen to fail with the token, and with the user data, put into a line.)"""
    text = logged(tmp_path, "debug", "json")
    assert MARK not in text
    rows = [json.loads(line) for line in text.splitlines()]
    events = [row["event"] for row in rows]
    for row in rows:
        assert list(row)[:3] == ["ts", "level", "event"]
        assert list(row)[-1] == "text"
    more = {"connected", "disconnected", "login", "cut", "snapshot"}
    by_chance = more | {"slow_batch"}  # a busy machine has slow batches
    assert [event for event in events if event not in by_chance] == EVENTS
    assert more <= set(events)
    for name in NAMES:
        private = OPERATOR if name == "operator" else key_of(name)
        secret = private.private_bytes_raw()
        assert b64encode(secret).decode() not in text
        assert secret.hex() not in text
    assert not re.search(r"[A-Za-z0-9+/]{80,}", text), "as long as a signature"


# --- stderr that does not take what is written ---


@contextmanager
def reader_gone() -> Iterator[int]:
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


@contextmanager
def nobody_reads() -> Iterator[int]:
    """A pipe that is full to the brim, and stays so."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b"x")
    except BlockingIOError:
        os.set_blocking(write, True)
    yield write
    os.close(read)
    os.close(write)


@contextmanager
def refuses() -> Iterator[int]:
    """A descriptor that fails at every write, as a full disk does."""
    handle = os.open(__file__, os.O_RDONLY)
    yield handle
    os.close(handle)


@contextmanager
def dev_full() -> Iterator[int]:
    handle = os.open("/dev/full", os.O_WRONLY)
    yield handle
    os.close(handle)


BROKEN = [reader_gone, nobody_reads, refuses]
if Path("/dev/full").is_char_device():
    BROKEN.append(dev_full)


@pytest.mark.parametrize("broken", BROKEN)
def test_a_log_that_cannot_be_written_stops_nothing(
    tmp_path: Path, broken: Callable[[], Any]
) -> None:
    with broken() as stderr:
        assert trades(tmp_path, stderr) == 0


def test_without_a_stderr_at_all(tmp_path: Path) -> None:
    assert trades(tmp_path, None) == 0
    data = (tmp_path / "data" / "journal.db").read_bytes()
    assert b" INFO " not in data, "what took its number is not to be written to"


def trades(tmp_path: Path, stderr: int | None) -> int:
    """Let an exchange serve, trade and end with such a stderr; returns its exit code."""
    create_exchange(tmp_path / "data")
    ready = tmp_path / "data.ready"
    close = "exec 2>&-; " if stderr is None else ""
    serve = f'{close}exec "$0" headroom.py exchange serve "$@"'
    options = ["--data", str(tmp_path / "data"), "--ready-file", str(ready), *LISTEN]
    process = subprocess.Popen(
        ["bash", "-c", serve, sys.executable, *options, "--log-level", "debug"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )
    try:
        asyncio.run(asyncio.wait_for(some_trades(ready), DEADLINE_S))
    finally:
        process.terminate()
        process.communicate(timeout=DEADLINE_S)
    return process.returncode


async def some_trades(ready: Path) -> None:
    await until(ready.exists)
    url = str(json.loads(await asyncio.to_thread(ready.read_text))["url"])
    async with Client(url, OPERATOR) as operator:
        for number in range(20):
            await add_account(operator, f"a{number}")
    async with Client(url, key_of("a0")) as trader:
        assert (await trader.request(order("buy")))["status"] == "new"


def test_refused_logins_cannot_flood_the_log(tmp_path: Path) -> None:
    """400 of them are some lines and a number; a host that falls silent meanwhile is told."""
    create_exchange(tmp_path / "data")
    server = ServerProcess(tmp_path / "data", *LISTEN, "--log-level", "info")

    async def main() -> None:
        url = await server.url()
        wrong = {"type": "auth", "req_id": 1, "key_id": "k", "signature": "s"}
        for _ in range(400):
            async with raw(url) as stranger:
                await stranger.send(wrong)
                await stranger.drained()
        async with Client(url, OPERATOR) as operator:
            await operator.request(AdminHalt(req_id=1, halted=True))

    try:
        asyncio.run(asyncio.wait_for(main(), DEADLINE_S))
    finally:
        server.process.terminate()
        code, text = server.end()
    assert code == 0
    lines = text.splitlines()
    refusals = [line for line in lines if "login refused" in line and "suppressed" not in line]
    [summary] = [line for line in lines if line.endswith("more suppressed: login refused")]
    assert len(refusals) < 200
    assert len(refusals) + int(summary.split()[2]) == 400
    assert any("trading of all is halted" in line for line in lines)
