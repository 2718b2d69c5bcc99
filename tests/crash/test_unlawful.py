"""`serve --paranoid` stops at the first command that changes state without a row, and says so.

The bugs are those that the storm of stories catches too
(`tests/exchange/support/planted_bugs.py`). The request is not journalled,
so that the journal stays what `verify` accepts.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from exchange.client import Client, Unknown
from exchange.recovery.verifying import verified
from exchange.storage.sqlite_store import SqliteStore
from exchange.wire.admin_requests import AdminDeposit, AdminHalt
from exchange.wire.requests import VmStart
from tests.exchange.everything.scene import FLAT, METERED, config
from tests.exchange.support.harness import (
    OPERATOR,
    ServerProcess,
    add_account,
    create_exchange,
    key_of,
)
from tests.exchange.support.planted_bugs import wire_name
from tests.exchange.support.trading import trade, traders

PARANOID: Final = ("exchange", "serve", "--paranoid", "--log-level", "error")
MONEY_UCR: Final = 10**9
HALT: Final = AdminHalt(req_id=1, halted=True)
HALTS: Final = [msgspec.structs.replace(HALT, symbol=symbol) for symbol in (FLAT, METERED)]
DEPOSIT: Final = AdminDeposit(req_id=1, account="ann", amount_ucr=MONEY_UCR, ref="start")
VM: Final = VmStart(req_id=1, lease_id="l-9", name="vm", image="ab" * 32)

CASES: Final[list[tuple[str, list[Any], Any, str]]] = [
    ("operator", HALTS, HALT, "halted"),
    ("operator", [], DEPOSIT, "deposits"),
    ("ann", [], VM, "made"),
]
"""Who sends what, what breaks the law, and which part of the state then has no row."""


@pytest.mark.parametrize(
    ("sender", "before", "breaking", "part"), CASES, ids=[case[-1] for case in CASES]
)
def test_it_stops_at_once(
    tmp_path: Path, sender: str, before: list[Any], breaking: Any, part: str
) -> None:
    data_dir = tmp_path / "data"
    create_exchange(data_dir, msgspec.structs.replace(config(), windows=[]))
    name = wire_name(type(breaking))
    server = paranoid(data_dir, "tests.crash.unlawful", name)

    async def break_it() -> None:
        url = await server.url()
        async with Client(url, OPERATOR) as operator:
            await add_account(operator, "ann", MONEY_UCR)
        async with Client(url, OPERATOR if sender == "operator" else key_of(sender)) as client:
            for message in before:
                await client.request(message)
            with pytest.raises(Unknown):
                await client.request(breaking)

    asyncio.run(break_it())
    code, errors = server.end()
    assert (code, len(errors.splitlines())) == (1, 1), errors
    told = f"the state ({part}) changed without a row: it was refused or a duplicate"
    assert f"internal error at {name} of {sender}: LawBrokenError: after {name} {told}" in errors
    entry = json.loads((data_dir / "quarantine.jsonl").read_text())
    assert (entry["account"], entry["request"]) == (sender, name)
    verified(SqliteStore(data_dir))


def test_a_lawful_exchange_trades_as_ever(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    create_exchange(data_dir)

    async def play(server: ServerProcess) -> None:
        async with traders(await server.url()) as (alice, bob):
            assert await trade(alice, "alice", 20) + await trade(bob, "bob", 20)

    server = paranoid(data_dir, "headroom")
    asyncio.run(play(server))
    server.process.terminate()
    assert server.end() == (0, "")


def paranoid(data_dir: Path, *program: str) -> ServerProcess:
    """Serve ``data_dir`` with `--paranoid`, by a module with its first arguments."""
    command = [sys.executable, "-m", *program, *PARANOID]
    return ServerProcess(data_dir, program=command)
