"""`headroom request`: what the wire takes, from a shell; what it does not take is one line."""

import asyncio
import json
from pathlib import Path

import pytest

from exchange.client import Client
from tests.exchange.storage.test_history import pem
from tests.exchange.support.harness import (
    OPERATOR,
    SYMBOL,
    add_account,
    headroom,
    key_of,
    running,
)

BID = {
    "type": "order.place",
    "client_order_id": "b-1",
    "symbol": SYMBOL,
    "side": "buy",
    "order_type": "limit",
    "qty": 2,
    "price_ucr": 100,
}


def test_orders_are_placed_listed_and_canceled(tmp_path: Path) -> None:
    """Seen to fail without a ``req_id`` filled in."""
    key_file = tmp_path / "bob.pem"
    key_file.write_bytes(pem(key_of("bob")))
    key_file.chmod(0o600)

    async def main() -> None:
        async with running(tmp_path / "data") as server:
            async with Client(server.url, OPERATOR) as operator:
                await add_account(operator, "bob")

            async def ask(key: bool, **fields: object) -> tuple[int, str, str]:
                who = ("--key", str(key_file)) if key else ()
                arguments = ("request", *who, "--url", server.url, json.dumps(fields))
                return await asyncio.to_thread(headroom, *arguments)

            code, out, _ = await ask(True, **BID)
            placed = json.loads(out)
            assert (code, placed["status"], placed["leaves_qty"]) == (0, "new", 2)
            code, out, _ = await ask(True, type="order.list", req_id=7)
            assert [row["order_id"] for row in json.loads(out)["orders"]] == [placed["order_id"]]
            code, out, _ = await ask(True, type="order.cancel", client_order_id="b-1")
            assert json.loads(out)["status"] == "canceled"
            code, out, errors = await ask(True, type="order.cancel", client_order_id="b-2")
            assert (code, out, errors.count("\n")) == (1, "", 1)
            assert errors.startswith("headroom: refused: unknown_order: ")
            code, out, _ = await ask(False, type="directory.search")
            assert (code, json.loads(out)) == (0, {"hosts": []})
            code, _, errors = await ask(False, type="order.list")
            assert (code, "auth_required" in errors) == (1, True)

    asyncio.run(main())


WRONG = [
    ("{", "request: not JSON: "),
    ("[]", "request: not a JSON object"),
    ("[" * 60_000, "request: not JSON: nested too deeply"),
    ("9" * 5_000, "request: not JSON: a number has too many digits"),
    ("{}", "request: Object missing required field `type`"),
    ('{"type": "order.sell"}', "request: no request has the type 'order.sell'"),
    ('{"type": ["order.list"]}', "request: "),
    ('{"type": "order.list", "symbol": "x"}', "unknown field `symbol`"),
    ('{"type": "order.cancel", "order_id": 7}', "got `int` - at `$.order_id`"),
    ('{"type": "subscribe", "channel": "ticker"}', "subscribe needs a connection that stays open"),
    (
        '{"type": "host.heartbeat", "load": {"cpu_pct": 1, "mem_pct": 1}, "vms": 0}',
        "host.heartbeat has no answer",
    ),
]


@pytest.mark.parametrize(("text", "line"), WRONG)
def test_what_is_no_request_is_one_line_and_sent_nowhere(text: str, line: str) -> None:
    code, out, errors = headroom("request", "--url", "ws://127.0.0.1:9", text)
    assert (code, out, errors.count("\n")) == (2, "", 1)
    assert line in errors
