"""`headroom exchange backup` of a server under load: whole, verified, and good to start from.

Seen to fail when the copy is made with ``shutil.copyfile`` of journal.db alone: what is still in
the log is missing.
"""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from exchange.client import Client
from exchange.journal.replay import read_command
from exchange.storage import snapshots
from exchange.wire.requests import OrderPlace
from tests.exchange.support.harness import (
    DEADLINE_S,
    ServerProcess,
    create_exchange,
    headroom,
    headroom_process,
    journal_rows,
    key_of,
)
from tests.exchange.support.trading import trade, traders

BACKUPS = 3
FLOW = 100
LISTEN = ("--listen", "127.0.0.1:0", "--snapshot-every", "200")


def orders_in(data_dir: Path) -> dict[str, OrderPlace]:
    messages = [read_command(row).message for row in journal_rows(data_dir)]
    return {m.client_order_id: m for m in messages if isinstance(m, OrderPlace)}


def test_backups_under_load_are_prefixes_that_hold_what_was_acknowledged(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    create_exchange(data_dir)
    held: list[tuple[Path, set[str]]] = []

    async def main() -> None:
        server = ServerProcess(data_dir, *LISTEN)
        async with traders(await server.url()) as (alice, bob):
            stop = asyncio.Event()
            acked: set[str] = set()
            load = asyncio.create_task(keep_trading(alice, acked, stop))
            for number in range(BACKUPS):
                await trade(bob, "bob", FLOW, f"{number}")
                before, out = set(acked), tmp_path / f"out-{number}"
                code, text, errors = await asyncio.to_thread(
                    headroom_process, "exchange", "backup", "--data", str(data_dir), str(out)
                )
                assert (code, errors) == (0, ""), errors
                assert json.loads(text)["seq"] == len(journal_rows(out))
                held.append((out, before))
            stop.set()
            await asyncio.wait_for(load, DEADLINE_S)
        server.process.terminate()
        assert await asyncio.to_thread(server.end) == (0, "")

    asyncio.run(main())
    rows = journal_rows(data_dir)
    for out, before in held:
        copied = journal_rows(out)
        assert rows[: len(copied)] == copied
        assert before <= set(orders_in(out))
        assert headroom("exchange", "verify", "--data", str(out))[0] == 0
    assert len(held[0][1]) < len(held[-1][1]), "it was under load"
    assert snapshots.newest_first(held[-1][0]), "a backup starts as fast as the original"
    asyncio.run(start_from(held[-1][0]))


async def keep_trading(client: Client, acked: set[str], stop: asyncio.Event) -> None:
    number = 0
    while not stop.is_set():
        name = f"load-{number}"
        number += 1
        message = OrderPlace(
            req_id=1,
            client_order_id=name,
            symbol="small.eu-de.flat.spot",
            side="buy",
            order_type="limit",
            qty=1,
            price_ucr=900,
        )
        await client.request(message)
        acked.add(name)


async def start_from(out: Path) -> None:
    server = ServerProcess(out, *LISTEN)
    async with Client(await server.url(), key_of("alice")) as alice:
        again = await alice.request(orders_in(out)["load-0"])
        assert again["duplicate"]
    server.process.terminate()
    assert await asyncio.to_thread(server.end) == (0, "")


def test_a_backup_never_overwrites_and_says_what_is_wrong(tmp_path: Path) -> None:
    data_dir, out = tmp_path / "data", tmp_path / "out"
    create_exchange(data_dir)
    arguments = ("exchange", "backup", "--data", str(data_dir), str(out))
    assert headroom(*arguments)[0] == 0
    before = (out / "journal.db").read_bytes()
    code, _, errors = headroom(*arguments)
    assert (code, len(errors.splitlines())) == (1, 1)
    assert "exists already" in errors
    assert (out / "journal.db").read_bytes() == before
    nothing = ("exchange", "backup", "--data", str(tmp_path / "none"), str(tmp_path / "new"))
    code, _, errors = headroom(*nothing)
    assert (code, len(errors.splitlines())) == (1, 1)
    assert "no exchange here" in errors


@pytest.mark.parametrize("made", [False, True])
def test_a_copy_that_cannot_be_verified_does_not_stay(tmp_path: Path, made: bool) -> None:
    """Seen to fail when OUT stayed behind, looked like a backup and was in the next one's way."""
    data_dir, out = tmp_path / "data", tmp_path / "out"
    create_exchange(data_dir)
    if made:
        out.mkdir()
    arguments = ("exchange", "backup", "--data", str(data_dir), str(out))
    spoil(data_dir, "UPDATE journal SET now_ms = now_ms + 1")
    code, _, errors = headroom(*arguments)
    assert (code, len(errors.splitlines())) == (1, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out"][: 1 + made]
    assert not made or not any(out.iterdir())
    spoil(data_dir, "UPDATE journal SET now_ms = now_ms - 1")
    assert headroom(*arguments)[0] == 0
    assert out.stat().st_mode & 0o077 == 0, "as private as the directory it was made from"


def test_what_is_wrong_is_named_where_it_still_is(tmp_path: Path) -> None:
    """Seen to fail when the message named the copy, which was gone by then."""
    data_dir, out = tmp_path / "data", tmp_path / "out"
    create_exchange(data_dir)
    spoil(data_dir, "INSERT INTO account_frames VALUES ('nobody', 1, 1, 0, x'00')")
    code, _, errors = headroom("exchange", "backup", "--data", str(data_dir), str(out))
    assert (code, len(errors.splitlines())) == (1, 1)
    assert f"{data_dir}/journal.db" in errors and ".partial" not in errors


@pytest.mark.parametrize("linked", [False, True])
def test_a_directory_that_is_there_is_filled_not_replaced(tmp_path: Path, linked: bool) -> None:
    """It may be a mount point. Seen to fail: the renamed copy could not take its place, or did."""
    data_dir, there, out = tmp_path / "data", tmp_path / "there", tmp_path / "out"
    create_exchange(data_dir)
    there.mkdir()
    if linked:
        out.symlink_to(there)
    before = there.stat()
    arguments = ("exchange", "backup", "--data", str(data_dir), str(out if linked else there))
    assert headroom(*arguments)[0] == 0
    after = there.stat()
    assert (after.st_ino, after.st_mode & 0o077) == (before.st_ino, 0)
    assert out.is_symlink() == linked
    assert "journal.db" in names(there) <= names(data_dir)
    assert names(tmp_path) == {"data", "there", *(["out"] if linked else [])}
    assert headroom("exchange", "verify", "--data", str(there))[0] == 0


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def spoil(data_dir: Path, sql: str) -> None:
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        database.execute(sql)
        database.commit()
