"""Every reason of the closed sets is sent somewhere and told in protocol.md, "Reasons"."""

import asyncio
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from exchange.server.image_server import CHUNK_BYTES
from exchange.session.session import SUBSCRIPTIONS_MAX
from exchange.wire.close_codes import CLOSE_POLICY
from exchange.wire.reasons import CancelReason, LeaseEnd, RefusalReason
from exchange.wire.types import JSON_SUBPROTOCOL, MAX_FRAME_BYTES
from tests.exchange.gateway.test_gateway import order, trading
from tests.exchange.leases.test_image_market import on_images
from tests.exchange.support.harness import DEADLINE_S, ROOT, SYMBOL, raw, running
from tests.exchange.wire.test_schema import all_reasons, literals


def test_every_reason_is_sent_somewhere() -> None:
    """(Seen to fail with `unsupported_version` and `shutting_down`, which nothing sent.)"""
    modules = [path for path in (ROOT / "exchange").rglob("*.py") if path.stem != "reasons"]
    source = "".join(path.read_text("utf-8") for path in modules)
    assert [reason for reason in all_reasons() if f'"{reason}"' not in source] == []


def test_every_reason_is_written_down() -> None:
    """(Seen to fail without `no_console` and `host_unreachable` in the table.)"""
    page = (ROOT / "docs" / "protocol.md").read_text("utf-8")
    section = page.split("\n## Reasons\n")[1].split("\n## ")[0]
    table, _, ends = section.partition("\nOrders end with")
    named = re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\|.*$", table, re.MULTILINE)))
    ending = [*get_args(CancelReason), *get_args(LeaseEnd)]
    assert {reason for part in literals(RefusalReason) for reason in get_args(part)} <= set(named)
    assert set(ending) <= set(re.findall(r"`([a-z_]+)`", ends))


@pytest.mark.parametrize(
    ("offered", "first", "chosen"),
    [
        (["headroom.v2+json", "headroom.v2+msgpack"], "error", None),
        (["headroom.v2+json", JSON_SUBPROTOCOL], "hello", JSON_SUBPROTOCOL),
        (["chat"], "hello", None),
    ],
)
def test_a_client_of_another_version_is_told(
    tmp_path: Path, offered: list[str], first: str, chosen: str | None
) -> None:
    """(Seen to fail: it got version 1 and no word of it.)"""

    async def main() -> None:
        async with running(tmp_path / "data") as server:
            names = [Subprotocol(name) for name in offered]
            async with connect(server.url, subprotocols=names, proxy=None) as client:
                assert client.subprotocol == chosen
                frame = msgspec.json.decode(await client.recv())
                assert frame["type"] == first
                if first == "error":
                    assert (frame["reason"], frame["req_id"]) == ("unsupported_version", 0)
                    with pytest.raises(ConnectionClosed) as closed:
                        await client.recv()
                    assert closed.value.rcvd is not None
                    assert closed.value.rcvd.code == CLOSE_POLICY

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S))


def test_what_is_asked_behind_the_shutdown_frame_is_refused() -> None:
    """(Seen to fail: it was done, and the answer came only if the connection lived so long.)"""
    rig, alice = trading()
    before = rig.engine.state_hash()
    rig.gateway.shut_down()
    assert order(rig, alice, "late")["reason"] == "shutting_down"
    assert rig.engine.state_hash() == before
    assert rig.inbox[alice][-2]["type"] == "shutdown"


def test_subscriptions_have_a_bound_for_different_ones() -> None:
    rig, alice = trading()
    session = rig.gateway.sessions[alice]
    assert rig.ask(alice, "subscribe", channel="book", symbol=SYMBOL)["type"] == "ack"
    for number in range(SUBSCRIPTIONS_MAX - 1):
        session.channels["book", f"{number}"] = None
    over = rig.ask(alice, "subscribe", channel="trades", symbol=SYMBOL)
    assert over["reason"] == "too_many_subscriptions"
    assert rig.ask(alice, "subscribe", channel="book", symbol=SYMBOL)["type"] == "ack"
    assert rig.ask(alice, "unsubscribe", channel="book", symbol=SYMBOL)["type"] == "ack"
    assert rig.ask(alice, "subscribe", channel="trades", symbol=SYMBOL)["type"] == "ack"


def test_a_long_request_beside_image_bytes_is_refused(tmp_path: Path) -> None:
    """Frames of /v1/images may be longer than a request may be."""

    async def main() -> None:
        async with running(tmp_path / "data") as server, raw(on_images(server.url)) as images:
            assert (await images.frame())["type"] == "hello"
            await images.send(b" " * (MAX_FRAME_BYTES + 1))
            assert (await images.frame())["reason"] == "frame_too_large"
            await images.send(b" " * CHUNK_BYTES)
            assert (await images.frame())["reason"] == "frame_too_large"

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S))
