"""Bring an exchange back from its journal: check the chain, replay every row. Shell."""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from exchange import keys
from exchange.chain import checked
from exchange.engine import Engine
from exchange.gateway import Gateway
from exchange.genesis import ExchangeConfig
from exchange.journal import DataDirError, stored_rows
from exchange.replay import read_command, read_genesis, server_id


class Loaded(Struct):
    """An exchange as it was at ``last_ms``, and the digest its journal goes on from."""

    engine: Engine
    gateway: Gateway
    last_ms: int
    last_chain: bytes


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
