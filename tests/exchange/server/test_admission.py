"""Admission over real sockets: slots for handshakes, refusals before the upgrade."""

import asyncio
import gc
import socket
import warnings
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from exchange.client import Client
from exchange.server.admission import CONNECTIONS_MAX, HANDSHAKES_MAX, Admission
from exchange.server.connection import WireConnection
from exchange.session.addresses import REMOTE, Addresses
from tests.exchange.support.harness import DEADLINE_S, OPERATOR, raw, running, until


def run(main: Any) -> None:
    asyncio.run(asyncio.wait_for(main(), DEADLINE_S))


def admission(connections: dict[int, Any], files: int = 20_000) -> Admission:
    return Admission(Addresses(), connections, lambda: 0, files)


FILES = [(20_000, CONNECTIONS_MAX, HANDSHAKES_MAX), (1_024, 672, 224), (100, 0, 0)]


@pytest.mark.parametrize(("files", "connections_max", "handshakes_max"), FILES)
def test_a_process_that_may_open_few_files_takes_fewer_connections(
    files: int, connections_max: int, handshakes_max: int
) -> None:
    made = admission({}, files)
    assert (made.connections_max, made.handshakes_max) == (connections_max, handshakes_max)


def test_refusals_come_as_http_with_a_time_to_come_back() -> None:
    connections: dict[int, WireConnection | None] = {}
    made = admission(connections, 200)
    assert made.refusal("127.0.0.1") is None
    connections.update(dict.fromkeys(range(54)))
    full = made.refusal("127.0.0.1")
    assert full is not None
    assert (full.status_code, full.headers["Retry-After"]) == (503, "1")
    made = admission({})
    for _ in range(REMOTE.connects_per_s * REMOTE.saved_s):
        assert made.refusal("192.0.2.1") is None
    often = made.refusal("192.0.2.1")
    assert often is not None
    assert (often.status_code, often.headers["Retry-After"]) == (429, "1")


def test_handshakes_without_a_slot_are_dropped_and_slots_come_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as server:
            server._admission.handshakes_max = 5
            idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(5)]
            await until(lambda: len(server._admission._outside) == 5)
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            with suppress(ConnectionError):
                assert await reader.read() == b""
            for _, other in [*idle, (reader, writer)]:
                other.close()
            await until(lambda: not server._admission._outside)
            async with Client(server.url, OPERATOR) as operator:
                assert operator.account

    run(main)


def test_two_hundred_connections_from_loopback_and_one_too_many(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as server, AsyncExitStack() as stack:
            opening = [stack.enter_async_context(raw(server.url)) for _ in range(200)]
            for connection in await asyncio.gather(*opening):
                assert (await connection.frame())["type"] == "hello"
            server._admission.connections_max = 200
            with pytest.raises(InvalidStatus, match="503"):
                async with raw(server.url):
                    pass

    run(main)


@pytest.mark.parametrize("turns", range(5))
def test_who_is_accepted_while_the_exchange_stops_leaves_no_open_socket(
    tmp_path: Path, turns: int
) -> None:
    """In whichever turn of the loop it happens."""

    async def main() -> None:
        async with running(tmp_path / "data") as server:
            with socket.create_connection(("127.0.0.1", server.port)):
                for _ in range(turns):
                    await asyncio.sleep(0)
                stopping = asyncio.create_task(server._stop_listening())
                for _ in range(5):
                    await asyncio.sleep(0)
            await stopping

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", ResourceWarning)
        run(main)
        gc.collect()
    assert [str(one.message) for one in seen] == []
