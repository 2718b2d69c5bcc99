"""The web server without a browser: limits, what it serves, what is wrong usage."""

import asyncio
import contextlib
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tui.web import connections, gate, pages, session
from tui.web.connections import CONNECTIONS_MAX
from tui.web.gate import GRANTS_MAX
from tui.web.server import SESSIONS_MAX, Site
from tui.web.session import COLS_MAX, FAILED, GONE, LEFT, MOVED, OVER, ROWS_MAX, Size

ROOT = Path(__file__).parents[3]
LIMIT_S = 30
EVERY = "0.0.0.0"  # noqa: S104
DRAWS = """
import sys
sys.stdout.buffer.write(b"__GANGLION__\\n" + b"D" + (5).to_bytes(4, "big") + b"hello")
sys.stdout.flush()
read = sys.stdin.buffer.read
while head := read(5):
    said = read(int.from_bytes(head[1:], "big"))
    if said == b"q":
        said, head = b'{"type": "exit"}', b"M"
    sys.stdout.buffer.write(head[:1].replace(b"M", b"D" if b"exit" not in said else b"M"))
    sys.stdout.buffer.write(len(said).to_bytes(4, "big") + said)
    sys.stdout.flush()
"""
"""Draws "hello", then whatever it is told; leaves on "q"."""


class Visitor:
    """Somebody with a cookie."""

    def __init__(self, http: aiohttp.ClientSession, site: Site, base: str) -> None:
        self.http, self.site, self.base = http, site, base

    async def socket(self, tab: int, more: str = "") -> aiohttp.ClientWebSocketResponse:
        return await self.http.ws_connect(f"{self.base}/ws/{tab:032x}{more}", origin=self.base)


@contextlib.asynccontextmanager
async def visiting(*command: str) -> AsyncIterator[Visitor]:
    """Serve ``command`` and come in."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        site = Site(command, ("127.0.0.1", port), loopback=True)
        over = asyncio.Event()
        serving = asyncio.create_task(site.serve(listener, over.wait()))
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address count too
        try:
            async with aiohttp.ClientSession(cookie_jar=jar) as http:
                async with http.get(site.new_link()) as response:
                    assert response.status == 200
                yield Visitor(http, site, f"http://127.0.0.1:{port}")
        finally:
            over.set()
            await asyncio.wait_for(serving, LIMIT_S)


async def drawn(page: aiohttp.ClientWebSocketResponse, wanted: str) -> str:
    """Read until ``wanted`` was drawn."""
    seen = ""
    while wanted not in seen:
        seen += (await page.receive_bytes(timeout=LIMIT_S)).decode()
    return seen


async def close_code(page: aiohttp.ClientWebSocketResponse) -> tuple[int | None, str]:
    """Read until it is closed; return the code and the reason."""
    async with asyncio.timeout(LIMIT_S):  # pings would begin a limit of each message again
        while True:
            message = await page.receive()
            if message.type == aiohttp.WSMsgType.CLOSE:
                return message.data, str(message.extra)
            assert message.type == aiohttp.WSMsgType.BINARY


def test_what_a_tab_says_and_sees() -> None:
    async def main() -> None:
        async with visiting(sys.executable, "-c", DRAWS) as visitor:
            page = await visitor.socket(1)
            await drawn(page, "hello")
            unclear = ["", "{", "[]", "7", '["stdin"]', '["resize", {"width": "x"}]']
            for unreadable in [*unclear, "[" * 100_000, '["resize", ' + '{"width":' * 100_000]:
                await page.send_str(unreadable)
            await page.send_str('["ping", "9"]')
            assert await page.receive_json(timeout=LIMIT_S) == ["pong", "9"]
            await page.send_str('["stdin", "abc"]')
            await drawn(page, "abc")
            await page.send_str('["resize", {"width": 100000, "height": -3}]')
            assert f'"width": {COLS_MAX}, "height": 1' in await drawn(page, "resize")
            again = await visitor.socket(1, "?width=99&height=44")
            assert (await close_code(page))[0] == MOVED
            assert '"width": 99, "height": 44' in await drawn(again, "attach")
            await again.send_str('["stdin", "q"]')
            assert await close_code(again) == (LEFT, "You have left the terminal")

    asyncio.run(main())


def test_there_are_so_many_terminals_and_room_again_when_one_ends() -> None:
    async def main() -> None:
        async with visiting(sys.executable, "-c", DRAWS) as visitor:
            pages = [await visitor.socket(tab) for tab in range(SESSIONS_MAX)]
            await asyncio.gather(*(drawn(page, "hello") for page in pages))
            code, why = await close_code(await visitor.socket(99))
            assert (code, str(SESSIONS_MAX) in why) == (FAILED, True)
            await pages[0].send_str('["stdin", "q"]')
            await close_code(pages[0])
            await drawn(await visitor.socket(99), "hello")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["sh", "-c", "echo headroom: no exchange there >&2; exit 1"], "no exchange there"),
        (["sh", "-c", "exit 1"], "without a word"),
        (["sh", "-c", "echo __GANGLION__; printf 'D\\377\\377\\377\\377'; echo odd >&2"], "odd"),
    ],
)
def test_the_page_says_why_a_terminal_did_not_start(command: list[str], why: str) -> None:
    async def main() -> None:
        async with visiting(*command) as visitor:
            code, said = await close_code(await visitor.socket(1))
            assert (code, why in said) == (FAILED, True), said

    asyncio.run(main())


def test_pages_name_no_other_place_and_are_kept_by_nobody() -> None:
    async def main() -> None:
        async with visiting("true") as visitor:
            for path in ("/", "/login", *(f"/static/{name}" for name in pages.static_files())):
                async with visitor.http.get(visitor.base + path) as response:
                    assert response.status == 200, path
                    assert pages.HEADERS.items() <= dict(response.headers).items()
                    text = (await response.read()).decode("utf-8", "replace")
                if not path.endswith((*pages.TEXTUAL, "svg")):
                    assert not re.search(r"(https?:)?//\w", text), path
            async with visitor.http.get(visitor.base + "/") as response:
                assert "<noscript>" in await response.text()
            async with visitor.http.get(visitor.base + "/elsewhere") as response:
                assert response.status == 404

    asyncio.run(main())


UNREADABLE = [
    b"GET /login HTTP/1.1\r\n\r\n",
    b"GET / \x00\x1b]52;c;AAAA\x07HTTP/1.1\r\n\r\n",
    b"GET /login HTTP/1.1\r\nHost: HOST\r\nHost: elsewhere\r\n\r\n",
    b"GET /login HTTP/1.1\r\nHost: HOST\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    b"GET /login HTTP/1.1\r\nHost: HOST\r\n" + b"X: a\r\n" * 20_000 + b"\r\n",
    b"POST /login HTTP/1.1\r\nHost: HOST\r\nContent-Length: -5\r\n\r\n",
    b"POST /login HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
]


@pytest.mark.parametrize("sent", UNREADABLE)
def test_a_stranger_writes_nothing_into_our_log(
    sent: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        async with visiting("true") as visitor:
            host = visitor.base.removeprefix("http://")
            reader, writer = await asyncio.open_connection(*host.split(":"))
            writer.write(sent.replace(b"HOST", host.encode()))
            assert b" 400 " in await asyncio.wait_for(reader.readline(), LIMIT_S)
            writer.close()

    asyncio.run(main())
    assert (caplog.messages, capfd.readouterr().err) == ([], "")


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS"])
def test_only_a_page_that_is_read_uses_a_ticket_up(method: str) -> None:
    async def main() -> None:
        async with visiting("true") as visitor, aiohttp.ClientSession() as stranger:
            link = visitor.site.new_link()
            async with stranger.request(method, link) as response:
                assert (response.status, len(response.cookies)) == (403, 0)
            async with stranger.get(link) as response:
                assert response.status == 200

    asyncio.run(main())


def test_terminals_end_with_a_cookie_that_newer_ones_pushed_out() -> None:
    async def main() -> None:
        async with visiting(sys.executable, "-c", DRAWS) as visitor:
            page = await visitor.socket(1)
            await drawn(page, "hello")
            for _ in range(GRANTS_MAX):
                link = visitor.site.new_link()
                async with aiohttp.ClientSession() as other, other.get(link) as response:
                    assert response.status == 200
            code, why = await close_code(page)
            assert (code, "Newer links" in why) == (OVER, True), why
            async with visitor.http.get(visitor.base + "/") as response:
                assert response.status == 403

    asyncio.run(main())


def test_a_page_whose_cookie_runs_out_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """(Seen to fail: it said that the server had ended.)"""
    monkeypatch.setattr(gate, "GRANT_MS", 1_500)

    async def main() -> None:
        async with visiting(sys.executable, "-c", DRAWS) as visitor:
            code, why = await close_code(await visitor.socket(1))
            assert (code, "12 hours" in why) == (OVER, True), why
            async with visitor.http.get(visitor.base + "/") as response:
                assert (response.status, "web-link" in await response.text()) == (403, True)

    asyncio.run(main())


def test_a_page_that_was_cut_off_finds_its_terminal_or_is_told_that_it_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        async with visiting(sys.executable, "-c", DRAWS) as visitor:
            page = await visitor.socket(1)
            await drawn(page, "hello")
            await page.close()
            again = await visitor.socket(1, "?width=99&height=44&again=1")
            assert '"width": 99, "height": 44' in await drawn(again, "attach")
            monkeypatch.setattr(session, "AWAY_S", 0.0)
            await again.close()
            async with asyncio.timeout(LIMIT_S):
                while (found := await close_code_or_none(visitor)) is None:
                    pass
            assert (found[0], "while its page was away" in found[1]) == (GONE, True)
            await drawn(await visitor.socket(1), "hello")

    asyncio.run(main())


async def close_code_or_none(visitor: Visitor) -> tuple[int | None, str] | None:
    """Dial again once; None: the terminal was still there."""
    page = await visitor.socket(1, "?again=1")
    message = await page.receive(timeout=LIMIT_S)
    if message.type == aiohttp.WSMsgType.CLOSE:
        return message.data, str(message.extra)
    await page.close()
    return None


def test_a_good_ticket_gets_in_however_many_connections_are_held_open() -> None:
    """(Seen to fail: those who held 200 open locked everybody out.)"""

    async def main() -> None:
        async with visiting(sys.executable, "-c", DRAWS) as visitor:
            page = await visitor.socket(1)
            await drawn(page, "hello")
            where = visitor.base.removeprefix("http://").split(":")
            held = [await asyncio.open_connection(*where) for _ in range(CONNECTIONS_MAX + 20)]
            link = visitor.site.new_link()
            async with aiohttp.ClientSession() as other, other.get(link) as response:
                assert response.status == 200
            assert await asyncio.wait_for(held[0][0].read(), LIMIT_S) == b"", "the oldest went"
            await page.send_str('["stdin", "still here"]')
            await drawn(page, "still here")
            for _, writer in held:
                writer.close()

    asyncio.run(main())


@pytest.mark.parametrize("sent", [b"", b"GET /login HTTP/1.1\r\nHost: "])
def test_a_connection_that_asks_for_nothing_is_closed(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LIFE_S", 0.2)

    async def main() -> None:
        async with visiting(sys.executable, "-c", DRAWS) as visitor:
            page = await visitor.socket(1)
            await drawn(page, "hello")
            where = visitor.base.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(*where)
            writer.write(sent)
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), LIMIT_S) == b""
            writer.close()
            await page.send_str('["stdin", "still here"]')
            await drawn(page, "still here")

    asyncio.run(main())


def test_sizes_have_bounds() -> None:
    assert Size(0, 0).within_bounds() == Size(1, 1)
    assert Size(9999, 9999).within_bounds() == Size(COLS_MAX, ROWS_MAX)
    assert Size(80, 24).within_bounds() == Size(80, 24)


USAGE = [
    (["--web", "8760"], 2, "--web 8760: not ADDRESS:PORT"),
    (["--web", f"{EVERY}:8760"], 2, "beyond loopback needs --tls-cert or --insecure"),
    (["--web", f"{EVERY}:8760", "--insecure"], 2, "--web-name NAME"),
    (["--web", "127.0.0.1:8760", "--tls-cert", "no.pem"], 1, "--tls-cert no.pem: no such file"),
    (["--web", "127.0.0.1:8760", "--key", "no.pem"], 1, "key file no.pem"),
]


@pytest.mark.parametrize(("words", "code", "line"), USAGE)
def test_wrong_usage_is_one_line(tmp_path: Path, words: list[str], code: int, line: str) -> None:
    done = terminal(tmp_path, *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done
    assert line in done.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        done = terminal(tmp_path, "--web", where)
    assert done.stderr == f"headroom: --web {where}: Address already in use\n"
    assert done.returncode == 1


def terminal(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "headroom", "tui", *words],
        cwd=ROOT,
        env={"XDG_CONFIG_HOME": str(folder), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
