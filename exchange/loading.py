"""Found an exchange, and bring one back from its journal: chain checked, rows replayed. Shell."""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from exchange import keys
from exchange.chain import checked
from exchange.codec import MSGPACK
from exchange.commands import Command, Genesis
from exchange.engine import Engine
from exchange.gateway import Gateway
from exchange.genesis import ExchangeConfig
from exchange.journal import DataDirError, create, stored_rows
from exchange.ports import JournalRow
from exchange.replay import read_command, read_genesis, server_id


class Loaded(Struct):
    """An exchange as it was at ``last_ms``, and the digest its journal goes on from."""

    engine: Engine
    gateway: Gateway
    last_ms: int
    last_chain: bytes


def found(data_dir: Path, config: ExchangeConfig, operator_key: str, now_ms: int) -> None:
    """Make a new journal in ``data_dir``: row 1 is the `Genesis` with the first operator's key.

    Raises `DataDirError` when there is an exchange already, or `OSError`.
    """
    genesis = Command("", "", 0, Genesis(config, operator_key))
    create(data_dir, [JournalRow(1, now_ms, MSGPACK.encode(genesis))])


def load(
    data_dir: Path,
    make_engine: Callable[[ExchangeConfig], Engine] = Engine,
    private: bool = False,
    to_seq: int | None = None,
) -> Loaded:
    """Replay the journal in ``data_dir``, read-only, up to row ``to_seq`` (default: all).

    Raises `BrokenChainError` or `DataDirError`, each one line for the user.
    """
    stored = checked(stored_rows(data_dir))
    last = next(stored, None)
    if last is None:
        raise DataDirError(f"data directory {data_dir}: the journal is empty")
    first, chain = last
    engine = make_engine(read_genesis(first).config)
    gateway = Gateway(engine, server_id=server_id(chain), verify=keys.verify, private=private)
    gateway.replay(read_command(first), first.now_ms)
    for last in stored:
        row = last[0]
        if to_seq is not None and row.seq > to_seq:
            break
        gateway.replay(read_command(row), row.now_ms)
        assert engine.seq == row.seq, "a replayed row takes the number it had"
    for symbol in engine.symbols():
        engine.take_touched(symbol)
    return Loaded(engine, gateway, engine.now_ms, last[1])
