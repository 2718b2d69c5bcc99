"""Readings of the farm's load over HTTP: a number, or one line saying why there is none."""

import asyncio

import pytest

from manager.core.ports import LoadError
from manager.shell.load_http import MAX_BODY, JsonLoad, is_healthy


async def served(status: int, body: bytes, field: str, per_s: float = 1.0) -> float:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await JsonLoad(f"http://127.0.0.1:{port}/load", field, per_s).read_rps()


@pytest.mark.parametrize(
    ("body", "field", "per_s", "value"),
    [
        (b"250", "", 1.0, 250.0),
        (b'{"a": {"b": 900.5}}', "a.b", 1.0, 900.5),
        (b'{"per_5min": 600}', "per_5min", 300.0, 2.0),
    ],
)
def test_a_reading(body: bytes, field: str, per_s: float, value: float) -> None:
    assert asyncio.run(served(200, body, field, per_s)) == value


@pytest.mark.parametrize(
    ("status", "body", "field", "why"),
    [
        (503, b"1", "", "answered 503"),
        (200, b"<html>", "", "not JSON"),
        (200, b'{"a": 1}', "b", "there is no field 'b'"),
        (200, b'{"a": 1}', "a.b", "there is no field 'a.b'"),
        (200, b'{"a": "1"}', "a", "a is no number"),
        (200, b'{"a": true}', "a", "a is no number"),
        (200, b'{"a": -1}', "a", "-1 requests make no sense"),
        (200, b" " * (MAX_BODY + 1), "", f"more than {MAX_BODY} bytes"),
    ],
)
def test_no_reading(status: int, body: bytes, field: str, why: str) -> None:
    with pytest.raises(LoadError, match=r"^load http://127\.") as caught:
        asyncio.run(served(status, body, field))
    assert why in str(caught.value)


def test_nobody_listens() -> None:
    with pytest.raises(LoadError, match="Connection refused"):
        asyncio.run(JsonLoad("http://127.0.0.1:9/load", "").read_rps())


def test_a_server_without_a_health_path_is_healthy_when_it_accepts() -> None:
    async def run() -> tuple[bool, bool]:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            there = await is_healthy("127.0.0.1", port, "")
        return there, await is_healthy("127.0.0.1", port, "")

    assert asyncio.run(run()) == (True, False)
