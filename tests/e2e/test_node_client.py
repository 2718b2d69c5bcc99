"""The example client for Node runs as it stands, against a real exchange.

Here and not with the other examples, because Node is installed by `make e2e` only.
"""

import asyncio
import os
import subprocess
from pathlib import Path

from exchange.keys import new_key
from tests.exchange.client.test_example_clients import EXAMPLES, market, order_ids, said

DEBIAN_MODULES = "/usr/share/nodejs"
"""Where Debian keeps packages such as ``ws``; only Debian's own Node looks there by itself."""


def test_the_node_example_places_an_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with market(tmp_path) as (url, key_file):
            program = str(EXAMPLES / "order.js")
            login, placed = await said(
                "node", program, url, str(key_file), NODE_PATH=DEBIAN_MODULES
            )
            assert login["result"] == {"account": "shop", "role": "trader"}
            assert placed["type"] == "ack"
            assert await order_ids(url, key_file) == ["js-1"]

    asyncio.run(main())


def test_an_old_node_without_the_package_is_told_in_a_line(tmp_path: Path) -> None:
    """(Seen to fail with the stack of a module that is not found, under Node 20.)"""
    program = tmp_path / "order.js"
    # Without its own WebSocket any Node is an old one.
    program.write_text("delete globalThis.WebSocket;\n" + (EXAMPLES / "order.js").read_text())
    new_key(tmp_path / "k.pem")
    run = subprocess.run(
        ["node", str(program), "ws://127.0.0.1:9", str(tmp_path / "k.pem")],
        env={**os.environ, "NODE_PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    line = "order.js: this Node needs: npm install ws\n"
    assert (run.returncode, run.stdout, run.stderr) == (1, "", line)
