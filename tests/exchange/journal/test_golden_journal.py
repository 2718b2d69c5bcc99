"""A journal written by an earlier day must lead to the same state for ever.

``tests/golden/journal-rules-N.jsonl`` is one, in words: a line of facts, then a command a line, of
every kind there is. When this fails the rules or the bytes of a row have changed. Before a release
`HEADROOM_WRITE_GOLDEN=1 pytest` writes it anew; afterwards `chain.RULES_VERSION` goes up and the
old file stays, with a snapshot of its end to start from.
"""

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from exchange.engine.engine import Engine
from exchange.journal.chain import ORIGIN, RULES_VERSION, sealed
from exchange.journal.rows import JournalRow
from exchange.model.commands import (
    Command,
    EnrollHost,
    Genesis,
    HostLost,
    HostSilent,
    ImageDeleted,
    ImageStored,
    JournalMessage,
    SessionDropped,
)
from exchange.recovery.loading import load
from exchange.recovery.verifying import verified
from exchange.storage.schema import SCHEMA_VERSION, SEALED_VERSION
from exchange.storage.sqlite_journal import DataDirError, create, stored_rows
from exchange.storage.sqlite_store import SqliteStore
from exchange.wire.admin_requests import AdminInstrument, AdminKey, AdminKeyRevoke, AdminZone
from exchange.wire.codec import MSGPACK
from exchange.wire.requests import (
    HostApprove,
    HostOffer,
    HostToken,
    ImageBuy,
    ImageOffer,
    OrderCancelOnDisconnect,
)
from tests.exchange.storm.noise import Noise
from tests.exchange.support.harness import ServerProcess, create_exchange, headroom
from tests.exchange.support.market import Market

GOLDEN = Path(__file__).parents[2] / "golden" / f"journal-rules-{RULES_VERSION}.jsonl"
SEED = 4
COMMANDS = 2_000
KEY = "A" * 43 + "="


class Facts(msgspec.Struct):
    """First line of a golden journal."""

    rules: int
    rows: int
    chain: str
    state_hash: str


class Line(msgspec.Struct):
    """Every other line."""

    now_ms: int
    command: Command


def rows_of(lines: list[Line]) -> list[JournalRow]:
    return [
        JournalRow(seq, line.now_ms, MSGPACK.encode(line.command))
        for seq, line in enumerate(lines, 1)
    ]


def facts_of(lines: list[Line], engine: Engine) -> Facts:
    chain = sealed(ORIGIN, rows_of(lines))[-1][4].hex()
    return Facts(RULES_VERSION, len(lines), chain, engine.state_hash())


def recorded() -> Iterator[bytes]:
    """Yield the lines of a new golden journal."""
    noise = Noise(SEED)
    noise.run(COMMANDS)
    what_noise_leaves_out(noise.market)
    lines = [Line(now_ms, command) for command, now_ms in noise.market.journal]
    yield msgspec.json.encode(facts_of(lines, noise.market.engine))
    yield from (msgspec.json.encode(line) for line in lines)


def what_noise_leaves_out(market: Market) -> None:
    """Send what an operator and an owner do now and then."""
    secret, sold, gone = "5" * 64, "cd" * 32, "ef" * 32
    market.must(AdminZone(req_id=1, zone="eu-fr", country="FR", accel=["simulated"]))
    market.must(AdminInstrument(req_id=1, symbol="small.eu-fr.flat.spot", tick_ucr=5))
    key = AdminKey(req_id=1, account="ann", key_id="a-1", public_key=KEY, role="viewer")
    market.must(key)
    market.must(AdminKeyRevoke(req_id=1, key_id="a-1"))
    token = HostToken(req_id=1, zone="eu-de", token_sha256=secret, uses=2, ttl_s=60)
    market.must(token, "ann")
    host = str(market.must(EnrollHost(secret, "more", "hardware more", "key of more"))["host"])
    market.must(HostApprove(req_id=1, host=host), "ann")
    market.must(HostOffer(req_id=1, host=host, residual_below_pct=10), "ann")
    for image in (sold, gone):
        market.must(ImageStored("ann", image, 1_000, "raw"))
    market.must(ImageOffer(req_id=1, sha256=sold, title="for sale", price_ucr=7), "ann")
    market.must(ImageBuy(req_id=1, sha256=sold), "bob")
    market.must(ImageDeleted("ann", gone))
    market.must(OrderCancelOnDisconnect(req_id=1, enabled=True), "ann")
    market.must(SessionDropped(0), "ann")
    live = next(row.host for row in market.engine.hosts() if row.status == "live")
    market.must(HostSilent(live, market.now_ms))
    market.must(HostLost(live))


def golden() -> tuple[Facts, list[Line]]:
    if os.environ.get("HEADROOM_WRITE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_bytes(b"\n".join(recorded()) + b"\n")
    first, *rest = GOLDEN.read_bytes().splitlines()
    facts = msgspec.json.decode(first, type=Facts)
    return facts, [msgspec.json.decode(line, type=Line) for line in rest]


def test_the_golden_journal_leads_to_the_state_it_led_to(tmp_path: Path) -> None:
    facts, lines = golden()
    create(tmp_path, rows_of(lines))
    loaded = verified(SqliteStore(tmp_path))
    found_facts = facts_of(lines, loaded.engine)
    assert found_facts == facts
    assert loaded.last_chain.hex() == facts.chain
    code, out, _ = headroom("exchange", "verify", "--data", str(tmp_path))
    assert (code, facts.state_hash in out) == (0, True)


def test_it_holds_every_kind_of_command() -> None:
    _, lines = golden()
    kinds = {type(line.command.message) for line in lines}
    assert isinstance(lines[0].command.message, Genesis)
    missing = set(JournalMessage.__args__) - kinds
    assert not missing, missing


def test_files_of_a_later_release_are_refused_and_older_ones_brought_forward(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    create_exchange(data_dir)
    assert schema_of(data_dir) == SCHEMA_VERSION
    schema_of(data_dir, SEALED_VERSION + 1)
    with pytest.raises(DataDirError, match="made by a later release"):
        list(stored_rows(data_dir))
    for command in ("verify", "serve"):
        code, _, errors = headroom("exchange", command, "--data", str(data_dir))
        assert (code, len(errors.splitlines())) == (1, 1)
        assert "made by a later release" in errors
    schema_of(data_dir, 0)
    server = ServerProcess(data_dir)
    asyncio.run(server.url())
    server.process.terminate()
    assert server.end() == (0, "")
    assert schema_of(data_dir) == SCHEMA_VERSION
    assert load(SqliteStore(data_dir)).engine.epoch == 1


def schema_of(data_dir: Path, change_to: int | None = None) -> int:
    with closing(sqlite3.connect(data_dir / "journal.db")) as database:
        if change_to is not None:
            database.execute(f"PRAGMA user_version = {change_to}")
        return int(database.execute("PRAGMA user_version").fetchone()[0])
