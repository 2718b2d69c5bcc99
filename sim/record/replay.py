"""Replay a recording: the same commands at the same times must lead to the same state."""

from collections.abc import Callable

from msgspec import Struct

from exchange.engine.engine import Engine
from exchange.journal.chain import BrokenChainError
from exchange.journal.replay import read_command
from exchange.journal.rows import JournalRow
from exchange.recovery.loading import one_line
from sim.network.marketplace import Digest
from sim.record.file import End, Recording
from sim.record.take import applied, fresh_engine


class Replayed(Struct):
    """``expected`` is what the recording says; ``same`` when the replay came to it."""

    engine: Engine
    first_ms: int
    last_ms: int
    commands: int
    state_hash: str
    digest: str
    expected: End

    @property
    def same(self) -> bool:
        return (self.state_hash, self.digest) == (self.expected.state_hash, self.expected.digest)


def first_engine(recording: Recording, first: JournalRow) -> Engine:
    """Return the engine as it was before the first recorded command."""
    if not recording.head.state:
        return fresh_engine(first)
    try:
        engine = Engine.restore(recording.head.state)
    except Exception as error:  # whatever bytes of another release make of it
        raise recording.bad(f"its state cannot be restored: {one_line(error)}") from error
    engine.state.replaying = True
    return engine


def replayed(recording: Recording, told: Callable[[int], None]) -> Replayed:
    """Replay all of ``recording``; ``told`` hears of each row. Raises `RecordingError`."""
    engine: Engine | None = None
    digest = Digest()
    first_ms = last_ms = commands = 0
    for row in recording.rows():
        if engine is None:
            engine, first_ms = first_engine(recording, row), row.now_ms
        try:
            outs = applied(engine, row)
            digest.observe(read_command(row), outs, row.now_ms)
        except BrokenChainError as error:
            raise recording.bad(str(error)) from error
        last_ms, commands = row.now_ms, commands + 1
        told(recording.done)
    if engine is None or recording.end is None:
        raise recording.bad("holds no command")
    hashes = engine.state_hash(), digest.hex()
    return Replayed(engine, first_ms, last_ms, commands, *hashes, recording.end)
