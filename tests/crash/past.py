"""Makes an exchange with a long past: millions of commands, sealed in segments as they are made.

python -m tests.crash.past COMMANDS DIR [A_DAY]       # SIGTERM: end with what is there

The commands run through the engine, so `verify` agrees with every row. Orders are placed and
canceled, one in ten trades and its lease is released; a day has ``A_DAY`` commands, so that what is
alive at the end does not depend on how many there were. No account frames are stored: those of a
real exchange are older than a week. The last rows stand in the table, with two snapshots, as an
exchange leaves them.
"""

import gc
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain as chained
from itertools import islice
from pathlib import Path
from typing import Final

from exchange import keys
from exchange.engine.engine import Engine
from exchange.gateway.gateway import Gateway
from exchange.journal.chain import ORIGIN, RULES_VERSION, StoredRow, link
from exchange.journal.command_layout import command_body
from exchange.model.commands import AdvanceTime, Command
from exchange.model.config import default_config
from exchange.storage import segments, snapshots
from exchange.storage.schema import TABLES
from exchange.storage.snapshots import SnapshotFile
from exchange.storage.sqlite_journal import FILE_NAME
from exchange.units import MS_PER_DAY
from exchange.wire.requests import LeaseRelease, OrderCancel, OrderPlace
from exchange.wire.types import Side
from tests.exchange.support.market import Market

SYMBOL: Final = "small.eu-de.flat.spot"
MONEY_UCR: Final = 10**15
UNITS: Final = 1_000_000
NAMES: Final = ("ann", "bob")
TRADES: Final = 10
"""One order in so many trades."""
A_DAY: Final = 250_000
KEPT_SHARES: Final = (6, 2)
"""The snapshots are older than the last row by these shares, in tenths of a segment."""


class Flow:
    """Commands that repeat for ever, through an engine; ``chain``: the last row's digest."""

    def __init__(self, a_day: int) -> None:
        self._market = Market(default_config())
        self._market.thorough = False
        for name in NAMES:
            self._market.open_account(name, MONEY_UCR)
            self._market.add_host(name, UNITS)
        self.engine: Engine = self._market.engine
        self.engine.state.quiet = True
        self.chain = ORIGIN
        self._step_ms = MS_PER_DAY / a_day

    def rows(self) -> Iterator[StoredRow]:
        """Yield the rows that the gateway would have written, chained, without an end."""
        first = [(command, now_ms) for command, now_ms in self._market.journal]
        for seq, (command, now_ms) in enumerate(chained(first, self._taken()), 1):
            body = command_body(command)
            self.chain = link(self.chain, seq, now_ms, RULES_VERSION, body)
            yield seq, now_ms, RULES_VERSION, body, self.chain

    def _taken(self) -> Iterator[tuple[Command, int]]:
        engine, state, apply = self.engine, self.engine.state, self.engine.apply
        begun_ms = self._market.now_ms
        for number, command in enumerate(self._commands()):
            now_ms = begun_ms + int(number * self._step_ms)
            if engine.may_be_due(now_ms) and (engine.next_deadline_ms() or now_ms + 1) <= now_ms:
                nudge = Command("", "", 0, AdvanceTime(forget=True))
                apply(nudge, now_ms)
                yield nudge, now_ms
            before = state.seq
            apply(command, now_ms)
            assert state.seq == before + 1, command
            yield command, now_ms

    def _commands(self) -> Iterator[Command]:
        number = 0
        while True:
            number += 1
            who = NAMES[number & 1]
            side: Side = "sell" if number & 2 else "buy"
            name, price = f"c-{number}", 2_000 if side == "sell" else 500
            yield Command(who, "", 0, order(name, side, price))
            if number % TRADES:
                yield Command(who, "", 0, OrderCancel(None, name, req_id=1))
                continue
            other: Side = "buy" if side == "sell" else "sell"
            yield Command(NAMES[1 - (number & 1)], "", 0, order(f"{name}-x", other, price))
            for lease in list(self.engine.state.leases.values()):
                release = LeaseRelease(req_id=1, lease_id=lease.lease_id)
                yield Command(lease.buyer.account_id, "", 0, release)

    def snapshot(self) -> SnapshotFile:
        """Return the state behind the last row."""
        engine = self.engine
        gateway = Gateway(engine, server_id="", verify=keys.verify)
        memory, state = gateway.feed.memory(), engine.snapshot()
        when = RULES_VERSION, engine.seq, engine.now_ms
        return SnapshotFile(*when, self.chain, engine.state_hash(), state, memory)


def order(name: str, side: Side, price_ucr: int) -> OrderPlace:
    return OrderPlace(name, SYMBOL, side, "limit", 1, price_ucr, req_id=1)


def make(
    data_dir: Path,
    count: int,
    a_day: int = A_DAY,
    each: int = segments.SEGMENT_ROWS,
    on_segment: Callable[[int], bool] = lambda _: True,
) -> Flow:
    """Fill ``data_dir``, new, with an exchange of ``count`` rows, at least two segments of them;
    ``each``: rows of one. ``on_segment`` gets its last row, and False ends it soon."""
    data_dir.mkdir(mode=0o700)
    flow = Flow(a_day)
    rows = flow.rows()
    first_seq, sealed_rows = 1, (count // each - 1) * each
    while first_seq <= sealed_rows:
        segment = segments.write(data_dir, first_seq, flow.chain, islice(rows, each))
        first_seq = segment.head.last_seq + 1
        if not on_segment(segment.head.last_seq):
            count = first_seq - 1 + each
            break
    _fill(data_dir, flow, rows, count - first_seq + 1, each)
    return flow


def _fill(data_dir: Path, flow: Flow, rows: Iterator[StoredRow], count: int, each: int) -> None:
    """Write the table and the snapshots."""
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as database:
        database.executescript(TABLES)
        for share in (*KEPT_SHARES, 0):
            upto = count - each * share // 10
            part = islice(rows, upto)
            database.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", part)
            count -= upto
            if share:
                snapshots.write(data_dir, flow.snapshot())
        database.commit()


def main(count: str, where: str, a_day: str = str(A_DAY)) -> int:
    gc.disable()
    begun, cpu = time.monotonic(), time.process_time()
    ends: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ends.append(number))
    flow = make(Path(where), int(count), int(a_day), on_segment=lambda _: not ends)
    took, used = time.monotonic() - begun, time.process_time() - cpu
    print(f"{flow.engine.seq:,} commands made in {took:.0f} s, {used:.0f} s of CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
