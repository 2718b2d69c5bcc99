"""State is the replay of the journal. Pure: rows in, outs out.

Row 1 is the `Genesis`: it holds the configuration that the engine is made with. Every row is one
accepted `Command` with its time, applied exactly as it was the first time. `recorded_events` gives
the bytes of everything a row caused, for the tests that live, replayed and simulated runs agree.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from exchange.journal import command_layout
from exchange.journal.chain import BrokenChainError
from exchange.journal.rows import JournalRow
from exchange.model.commands import Command, Genesis, Out
from exchange.wire.codec import MSGPACK

SERVER_ID_BYTES: Final = 8


def read_command(row: JournalRow) -> Command:
    """Return the command of a row, or raise `BrokenChainError`."""
    try:
        return command_layout.read_body(row.body)
    except msgspec.MsgspecError as error:
        raise BrokenChainError(row.seq, f"is no command: {error}") from error


def read_genesis(row: JournalRow) -> Genesis:
    """Return what row 1 holds, or raise `BrokenChainError`."""
    message = read_command(row).message
    if not isinstance(message, Genesis):
        raise BrokenChainError(row.seq, "is no genesis")
    return message


def server_id(first_chain: bytes) -> str:
    """Return the exchange's name in logins: the head of its first row's digest."""
    return first_chain[:SERVER_ID_BYTES].hex()


Apply = Callable[[Command, int], list[Out]]


def replay(apply: Apply, rows: Iterable[JournalRow]) -> Iterator[tuple[JournalRow, list[Out]]]:
    """Apply each row's command at its time; yields what it caused."""
    for row in rows:
        yield row, apply(read_command(row), row.now_ms)


def recorded_events(apply: Apply, rows: Iterable[JournalRow]) -> Iterator[bytes]:
    """Yield, per row, the MessagePack of all its outs: equal bytes mean equal events."""
    for _, outs in replay(apply, rows):
        yield MSGPACK.encode(outs)
