"""A GET has bounds, whatever the other side does.

Each was seen to fail with the bound taken out of `manager.shell.http_get`.
"""

import asyncio
import gzip
import zlib

import pytest

from manager.shell.health import is_healthy
from manager.shell.http_get import get
from tests.manager.pages import page

LIMIT_S = 30.0
SHORT_S = 0.3
"""Where it is the time that runs out."""
BYTES = 1_000


async def got(
    body: bytes, headers: str = "", drips: bytes = b"", limit_s: float = LIMIT_S
) -> bytes:
    async with page(body, 200, headers, drips) as url:
        return (await get(url, limit_s, BYTES))[1]


@pytest.mark.parametrize(
    ("name", "packed"),
    [("gzip", gzip.compress(b"12.5", mtime=0)), ("deflate", zlib.compress(b"12.5"))],
)
def test_a_packed_answer_is_unpacked(name: str, packed: bytes) -> None:
    assert asyncio.run(got(packed, f"Content-Encoding: {name}\r\n")) == b"12.5"


@pytest.mark.parametrize(
    ("body", "headers", "drips", "why"),
    [
        (b"", "", b"x" * 600, "more than 1000 bytes"),
        (b"x" * 1_001, "", b"", "more than 1000 bytes"),
        (
            gzip.compress(b" " * 50_000_000, mtime=0),
            "Content-Encoding: gzip\r\n",
            b"",
            "more than 1000",
        ),
        (b"x", "Content-Encoding: gzip\r\n", b"", "not to its end"),
        (b"abc", "Content-Encoding: gzip\r\n", b"", "not gzip"),
        (b"x", "Content-Encoding: br\r\n", b"", "packed in a way"),
        (b"x", "Transfer-Encoding: chunked\r\n", b"", "."),
    ],
)
def test_what_goes_too_far_is_an_error_of_one_line(
    body: bytes, headers: str, drips: bytes, why: str
) -> None:
    with pytest.raises(OSError, match=why) as caught:
        asyncio.run(got(body, headers, drips))
    assert "\n" not in str(caught.value)


def test_an_answer_that_never_ends_is_given_up() -> None:
    with pytest.raises(OSError, match=r"\Ano whole answer within 0.3 s\Z"):
        asyncio.run(got(b"", drips=b" ", limit_s=SHORT_S))


def test_a_head_that_never_ends_is_cut() -> None:
    with pytest.raises(OSError):  # noqa: PT011  by bytes or by time: whichever comes first
        asyncio.run(got(b"", headers="X: " + "x" * 200_000, drips=b"x", limit_s=SHORT_S))


def test_a_redirect_is_not_followed() -> None:
    async def run() -> int:
        async with (
            page(b"secret") as other,
            page(b"", 302, f"Location: {other}\r\n") as url,
        ):
            return (await get(url, LIMIT_S, BYTES))[0]

    assert asyncio.run(run()) == 302


@pytest.mark.parametrize("url", ["http://[", "http://a b/", "http://127.0.0.1:99999/", "//x", ""])
def test_an_address_that_is_none_is_an_error_of_one_line(url: str) -> None:
    with pytest.raises(OSError, match=r"\A[^\n]+\Z"):
        asyncio.run(get(url, LIMIT_S, BYTES))


def test_twenty_servers_that_drip_delay_nobody_else() -> None:
    async def run() -> bytes:
        async with page(b"", drips=b" ") as slow, page(b"ok") as quick:
            probes = [asyncio.create_task(get(slow, 60.0, BYTES)) for _ in range(20)]
            await asyncio.sleep(0)
            answer = (await get(quick, 5.0, BYTES))[1]
            for probe in probes:
                probe.cancel()
            await asyncio.gather(*probes, return_exceptions=True)
            return answer

    assert asyncio.run(run()) == b"ok"


def test_a_server_without_a_health_path_is_healthy_when_it_accepts() -> None:
    async def run() -> tuple[bool, bool]:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            there = await is_healthy("127.0.0.1", port, "")
        return there, await is_healthy("127.0.0.1", port, "")

    assert asyncio.run(run()) == (True, False)
