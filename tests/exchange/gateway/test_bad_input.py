"""What people and programs get wrong, against a real process: one line, the right code, no loss."""

import asyncio
import json
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from exchange.client import TRADE_PATH, Client, Unreachable, endpoint
from exchange.keys import public_key_b64
from exchange.server.clock import SystemClock
from exchange.wire.admin_requests import AdminAccount, AdminBalances
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    SYMBOL,
    Raw,
    ServerProcess,
    add_account,
    create_exchange,
    headroom,
    key_of,
    raw,
    running,
)

ORDER: dict[str, Any] = {
    "type": "order.place",
    "req_id": 50,
    "client_order_id": "a",
    "symbol": SYMBOL,
    "side": "buy",
    "order_type": "limit",
    "qty": 1,
    "price_ucr": 5,
}
ENCODED = json.dumps(ORDER)
DIGITS = 'ucr": 12345678901234567890'

# (what, the frame, the reason it is told, the field)
FRAMES = [
    ("unknown symbol", json.dumps(ORDER | {"symbol": "x.y.z"}), "unknown_instrument", "symbol"),
    ("float price", json.dumps(ORDER | {"price_ucr": 1.5}), "invalid_field", "price_ucr"),
    ("20 digits", ENCODED.replace('ucr": 5', DIGITS), "invalid_field", "price_ucr"),
    ("unknown field", json.dumps(ORDER | {"colour": "red"}), "invalid_field", "colour"),
    ("unknown type", json.dumps(ORDER | {"type": "order.plaice"}), "unknown_type", "type"),
    ("no JSON", "hello", "parse_error", None),
    ("no object", "[]", "parse_error", None),
]


def test_a_bad_frame_is_answered_and_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as server:
            async with Client(server.url, OPERATOR) as operator:
                await add_account(operator, "bob")
            async with raw(server.url) as bob:
                await bob.log_in(key_of("bob"))
                before = await bob.ask("account.state")
                for what, frame, reason, field in FRAMES:
                    await bob.send(frame.encode())
                    reply = await bob.frame()
                    assert (reply["reason"], reply.get("field")) == (reason, field), what
                    assert reply["req_id"] == (0 if reason == "parse_error" else 50), what
                after = await bob.ask("account.state")
                assert after["result"] == before["result"]

    asyncio.run(main())


async def closed_with(connection: Raw) -> int:
    """Read to the end and return the close code."""
    await asyncio.wait_for(connection.drained(), DEADLINE_S)
    return connection.connection.close_code or 0


def test_an_oversized_frame_and_a_hundred_bad_ones_close(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data") as server:
            async with raw(server.url) as connection:
                await connection.send(b" " * (64 * 1024 + 1))
                assert await closed_with(connection) == 1009
            async with raw(server.url) as connection:
                for _ in range(100):
                    await connection.send(b"nonsense")
                assert await closed_with(connection) == 1008
            async with Client(server.url, OPERATOR) as operator:
                assert await operator.request(AdminBalances(req_id=1))

    asyncio.run(main())


def test_a_client_with_a_wrong_key_or_no_exchange_says_so_in_one_line(tmp_path: Path) -> None:
    key = tmp_path / "wrong.pem"
    headroom("key", "new", str(key))

    async def url_of(server: ServerProcess) -> str:
        return await server.url()

    create_exchange(tmp_path / "data")
    server = ServerProcess(tmp_path / "data")
    try:
        url = asyncio.run(url_of(server))
        code, _, errors = headroom("admin", "balances", "--url", url, "--key", str(key))
        assert (code, len(errors.splitlines())) == (1, 1)
        assert "bad_signature" in errors
    finally:
        server.process.terminate()
        assert server.end() == (0, "")
    code, _, errors = headroom("admin", "balances", "--url", url, "--key", str(key))
    assert (code, errors.count("\n")) == (1, 1)
    assert "no exchange listens there" in errors


@pytest.mark.parametrize(
    "url", ["nonsense", "ws:///v1/ws", "ws://h:1/nope", "ws://h:1/v1/ws/", "ws://h:1/v1/ws?a=b"]
)
def test_an_address_that_is_none_of_ours_is_not_dialled(url: str) -> None:
    """Seen to fail when any path was taken for ours, as behind a proxy that serves others too."""
    with pytest.raises(Unreachable, match="not an address"):
        endpoint(url, TRADE_PATH)


@pytest.mark.parametrize("url", ["ws://h:1", "ws://h:1/", "http://h:1/v1/ws", "ws://h:1/v1/images"])
def test_an_address_needs_no_path_and_may_be_a_browsers(url: str) -> None:
    assert endpoint(url, TRADE_PATH) == "ws://h:1/v1/ws"


def refused_start(data_dir: Path, *options: str) -> tuple[int, str]:
    """Start a server that must refuse; returns its exit code and the one line it says."""
    code, errors = ServerProcess(data_dir, *options).end()
    assert len(errors.splitlines()) == 1, errors
    return code, errors


def test_port_or_directory_in_use(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path / "data"):
            code, line = await asyncio.to_thread(refused_start, tmp_path / "data")
            assert code == 1
            assert "in use by another process" in line

    asyncio.run(main())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        code, line = refused_start(tmp_path / "data", "--listen", where)
    assert code == 1
    assert where in line
    assert headroom("exchange", "verify", "--data", str(tmp_path / "data"))[0] == 0


WRONG_USAGE = [
    (["serve", "--data", "DATA", "--listen", "0.0.0.0:0"], 2, "--insecure"),
    (["serve", "--data", "DATA", "--listen", "nowhere"], 2, "ADDRESS:PORT"),
    (["serve", "--data", "DATA", "--tls-key", "k"], 2, "--tls-cert"),
    (["serve", "--data", "DATA", "--tls-cert", "no.pem"], 1, "--tls-cert no.pem: no such file"),
    (["serve", "--data", "DATA", "--tls-cert", "BAD", "--tls-key", "k"], 1, "--tls-key k: no such"),
    (["serve", "--data", "DATA", "--tls-cert", "BAD"], 1, "with --tls-key"),
    (["serve", "--data", "NEW"], 1, "NEW"),
    (["serve", "--data", "EMPTY"], 1, "no exchange here"),
    (["verify", "--data", "NEW"], 1, "no exchange here"),
    (["verify", "--data", "DATA", "--to-seq", "2"], 1, "--to-seq 2: the journal ends with row 1"),
    (["verify", "--data", "DATA", "--to-seq", "0"], 2, "--to-seq"),
    (["init", "--data", "DATA", "--operator-key", "PUBLIC"], 1, "holds an exchange already"),
    (["init", "--data", "NEW", "--operator-key", "no.pem"], 1, "no.pem"),
    (["init", "--data", "NEW", "--operator-key", "PUBLIC", "--config", "BAD"], 1, "fee_pct"),
]


@pytest.mark.parametrize(("arguments", "expected", "part"), WRONG_USAGE)
def test_wrong_usage(tmp_path: Path, arguments: list[str], expected: int, part: str) -> None:
    create_exchange(tmp_path / "DATA")
    (tmp_path / "BAD").write_text("fee_pct = 101\n")
    (tmp_path / "EMPTY").mkdir()
    names = {name: str(tmp_path / name) for name in ("DATA", "NEW", "BAD", "EMPTY")}
    names["PUBLIC"] = public_key_b64(OPERATOR)
    told = [names.get(argument, argument) for argument in arguments]
    code, _, errors = headroom("exchange", *told)
    assert (code, len(errors.splitlines())) == (expected, 1), errors
    assert part in errors
    assert not list((tmp_path / "EMPTY").iterdir())


Damage = Callable[[sqlite3.Connection], Any]

DAMAGES: list[tuple[str, Damage, str]] = [
    (
        "a byte of a body",
        lambda db: db.execute(
            "UPDATE journal SET body = CAST(body || x'00' AS BLOB) WHERE seq = 3"
        ),
        "row 3",
    ),
    (
        "a time",
        lambda db: db.execute("UPDATE journal SET now_ms = now_ms + 1 WHERE seq = 4"),
        "row 4",
    ),
    ("a row is gone", lambda db: db.execute("DELETE FROM journal WHERE seq = 3"), "row 3"),
    (
        "rows swapped",
        lambda db: db.executescript(
            "UPDATE journal SET seq = 99 WHERE seq = 3; UPDATE journal SET seq = 3 WHERE seq = 4;"
            "UPDATE journal SET seq = 4 WHERE seq = 99;"
        ),
        "row 3",
    ),
]


@pytest.mark.parametrize(("what", "damage", "part"), DAMAGES)
def test_a_corrupt_journal_row_stops_verify_and_serve(
    tmp_path: Path, what: str, damage: Damage, part: str
) -> None:
    fill(tmp_path / "data")
    with closing(sqlite3.connect(tmp_path / "data" / "journal.db")) as database:
        damage(database)
        database.commit()
    code, out, errors = headroom("exchange", "verify", "--data", str(tmp_path / "data"))
    assert (code, out, len(errors.splitlines())) == (1, "", 1), what
    assert part in errors
    code, line = refused_start(tmp_path / "data")
    assert code == 1
    assert part in line


def fill(data_dir: Path) -> None:
    """Make a journal of half a dozen rows."""

    async def main() -> None:
        async with running(data_dir) as server, Client(server.url, OPERATOR) as operator:
            for name in ("ann", "ben", "cas", "dee"):
                await operator.request(AdminAccount(req_id=1, account=name, name=name))

    asyncio.run(main())


def test_a_tail_cut_off_is_a_valid_journal(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    verify = ("exchange", "verify", "--data", str(tmp_path / "data"))
    whole = json.loads(headroom(*verify)[1])
    earlier = json.loads(headroom(*verify, "--to-seq", "4")[1])
    with closing(sqlite3.connect(tmp_path / "data" / "journal.db")) as database:
        database.execute("DELETE FROM journal WHERE seq > 4")
        database.commit()
    cut = json.loads(headroom(*verify)[1])
    assert (whole["seq"], cut) == (6, earlier)
    assert cut["seq"] == 4


def test_a_clock_before_the_journal_refuses_to_start(tmp_path: Path) -> None:
    future_ms = 4_102_444_800_000  # the year 2100
    create_exchange(tmp_path / "data", at_ms=future_ms)
    code, line = refused_start(tmp_path / "data")
    assert code == 71
    assert "--accept-clock" in line
    server = ServerProcess(tmp_path / "data", "--listen", "127.0.0.1:0", "--accept-clock")
    asyncio.run(server.url())
    server.process.terminate()
    assert server.end() == (0, "")


def test_a_clock_that_was_stepped_back_a_little_is_waited_for(tmp_path: Path) -> None:
    """(Before: exit 71, after which a supervisor must not start it again.)

    On a busy machine the process itself may start later than the step was long: then a longer one.
    """
    steps_ms = (2_500, 10_000, 40_000)
    said = next(filter(None, (behind_the_journal(tmp_path / f"{ms}", ms) for ms in steps_ms)))
    assert len(said.splitlines()) == 1
    assert "ms behind the journal's last entry: waiting for it" in said


def behind_the_journal(data_dir: Path, step_ms: int) -> str:
    """Start an exchange whose journal ends ``step_ms`` ahead; returns what it said on stderr."""
    ends_ms = SystemClock().now_ms() + step_ms
    create_exchange(data_dir, at_ms=ends_ms)
    server = ServerProcess(data_dir, "--listen", "127.0.0.1:0", "--log-level", "warning")
    asyncio.run(server.url())
    assert SystemClock().now_ms() >= ends_ms
    server.process.terminate()
    code, errors = server.end()
    assert code == 0
    return errors
