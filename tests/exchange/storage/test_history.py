"""The read model: what a live exchange followed is what its journal leads to; statements add up.

Seen to fail when `note` leaves out charges.
"""

import asyncio
import csv
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exchange.client import Client, Refused
from exchange.keys import public_key_b64
from exchange.recovery.loading import load
from exchange.recovery.rebuild import rebuild
from exchange.server.server import ExchangeServer
from exchange.storage.history import (
    FILE_NAME,
    Follower,
    HistoryError,
    needs_rows,
    require_whole,
)
from exchange.storage.sqlite_journal import DiskLostError, create
from exchange.storage.sqlite_store import SqliteStore
from exchange.storage.statements import PAGE_ROWS
from exchange.wire.admin_requests import AdminApplications, AdminDeposit, AdminKey
from exchange.wire.close_codes import CLOSE_INTERNAL
from exchange.wire.requests import AccountState, AccountStatement, LeaseRelease, UsageReport
from tests.exchange.journal.test_golden_journal import golden, rows_of
from tests.exchange.support.harness import (
    OPERATOR,
    ServerProcess,
    add_account,
    create_exchange,
    headroom,
    key_of,
    raw,
    running,
)
from tests.exchange.support.trading import trade, traders

ORDERS = 150
SERVED = ("--listen", "127.0.0.1:0")


async def a_day(data_dir: Path) -> dict[str, list[dict[str, Any]]]:
    """Trade, release some leases, and return alice's statements of each kind."""
    async with running(data_dir) as server, traders(server.url) as (alice, bob):
        await asyncio.gather(trade(alice, "alice", ORDERS), trade(bob, "bob", ORDERS))
        state = await alice.request(AccountState(req_id=1))
        bought = [row["lease_id"] for row in state["leases"] if row["side"] == "buy"]
        assert len(bought) > 5
        for lease_id in bought[:5]:
            await alice.request(LeaseRelease(req_id=1, lease_id=lease_id))
        state = await alice.request(AccountState(req_id=1))
        kinds = ("postings", "trades", "charges", "usage", "invoices")
        statements = {kind: await everything(alice, kind) for kind in kinds}
        last = statements["postings"][-1]
        assert (last["available_ucr"], last["held_ucr"]) == (
            state["balances"]["available_ucr"],
            state["balances"]["held_ucr"],
        )
        await refused_and_bounded(server, alice)
    return statements


async def everything(client: Client, kind: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    offset: int | None = 0
    while offset is not None:
        asked = AccountStatement(req_id=1, kind=kind, offset=offset)
        found = await client.request(asked)
        assert len(found["rows"]) <= PAGE_ROWS
        rows += found["rows"]
        offset = found.get("next")
    return rows


async def refused_and_bounded(server: ExchangeServer, alice: Client) -> None:
    """Roles apply, bounds apply, and the past of another is not to be had."""
    async with Client(server.url) as anonymous:
        with pytest.raises(Refused, match="auth_required"):
            await anonymous.request(AccountStatement(req_id=1, kind="postings"))
    async with Client(server.url, key_of("host-a")) as host:
        with pytest.raises(Refused, match="forbidden"):
            await host.request(AccountStatement(req_id=1, kind="postings"))
    none = AccountStatement(req_id=1, kind="trades", from_ms=0, to_ms=1)
    assert (await alice.request(none))["rows"] == []
    async with Client(server.url, OPERATOR) as operator:
        viewer = public_key_b64(key_of("viewer"))
        key = AdminKey(req_id=1, account="alice", key_id="v", public_key=viewer, role="viewer")
        await operator.request(key)
        await operator.request(AdminDeposit(req_id=1, account="bob", amount_ucr=7, ref="later"))
    async with Client(server.url, key_of("viewer"), codec="msgpack") as viewing:
        assert await everything(viewing, "postings") == await everything(alice, "postings")


def tables(data_dir: Path) -> list[str]:
    """Return all rows of the read model, in words; how far it has followed is left out."""
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as database:
        return sorted(line for line in database.iterdump() if "progress" not in line)


def test_history_is_what_the_journal_leads_to_and_statements_add_up(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    statements = asyncio.run(a_day(data_dir))
    live = tables(data_dir)
    for name in ("posting", "trade", "charge", "lease"):
        assert any(f'INSERT INTO "{name}"' in line for line in live), name
    (data_dir / FILE_NAME).unlink()
    code, out, errors = headroom("exchange", "rebuild", "--data", str(data_dir))
    assert (code, json.loads(out)["seq"], errors) == (0, load(SqliteStore(data_dir)).engine.seq, "")
    assert tables(data_dir) == live
    Follower(data_dir).catch_up()
    assert tables(data_dir) == live, "what was rebuilt is not taken over again"
    add_up(statements)
    asyncio.run(on_the_command_line(data_dir, tmp_path, statements))


def add_up(statements: dict[str, list[dict[str, Any]]]) -> None:
    postings = statements["postings"]
    total = postings[-1]["available_ucr"] + postings[-1]["held_ucr"]
    assert sum(row["change_ucr"] for row in postings) == total
    charged = sum(row["amount_ucr"] for row in statements["charges"])
    lines = statements["invoices"]
    assert charged == sum(row["amount_ucr"] for row in lines if row["as"] == "buyer") > 0
    earned = sum(row["amount_ucr"] - row["fee_ucr"] for row in lines if row["as"] == "seller")
    deposited = sum(row["change_ucr"] for row in postings if row["why"] == "deposit")
    assert deposited - charged + earned == total
    assert len(statements["trades"]) > ORDERS // 15
    assert {row["side"] for row in statements["trades"]} == {"buy", "sell"}


async def on_the_command_line(
    data_dir: Path, tmp_path: Path, statements: dict[str, list[dict[str, Any]]]
) -> None:
    key_file = tmp_path / "alice.pem"
    key_file.write_bytes(pem(key_of("alice")))
    key_file.chmod(0o600)
    async with running(data_dir) as server:

        async def statement(*more: str) -> tuple[int, str, str]:
            options = ("--key", str(key_file), "--url", server.url, *more)
            return await asyncio.to_thread(headroom, "account", "statement", *options)

        code, text, _ = await statement("--kind", "trades", "--format", "json")
        assert (code, json.loads(text)) == (0, statements["trades"])
        code, text, _ = await statement("--kind", "charges", "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["amount_ucr"] for row in rows] == [
            str(row["amount_ucr"]) for row in statements["charges"]
        ]
        code, text, _ = await statement("--kind", "charges", "--format", "table")
        assert (code, " credits" in text, "_ucr" in text) == (0, True, False)
        code, text, _ = await statement("--kind", "trades", "--json")
        assert (code, json.loads(text)) == (0, statements["trades"])
        for kind, rows in statements.items():
            code, text, _ = await statement("--kind", kind, "--to", "2001-01-01")
            assert (code, text.count("\n")) == (0, 1), "the names of the columns stand there"
            assert not rows or text.strip().split(",") == list(rows[0])
        for wrong in (("--from", "noon"), ("--kind", "gossip"), ("--format", "xml")):
            code, _, errors = await statement(*wrong)
            assert (code, len(errors.splitlines())) == (2, 1)
            assert wrong[0] in errors


def pem(key: Any) -> bytes:
    data: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return data


def test_usage_is_taken_from_the_rows(tmp_path: Path) -> None:
    """The golden journal has readings in it, and no frames: only usage can be followed."""
    _, lines = golden()
    create(tmp_path, rows_of(lines))
    Follower(tmp_path).catch_up()
    followed = usage(tmp_path)
    reports = [line for line in lines if isinstance(line.command.message, UsageReport)]
    assert len(followed) == len(reports) > 5
    assert rebuild(tmp_path) == len(lines)
    assert usage(tmp_path) == followed
    Follower(tmp_path).catch_up()
    assert usage(tmp_path) == followed


def usage(data_dir: Path) -> list[str]:
    return [line for line in tables(data_dir) if line.startswith('INSERT INTO "usage"')]


def test_a_history_that_cannot_be_written_is_a_lost_disk(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"

    async def main() -> None:
        async with running(data_dir):
            pass

    asyncio.run(main())
    (data_dir / FILE_NAME).unlink()
    (data_dir / FILE_NAME).mkdir()
    with pytest.raises(DiskLostError, match=r"history\.db"):
        Follower(data_dir).catch_up()
    with pytest.raises(DiskLostError, match=r"history\.db"):
        rebuild(data_dir)


SPOILT = ["no database", "half of it"]


@pytest.mark.parametrize("how", SPOILT)
def test_a_damaged_history_is_reported_before_anything_is_served(tmp_path: Path, how: str) -> None:
    """Seen to fail when it came out after "serving", with the exit code of a lost disk."""
    data_dir = tmp_path / "data"

    async def served() -> None:
        async with running(data_dir):
            pass

    asyncio.run(served())
    path = data_dir / FILE_NAME
    whole = path.read_bytes()
    path.write_bytes(b"x" * 100 if how == SPOILT[0] else whole[: len(whole) // 2])
    for _ in range(2):
        code, out, errors = headroom("exchange", "serve", "--data", str(data_dir), *SERVED)
        assert (code, out, len(errors.splitlines())) == (1, "", 1)
        assert "history.db: damaged: " in errors
        assert "headroom exchange rebuild" in errors
    assert headroom("exchange", "rebuild", "--data", str(data_dir))[0] == 0
    asyncio.run(served())


def test_a_history_spoilt_while_serving_ends_the_server_and_names_the_way_out(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    create_exchange(data_dir)
    server = ServerProcess(data_dir)

    async def main() -> None:
        async with Client(await server.url(), OPERATOR) as operator:
            await operator.request(AdminApplications(req_id=1))
            (data_dir / FILE_NAME).write_bytes(b"x" * 100)

    asyncio.run(main())
    server.process.terminate()
    code, errors = server.end()
    assert (code, len(errors.splitlines())) == (1, 1)
    assert "headroom exchange rebuild" in errors


def test_spoilt_account_frames_are_not_sent_and_not_taken_over(tmp_path: Path) -> None:
    """Who resumes is told to ask again; a rebuild, from the rows, goes round them.

    Seen to fail with a connection that heard nothing more, and with a trace of the decoder's.
    """
    data_dir = tmp_path / "data"

    async def main() -> None:
        async with running(data_dir) as server, Client(server.url, OPERATOR) as operator:
            await add_account(operator, "alice", 1_000)
            was = await asyncio.to_thread(spoil, data_dir, b"\xff")
            async with raw(server.url) as alice:
                await alice.log_in(key_of("alice"))
                await alice.ask("subscribe", channel="account", resume_from=0)
                await alice.drained()
                assert alice.connection.close_code == CLOSE_INTERNAL
            await asyncio.to_thread(spoil, data_dir, was)

    asyncio.run(main())
    (data_dir / FILE_NAME).unlink()
    spoil(data_dir, b"\xff")
    with pytest.raises(HistoryError, match="exchange rebuild"):
        Follower(data_dir).catch_up()
    rebuild(data_dir)
    Follower(data_dir).catch_up()
    assert any('INSERT INTO "posting"' in line for line in tables(data_dir))


def spoil(data_dir: Path, body: bytes) -> bytes:
    """Write over the oldest stored frames of alice; returns what was there."""
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        sql = "SELECT min(rowid), body FROM account_frames WHERE account = 'alice'"
        row, was = database.execute(sql).fetchone()
        database.execute("UPDATE account_frames SET body = ? WHERE rowid = ?", (body, row))
        database.commit()
    return bytes(was)


def test_a_history_that_a_kill_left_half_written_is_rolled_back(tmp_path: Path) -> None:
    """(Seen to fail: the exchange did not start, with a traceback of a read-only database.)"""
    data_dir = tmp_path / "data"
    asyncio.run(a_day(data_dir))
    path = data_dir / FILE_NAME
    Follower(data_dir).catch_up()
    with closing(sqlite3.connect(path, isolation_level=None)) as killed:
        killed.executescript("PRAGMA journal_mode=delete; PRAGMA cache_size=2; BEGIN")
        killed.executemany(
            "INSERT INTO usage VALUES (?, 'h-1', ?, 1, 1, 1, 1, 1, 1)",
            [(number, "v" * 500) for number in range(500)],
        )
        there = [(file, file.read_bytes()) for file in data_dir.glob(f"{FILE_NAME}*")]
    for file, data in there:
        file.write_bytes(data)
    assert (data_dir / f"{FILE_NAME}-journal").exists(), "the kill came before the commit"
    needs_rows(data_dir)
    Follower(data_dir).catch_up()
    require_whole(path)


def test_what_a_kill_left_of_a_history_being_made_is_made_anew(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    create_exchange(data_dir)
    for left in ("", "-wal", "-shm", ".new", ".new-wal"):
        (data_dir / f"{FILE_NAME}{left}").write_bytes(b"" if not left else b"left" * 1000)
    Follower(data_dir).catch_up()
    require_whole(data_dir / FILE_NAME)
    assert not (data_dir / f"{FILE_NAME}.new").exists()
