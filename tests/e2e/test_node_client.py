"""The example client for Node runs as it stands, against a real exchange.

Here and not with the other examples, because Node is installed by `make e2e` only.
"""

import asyncio
from pathlib import Path

from tests.exchange.test_example_clients import EXAMPLES, market, order_ids, said

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
