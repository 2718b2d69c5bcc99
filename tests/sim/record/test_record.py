"""Recordings: of a simulated run and of a live exchange, whole and from a moment on; bad files.

Seen to fail on planted bugs: `Taking` that writes the state of the row before the first, and a
`Recording` that takes a file without its end.
"""

import asyncio
import gzip
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from exchange.cli.common import moment
from exchange.journal.rows import JournalRow
from exchange.recovery.loading import load
from exchange.storage import snapshots
from exchange.storage.sqlite_journal import create
from exchange.storage.sqlite_store import SqliteStore
from sim.cli.app import app
from sim.record.file import MAGIC
from sim.run.world import World
from sim.scenario.file import load as load_scenario
from tests.exchange.recovery.test_snapshots import serving
from tests.exchange.support.harness import create_exchange, journal_rows, until
from tests.exchange.support.trading import trade, traders

SHIPPED = Path(__file__).parents[3] / "scenarios" / "bad_day.toml"


def sim(*words: object) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refusal(*words: object) -> str:
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code in (1, 2), done.output
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def run() -> tuple[list[JournalRow], str]:
    """Return the journal and the digest of a shipped scenario, with a restart in its middle."""
    found = load_scenario(SHIPPED)
    world = World(found, "threshold", found.scenario.seed, keep_rows=True)
    digest = world.run().digest
    return world.stage.marketplace.rows, digest


def data_of(folder: Path, rows: list[JournalRow]) -> Path:
    data = folder / "data"
    create(data, rows)
    return data


def to_the_ms(at_ms: int) -> str:
    return f"{moment(at_ms)[:-1]}.{at_ms % 1000:03}"


def test_a_run_replays_to_its_digest_and_state(
    run: tuple[list[JournalRow], str], tmp_path: Path
) -> None:
    rows, digest = run
    data, out = data_of(tmp_path, rows), tmp_path / "day.rec"
    taken = sim("record", "--data", data, out)
    assert taken["commands"] == len(rows)
    found = sim("replay", out)
    assert (found["digest"], found["same"]) == (digest, True)
    assert found["state_hash"] == taken["state_hash"] == load(SqliteStore(data)).engine.state_hash()
    assert out.stat().st_mode & 0o077 == 0


def test_a_part_of_it_begins_with_the_state_at_that_time(
    run: tuple[list[JournalRow], str], tmp_path: Path
) -> None:
    rows, _ = run
    data, out = data_of(tmp_path, rows), tmp_path / "part.rec"
    first, behind = rows[len(rows) // 2], rows[-20]
    since, to = to_the_ms(first.now_ms), to_the_ms(behind.now_ms)
    taken = sim("record", "--data", data, "--from", since, "--to", to, out)
    assert taken["from_ms"] == first.now_ms
    assert taken["to_ms"] == max(row.now_ms for row in rows if row.now_ms < behind.now_ms)
    found = sim("replay", out)
    assert (found["state_hash"], found["same"]) == (taken["state_hash"], True)
    text = CliRunner().invoke(app, ["replay", str(out)]).stdout
    assert f"{found['commands']} commands" in text
    assert f"the recorded state again, {found['state_hash']}" in text


def test_a_live_exchange_is_recorded_while_it_trades(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "all.rec"
    create_exchange(data)

    async def day() -> tuple[dict[str, Any], int]:
        async with serving(data) as server, traders(server.url) as (alice, bob):
            await asyncio.gather(trade(alice, "alice", 150), trade(bob, "bob", 150))
            await until(lambda: bool(snapshots.newest_first(data)))
            whole = await asyncio.to_thread(sim, "record", "--data", data, out)
            seq = snapshots.read(snapshots.newest_first(data)[-1]).seq
            await trade(alice, "alice", 20, "more")
        return whole, seq

    whole, seq = asyncio.run(day())
    assert sim("replay", out)["state_hash"] == whole["state_hash"]
    rows = journal_rows(data)
    first_ms = rows[seq + 10].now_ms
    since = to_the_ms(first_ms)
    part = sim("record", "--data", data, "--from", since, out)
    assert (part["from_ms"], part["last_seq"]) == (first_ms, rows[-1].seq)
    assert part["state_hash"] == load(SqliteStore(data)).engine.state_hash()
    assert sim("replay", out)["same"] is True


def cut(data: bytes) -> bytes:
    return data[:-40]


def endless(data: bytes) -> bytes:
    """Return a recording whose last part is missing, well packed."""
    parts = gzip.decompress(data[len(MAGIC) :])
    return MAGIC + gzip.compress(parts[: parts.rindex(b"\x94\xa3end") - 4])


def turned(data: bytes) -> bytes:
    return data[:200] + bytes([data[200] ^ 1]) + data[201:]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut, "damaged"),
        (endless, "has no end"),
        (turned, "damaged"),
        (lambda data: b"", "is no recording"),
        (lambda data: b"schema = 1\n", "is no recording"),
        (lambda data: data[:21], "begins with no head"),
    ],
)
def test_a_bad_file_is_one_line(
    run: tuple[list[JournalRow], str], tmp_path: Path, spoil: Callable[[bytes], bytes], said: str
) -> None:
    data, out = data_of(tmp_path, run[0][:50]), tmp_path / "x.rec"
    sim("record", "--data", data, out)
    out.write_bytes(spoil(out.read_bytes()))
    assert said in refusal("replay", out)


def test_a_journal_that_is_not_whole_is_one_line(
    run: tuple[list[JournalRow], str], tmp_path: Path
) -> None:
    data, out = data_of(tmp_path, run[0][:50]), tmp_path / "x.rec"
    assert "no command in that time" in refusal(
        "record", "--data", data, "--from", "2030-01-01", out
    )
    assert "no exchange here" in refusal("record", "--data", tmp_path, out)
    assert "--to: not after --from" in refusal(
        "record", "--data", data, "--from", "2026-01-02", "--to", "2026-01-01", out
    )
    with closing(sqlite3.connect(data / "journal.db")) as database:
        database.execute("DELETE FROM journal WHERE seq = 30")
        database.commit()
    assert "journal row 30: is missing" in refusal("record", "--data", data, out)
    assert not list(tmp_path.glob("*x.rec*"))
