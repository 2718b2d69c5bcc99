"""An exchange on PostgreSQL, by its commands: moved there, served, killed, and moved back."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from exchange.cluster.child import until as until_now
from exchange.postgres.connecting import ask
from tests.cluster.serving import Serving
from tests.exchange.support.harness import (
    DEADLINE_S,
    create_exchange,
    headroom,
    running,
)
from tests.exchange.support.trading import trade, traders

ORDERS = 60


def hashed(*where: str) -> tuple[int, str]:
    """Return the last row and the state's hash, by `verify`."""
    code, out, errors = headroom("exchange", "verify", *where)
    assert code == 0, errors
    found = json.loads(out)
    return found["seq"], found["state_hash"]


async def traded(url: str, seed: str) -> None:
    async with traders(url) as (alice, bob):
        flows = trade(alice, "alice", ORDERS, seed), trade(bob, "bob", ORDERS, seed)
        await asyncio.gather(*flows)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with some trading in it, and an image of nobody."""
    folder = tmp_path / "data"

    async def lived() -> None:
        create_exchange(folder)
        async with running(folder) as server:
            await traded(server.url, "first")

    asyncio.run(lived())
    (folder / "images").mkdir(exist_ok=True)
    (folder / "images" / "a1").write_bytes(b"image" * 500_000)
    return folder


def moved(data: Path, url: str, *options: str) -> tuple[int, str, str]:
    return headroom("exchange", "move", "--data", str(data), "--journal", url, *options)


def test_there_and_back_it_is_the_same_exchange(data: Path, postgres: str, tmp_path: Path) -> None:
    before = hashed("--data", str(data))
    code, out, errors = moved(data, postgres)
    assert (code, json.loads(out)["seq"]) == (0, before[0]), errors
    assert "rows: " in errors and "checking: " in errors
    assert hashed("--journal", postgres) == before
    again = moved(data, postgres)
    assert again[0] == 1 and again[2].endswith("holds an exchange already\n")

    scratch = tmp_path / "scratch"
    server = Serving(postgres, scratch, "--unsafe-single", "--snapshot-every", "50")
    asyncio.run(served(server, "second"))
    snapshots = "SELECT count(*) FROM headroom.snapshots"
    assert until_now(lambda: ask(postgres, lambda c: c.fetchval(snapshots)) > 0, DEADLINE_S)
    os.kill(server.process.pid, signal.SIGTERM)
    assert server.end()[0] == 0
    seq, state_hash = hashed("--journal", postgres)
    assert seq > before[0]
    assert headroom("exchange", "rebuild", "--journal", postgres, "--scratch", str(scratch))[0] == 0

    backup = tmp_path / "backup"
    code, out, _ = headroom("exchange", "backup", "--journal", postgres, str(backup))
    assert (code, json.loads(out)["state_hash"]) == (0, state_hash)
    back = tmp_path / "back"
    assert moved(back, postgres, "--into", "data")[0] == 0
    assert hashed("--data", str(back)) == hashed("--data", str(backup)) == (seq, state_hash)
    assert (back / "images" / "a1").read_bytes() == b"image" * 500_000


async def served(server: Serving, seed: str) -> None:
    await traded(await server.url(), seed)


def test_a_killed_server_is_replaced_once_its_lease_is_over(
    data: Path, postgres: str, tmp_path: Path
) -> None:
    assert moved(data, postgres)[0] == 0
    killed = Serving(postgres, tmp_path / "one")
    asyncio.run(served(killed, "second"))
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.communicate()
    after = hashed("--journal", postgres)
    second = Serving(postgres, tmp_path / "two")
    asyncio.run(served(second, "third"))
    third = Serving(postgres, tmp_path / "three")
    code, errors = third.end()
    assert code == 1 and "in use by another process" in errors
    refused = moved(tmp_path / "back", postgres, "--into", "data")
    assert refused[0] == 1 and "in use by another process" in refused[2]
    os.kill(second.process.pid, signal.SIGTERM)
    assert second.end()[0] == 0
    assert hashed("--journal", postgres)[0] > after[0]


def test_a_server_whose_connection_is_lost_ends_with_70(
    data: Path, postgres: str, tmp_path: Path
) -> None:
    assert moved(data, postgres)[0] == 0
    server = Serving(postgres, tmp_path / "scratch")
    asyncio.run(served(server, "second"))
    sql = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
      WHERE application_name = 'headroom' AND pid <> pg_backend_pid()
      AND datname = current_database()"""
    assert ask(postgres, lambda c: c.fetchval(sql)) >= 3
    code, errors = server.end()
    assert code == 70
    assert (
        "password" not in errors and postgres.split("@", maxsplit=1)[0].split(":")[2] not in errors
    )


def test_a_stopped_move_can_be_tried_again(
    data: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from exchange.postgres import moving

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(moving, "_images_over", stopped)
        code, _, errors = moved(data, postgres)
    assert (code, errors.splitlines()[-1].startswith("headroom: stopped: ")) == (1, True)
    code, _, errors = headroom("exchange", "verify", "--journal", postgres)
    assert code == 1 and "no exchange here; run `exchange init`" in errors
    assert moved(data, postgres)[0] == 0
    assert hashed("--journal", postgres) == hashed("--data", str(data))


def test_what_cannot_be_used_is_one_line(postgres: str) -> None:
    where = f"--journal={postgres}"
    secret = postgres.split("@", maxsplit=1)[0].split(":")[2]
    lines = {
        ("verify",): "missing option '--data' or '--journal'",
        ("verify", where, "--data=x"): "--data or --journal, not both",
        ("verify", where): "no exchange here; run `exchange init`",
        ("serve", where): "no exchange here; run `exchange init`",
        ("serve", "--data=x", "--unsafe-single"): "go with --journal",
        ("verify", postgres.replace(secret, "other").join(["--journal=", ""])): "cannot connect",
        ("verify", "--journal=mysql://me:hidden@h/x"): "not an address such as postgresql://",
        ("verify", "--journal=postgresql://me:hidden@h:x/y"): "not an address of PostgreSQL",
    }
    for words, end in lines.items():
        code, _, errors = headroom("exchange", *words)
        assert code in (1, 2) and len(errors.splitlines()) == 1, (words, errors)
        assert end in errors and secret not in errors and "hidden" not in errors, (words, errors)
