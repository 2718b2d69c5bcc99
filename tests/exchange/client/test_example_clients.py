"""The clients of protocol.md, "Clients to start from", run as they stand, against a real exchange.

They know nothing of Headroom but the protocol page. The one for Node runs in tests/e2e, where Node
is installed.
"""

import ast
import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from exchange.client import Client
from exchange.keys import load_private_key, new_key
from exchange.wire.admin_requests import AdminAccount, AdminDeposit, AdminKey
from tests.exchange.server.test_server import place, play, trader
from tests.exchange.support.harness import DEADLINE_S, OPERATOR, ROOT, raw, running

EXAMPLES = ROOT / "docs" / "examples" / "clients"


@asynccontextmanager
async def market(tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    """Serve an exchange with one account; yields its address and the account's key file."""
    key_file = tmp_path / "shop.pem"
    public_key = new_key(key_file)
    async with running(tmp_path / "data") as server:
        async with Client(server.url, OPERATOR) as operator:
            for message in (
                AdminAccount(req_id=1, account="shop", name="Shop"),
                AdminKey(
                    req_id=1, account="shop", key_id="k", public_key=public_key, role="trader"
                ),
                AdminDeposit(req_id=1, account="shop", amount_ucr=10**9, ref="1"),
            ):
                await operator.request(message)
        yield server.url, key_file


async def said(*command: str, **env: str) -> list[dict[str, object]]:
    """Run a client to its end; returns the frames it printed."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=PIPE, env={**os.environ, **env}
    )
    out, errors = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    assert (process.returncode, errors) == (0, b"")
    return [json.loads(line) for line in out.splitlines()]


async def order_ids(url: str, key_file: Path) -> list[str]:
    """Return the account's open orders by its own ids."""
    async with Client(url, load_private_key(key_file)) as shop:
        state = await shop.subscribe("account")
    return [row["client_order_id"] for row in state["orders"]]


def test_the_python_example_places_an_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with market(tmp_path) as (url, key_file):
            login, placed = await said(
                sys.executable, str(EXAMPLES / "order.py"), url, str(key_file)
            )
            assert login["result"] == {"account": "shop", "role": "trader"}
            assert placed["type"] == "ack"
            assert await order_ids(url, key_file) == ["py-1"]

    asyncio.run(main())


def test_the_examples_need_nothing_of_ours_and_stay_short() -> None:
    source = (EXAMPLES / "order.py").read_text()
    names = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    known = {"base64", "json", "sys", "pathlib", "cryptography", "websockets"}
    assert {name.partition(".")[0] for name in names} == known
    imports = sum("import" in line for line in source.splitlines())
    code = [line for line in source.splitlines() if line.strip() and not line.startswith('"""')]
    assert len(code) - imports <= 15
    script = (EXAMPLES / "order.js").read_text().splitlines()
    assert len([line for line in script if line.strip(" });") and "//" not in line]) <= 17


def test_the_shell_example_shows_prices(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        process = await asyncio.create_subprocess_exec(
            "sh",
            str(EXAMPLES / "watch.sh"),
            url,
            stdin=PIPE,
            stdout=PIPE,
            env={**os.environ, "PATH": path},
        )
        try:
            seen = await shown(process, '"symbol":"small.eu-de.flat.spot"')
            # (Seen to fail while the prompts and escape codes of a client for people came along.)
            assert all(json.loads(line) for line in seen.splitlines()[:-1])
            async with raw(url) as alice:
                await trader(alice, "alice")
                await place(alice, "a", "sell", 5, 3_000)
                await shown(process, '"ask_ucr":3000,"ask_qty":5')
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await asyncio.wait_for(process.wait(), DEADLINE_S)

    play(tmp_path, scene)


def test_the_shell_example_ends_quietly_when_nobody_reads(tmp_path: Path) -> None:
    """(Seen to fail with the traceback of a broken pipe.)"""

    async def scene(url: str) -> None:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        process = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            f"sh {EXAMPLES / 'watch.sh'} {url} | head -n 1",
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={**os.environ, "PATH": path},
        )
        await shown(process, "}\n")
        # The pipeline waits for its first command, which reads the input.
        _, errors = await asyncio.wait_for(process.communicate(b""), DEADLINE_S)
        assert errors == b""

    play(tmp_path, scene)


async def shown(process: Process, text: str) -> bytes:
    """Read and return what the process prints until ``text`` comes."""
    assert process.stdout is not None
    seen = b""
    async with asyncio.timeout(DEADLINE_S):
        while text.encode() not in seen:
            chunk = await process.stdout.read(65_536)
            assert chunk, seen
            seen += chunk
    return seen
