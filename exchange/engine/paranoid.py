"""An engine checked against a replaying twin after every command. Pure.

The twin gets only the rows, decoded from their bytes, as in a replay. So it detects at once what
`verify` and the next start would detect later: a refused or duplicate command that changed
something, a row whose replay gives another state, deadlines settled without a row. The cheap
invariants are checked too. Two copies of the whole state are written out and compared each time:
for tests and for hunting a bug, not for a busy day.
"""

from typing import Any, Final

import msgspec

from exchange.engine import snapshot
from exchange.engine.engine import Engine
from exchange.journal.command_layout import command_body
from exchange.journal.replay import read_command
from exchange.journal.rows import JournalRow
from exchange.model import stories
from exchange.model.commands import Command, Genesis, Out, Started
from exchange.model.config import ExchangeConfig
from exchange.model.ledger import OUTSIDE
from exchange.wire.results import Done

FIRST: Final = (Genesis, Started)
"""Commands at the start of a run."""

_DECODE: Final = msgspec.msgpack.Decoder(list[Any]).decode


class LawBrokenError(AssertionError):
    """The state differs from the replay of the rows: a bug, never a user's mistake. ``str()`` is
    one line."""


class ParanoidEngine(Engine):
    """An engine that raises `LawBrokenError` at the first command after which a law is broken."""

    def __init__(self, config: ExchangeConfig) -> None:
        super().__init__(config)
        self._twin: Engine | None = None
        self._twin_state = b""

    def apply(self, command: Command, now_ms: int) -> list[Out]:
        """As `Engine.apply`. A replay is not checked: it has nothing but rows."""
        if self.state.quiet:
            return super().apply(command, now_ms)
        twin = self._twin or self._make_twin(command)
        outs = super().apply(command, now_ms)
        reply = outs[0][1]
        if isinstance(reply, Done) and not reply.duplicate:
            row = JournalRow(self.seq, now_ms, command_body(command))
            twin.apply(read_command(row), now_ms)
            self._twin_state = twin.snapshot()
            self._compare(twin, command, "is not what its row leads to")
        else:
            self._compare(twin, command, "changed without a row: it was refused or a duplicate")
        self._check(command)
        return outs

    def _make_twin(self, command: Command) -> Engine:
        if not isinstance(command.message, FIRST):
            raise LawBrokenError(f"{_name(command)} comes before the row that begins the run")
        self._twin_state = self.snapshot()
        self._twin = Engine.restore(self._twin_state)
        self._twin.state.quiet = True
        return self._twin

    def _compare(self, twin: Engine, command: Command, fault: str) -> None:
        """Return whether both have equal snapshots and the same next deadline, which snapshots
        leave out."""
        state = self.snapshot()
        if state != self._twin_state:
            parts = ", ".join(_differing(state, self._twin_state))
            raise LawBrokenError(f"after {_name(command)} the state ({parts}) {fault}")
        if self.next_deadline_ms() != twin.next_deadline_ms():
            raise LawBrokenError(f"after {_name(command)} the next deadline {fault}")

    def _check(self, command: Command) -> None:
        ledger = self.state.ledger
        if ledger.total_ucr():
            raise LawBrokenError(f"after {_name(command)} the ledger sums to {ledger.total_ucr()}")
        for name, account in ledger.accounts.items():
            if account.held_ucr < 0 or (account.available_ucr < 0 and name != OUTSIDE):
                raise LawBrokenError(f"after {_name(command)} account {name} owes")
        for lease in self.state.leases.values():
            fault = lease.meter.fault(lease.units)
            if fault is not None:
                raise LawBrokenError(
                    f"after {_name(command)} the meter of {lease.lease_id}: {fault}"
                )
        for symbol, instrument in self.state.instruments.items():
            bid, ask = instrument.book.best_ucr(1), instrument.book.best_ucr(-1)
            if bid is not None and ask is not None and bid >= ask:
                raise LawBrokenError(f"after {_name(command)} the book of {symbol} is crossed")


def _differing(one: bytes, other: bytes) -> list[str]:
    """Return which parts of two snapshots differ."""
    pairs = zip(snapshot.PARTS, _parts(one), _parts(other), strict=True)
    return [name for name, mine, theirs in pairs if mine != theirs]


def _parts(data: bytes) -> list[Any]:
    rows, stored_stories = stories.split(data)
    values, *parts = _DECODE(rows)
    return [*values, *parts, stored_stories]


def _name(command: Command) -> str:
    return str(type(command.message).__struct_config__.tag)
