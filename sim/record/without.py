"""A recording without one account's orders, and with a Manager in its place if there is one.

Two engines go side by side: one is told what was recorded, the other what the others said of it
(`others`), while a Manager may trade on that one's real gateway. What follows is what the rules of
the exchange make of it; nobody reacts. The costs of both are folded from their frames.
"""

from collections import Counter
from collections.abc import Callable, Generator
from itertools import chain
from random import Random
from typing import Any

import simpy
from msgspec import Struct

from exchange.journal.chain import BrokenChainError
from exchange.journal.replay import read_command
from exchange.journal.rows import JournalRow
from exchange.model.commands import Command, Out
from exchange.wire.requests import LeaseRelease, OrderMassCancel
from sim.network.clock import VirtualTime
from sim.record.file import Recording
from sim.record.hosts import StandIns
from sim.record.instead import ActsInstead, Instead, served
from sim.record.names import Names
from sim.record.others import Fate, Others
from sim.record.replay import Replayed, first_engine
from sim.record.second import Second
from sim.record.spent import Figures, Spent
from sim.record.take import applied
from sim.results.service import Quality
from sim.scenario.tables import Boot


class Outcome(Struct, frozen=True):
    """What the account paid and had, as recorded and instead, and what became of the commands."""

    recorded: Figures
    played: Figures
    commands: int
    """Of the others, played."""
    fates: Counter[Fate]
    """Commands that were not played."""
    refused: Counter[str]
    """Of those played, by reason."""
    unchanged: int
    """Of those played: they changed nothing."""
    given_back: int
    """Leases that the account had at the start."""
    recorded_quality: Quality | None = None
    played_quality: Quality | None = None


class Without:
    """Build it, `run` it once. ``found`` is the recording's faithful replay."""

    def __init__(
        self,
        recording: Recording,
        found: Replayed,
        account: str,
        instead: Instead | None,
        told: Callable[[int], None],
    ) -> None:
        self._recording = recording
        self._account = account
        self._end_ms = found.last_ms
        self._told = told
        self._env = VirtualTime(found.first_ms)
        rows = recording.rows()
        first = next(rows)
        self._rows = chain((first,), rows)
        self._base = first_engine(recording, first)
        self._old_names, self._names = Names(), Names()
        self._others = Others(account, self._old_names, self._names)
        self._recorded, self._played = (
            Spent(account, found.first_ms),
            Spent(account, found.first_ms),
        )
        self._second = Second(self._env, first_engine(recording, first), [self._observe])
        boot = instead.loaded.scenario.boot if instead is not None else Boot()
        is_recorded = self._others.is_recorded
        self._hosts = StandIns(self._env, Random("boots"), boot, is_recorded, self._second.tell)
        self._given_back = 0
        self._instead = instead
        self._manager: ActsInstead | None = None
        self._loads: list[float] = []
        self._behind_ms = 0
        if instead is not None:
            times = found.first_ms, found.last_ms
            self._loads, begins_ms = instead.loads(*times), instead.begins_ms(*times)
            self._behind_ms = begins_ms - found.first_ms
            serving = self._hosts.serving
            self._manager = ActsInstead(
                self._second, account, instead, serving, begins_ms, self._loads
            )

    def run(self) -> Outcome:
        """Play it to the end of the recording. Raises `RecordingError`."""
        self._begin()
        self._env.process(self._arrivals())
        self._env.run(until=self._end_ms + 1)
        return Outcome(
            recorded=self._recorded.figures(self._base, self._end_ms),
            played=self._played.figures(self._second.engine, self._end_ms),
            commands=self._second.played,
            fates=self._others.fates,
            refused=self._second.refused,
            unchanged=self._second.unchanged,
            given_back=self._given_back,
            recorded_quality=self._quality(self._recorded),
            played_quality=self._quality(self._played),
        )

    def _begin(self) -> None:
        """Name what is there, and give back what the account has, in the second history."""
        engine = self._second.engine
        self._old_names.seed(self._base)
        self._names.seed(engine)
        self._recorded.begin(self._base)
        self._played.begin(engine)
        if not engine.has_account(self._account):
            return
        self._second.ask(OrderMassCancel(req_id=1), self._account)
        mine = [row for row in engine.account_state(self._account).leases if row.side == "buy"]
        for lease in mine:
            self._second.ask(LeaseRelease(req_id=1, lease_id=lease.lease_id), self._account)
        self._given_back = len(mine)

    def _arrivals(self) -> Generator[simpy.Event, Any, None]:
        waiting = self._manager
        for row in self._rows:
            if row.now_ms > self._env.now_ms:
                yield self._env.timeout(row.now_ms - self._env.now_ms)
            self._arrive(row)
            if waiting is not None and self._second.engine.has_account(self._account):
                waiting.begin()
                waiting = None
            self._told(self._recording.done)

    def _arrive(self, row: JournalRow) -> None:
        command = read_command(row)
        try:
            outs = applied(self._base, row)
        except BrokenChainError as error:
            raise self._recording.bad(str(error)) from error
        self._old_names.fold(outs[1:])
        self._recorded.observe(outs)
        said = self._others.said(command, self._hosts.on(command.host))
        if said is not None:
            self._second.play(said)

    def _observe(self, command: Command, outs: list[Out], now_ms: int) -> None:
        self._names.fold(outs[1:])
        self._played.observe(outs)
        self._hosts.hear(outs)

    def _quality(self, spent: Spent) -> Quality | None:
        if self._instead is None or not self._loads:
            return None
        return served(self._instead, self._loads, spent.ready, self._behind_ms)
