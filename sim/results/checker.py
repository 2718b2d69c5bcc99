"""The laws of the exchange, held after every command of every run.

1. money: everything sums to zero, and nobody but ``outside`` owes
2. paid: buyers paid = sellers earned + fees, to the ucr, account by account; the bond of units
   goes to the buyer whom the seller let down, and to nobody else
3. held: what an account has set aside = its open orders' holds + its leases' holds and bonds
4. slots: what is leased on a host fits what it offered and never exceeds what it has; what is
   asked fits what is free
5. book: the best bid is below the best ask
6. leases: an ended lease never changes, and when a run is over every lease has ended

Written from rules.md 1.1, 1.2, 1.3, 3.2, 4.1 and 5.1 against the engine's answers and frames, with
books of its own (`tally.py`). After each command the checker looks at what that command touched,
and at everything every `FULL_EVERY` commands.
"""

from collections.abc import Iterable
from typing import NoReturn

from exchange.engine.engine import Engine
from exchange.model.commands import Command, Out
from exchange.model.config import ExchangeConfig
from exchange.units import MS_PER_HOUR, MS_PER_MINUTE
from exchange.wire.types import Capacity
from sim.results.tally import Changed, Lease, Lost, Tally

FULL_EVERY = 500
MAX_HELD_MS = 2 * MS_PER_HOUR + 7 * MS_PER_MINUTE
"""Two hours, and the longest wait for a launch (300 s) and a boot (120 s) that is not billed.

A metered lease holds one hour more: CPU of the last posted one may still be reported.
"""
FEES, OUTSIDE = "fees", "outside"


class LawBrokenError(AssertionError):
    """The exchange broke one of its laws: a bug, never a user's mistake.

    ``law``: one of those above. ``command``: the number of the command in the journal.
    """

    def __init__(self, law: str, command: int, text: str) -> None:
        # All three, since SimPy makes a copy of what ends a process from its arguments.
        super().__init__(law, command, text)
        self.law = law
        self.command = command
        self.text = text

    def __str__(self) -> str:
        return f"law {self.law!r} broken after command {self.command}: {self.text}"


class Checker:
    """``observe`` every accepted command, in order; `finish` when the run is over."""

    def __init__(self, engine: Engine, config: ExchangeConfig) -> None:
        self._engine = engine
        self._shapes = config.classes
        self._tally = Tally(config.fee_pct)
        self.commands = 0

    def observe(self, command: Command, outs: list[Out], now_ms: int) -> None:
        """Hold the laws after ``command``. Raises `LawBrokenError`."""
        self.commands += 1
        before = {lease_id: lease.units for lease_id, lease in self._tally.live.items()}
        changed = self._tally.take_in(command, outs)
        if self.commands % FULL_EVERY == 0:
            self._everything(changed)
        balances = self._balances()
        self._money(balances)
        self._bonds(changed.lost)
        self._paid(balances, changed.accounts)
        self._held(balances, changed.accounts)
        self._slots(changed, before)
        self._book(changed.symbols)
        if changed.after_end:
            self._broken("leases", f"{changed.after_end[0]} changed after its end")

    def follow(self, engine: Engine) -> None:
        """The exchange restarted: hold the replayed engine to the same books."""
        self._engine = engine

    def finish(self) -> None:
        """The run is over and wound down: nothing is leased and nothing is held."""
        if self._tally.live:
            self._broken("leases", f"{next(iter(self._tally.live))} never ended")
        balances = self._balances()
        self._money(balances)
        self._paid(balances, balances)
        self._held(balances, balances)

    def _everything(self, changed: Changed) -> None:
        changed.accounts.update(dict.fromkeys(self._tally.owned_ucr))
        changed.symbols.update(dict.fromkeys(self._engine.state.instruments))
        changed.hosts.update(dict.fromkeys(self._tally.capacity))
        changed.sellers.update(dict.fromkeys(self._tally.owner.values()))

    def _balances(self) -> dict[str, tuple[int, int]]:
        rows = self._engine.balances().items()
        return {account: (row.available_ucr, row.held_ucr) for account, row in rows}

    def _money(self, balances: dict[str, tuple[int, int]]) -> None:
        total_ucr = 0
        for account, (available_ucr, held_ucr) in balances.items():
            total_ucr += available_ucr + held_ucr
            if (available_ucr < 0 and account != OUTSIDE) or held_ucr < 0:
                self._broken("money", f"{account} owes: {available_ucr} and {held_ucr} held")
        if total_ucr:
            self._broken("money", f"everything sums to {total_ucr} ucr, not 0")

    def _bonds(self, lost: Iterable[Lost]) -> None:
        """Book the bonds that are due."""
        for loss in lost:
            if loss.due:
                self._tally.move_bond(loss.lease, loss.bond_ucr)

    def _paid(self, balances: dict[str, tuple[int, int]], accounts: Iterable[str]) -> None:
        tally = self._tally
        if balances[FEES][0] != tally.fees_ucr:
            self._broken("paid", f"fees are {balances[FEES][0]} ucr, not {tally.fees_ucr}")
        for account in accounts:
            should_ucr = tally.owned_ucr.get(account, 0)
            owns_ucr = sum(balances.get(account, (0, 0)))
            if account not in (FEES, OUTSIDE) and owns_ucr != should_ucr:
                self._broken("paid", f"{account} owns {owns_ucr} ucr, not {should_ucr}")

    def _held(self, balances: dict[str, tuple[int, int]], accounts: Iterable[str]) -> None:
        wanted_ucr = {account: self._tally.order_holds_ucr.get(account, 0) for account in accounts}
        for lease in self._tally.live.values():
            if lease.seller in wanted_ucr:
                wanted_ucr[lease.seller] += lease.bond_ucr
            if lease.buyer in wanted_ucr:
                wanted_ucr[lease.buyer] += self._lease_hold_ucr(lease)
        for account, amount_ucr in wanted_ucr.items():
            held_ucr = balances.get(account, (0, 0))[1]
            if held_ucr != amount_ucr:
                self._broken("held", f"{account} holds {held_ucr} ucr, not {amount_ucr}")

    def _lease_hold_ucr(self, lease: Lease) -> int:
        """Return what the engine holds for a lease, after checking that it is within reason.

        Never below zero, and never above two hours of what the lease ever had, metered three: the
        next hour is held ten minutes ahead. What was held for a boot that then was free stays set
        aside too.
        """
        row = self._engine.state.leases.get(int(lease.lease_id.removeprefix("l-")))
        if row is None:
            self._broken("leases", f"{lease.lease_id} lives by its frames, not in the engine")
        most_ms = MAX_HELD_MS + (MS_PER_HOUR if row.metered else 0)
        most_ucr = lease.price_ucr * lease.granted * most_ms // MS_PER_HOUR
        if not 0 <= row.hold_ucr <= most_ucr:
            self._broken("held", f"{lease.lease_id} holds {row.hold_ucr} ucr")
        if row.charged_ucr != lease.charged_ucr:
            told = f"its frames say {lease.charged_ucr}"
            self._broken("paid", f"{lease.lease_id} was charged {row.charged_ucr} ucr, {told}")
        return row.hold_ucr

    def _slots(self, changed: Changed, before: dict[str, int]) -> None:
        live = self._tally.live
        for host in changed.hosts:
            used = self._tally.used(host, self._shapes)
            if not _fits(used, self._tally.capacity[host]):
                self._broken("slots", f"{host} has leased more than it has: {used}")
            new = any(row.host == host and key not in before for key, row in live.items())
            if new and not _fits(used, self._tally.offered[host]):
                self._broken("slots", f"{host} sold more than it offers: {used}")
        for account in changed.sellers:
            for hour in self._tally.hours_asked(account):
                asked = self._tally.asked(account, self._shapes, hour)
                if not _fits(asked, self._tally.free(account, self._shapes, hour)):
                    wrong = f"{account} asks for more than its hosts have free: {asked}"
                    self._broken("slots", wrong)

    def _book(self, symbols: Iterable[str]) -> None:
        for symbol in symbols:
            bids = self._engine.levels(symbol, "buy", 1)
            asks = self._engine.levels(symbol, "sell", 1)
            if bids and asks and bids[0][0] >= asks[0][0]:
                self._broken("book", f"{symbol} is crossed: bid {bids[0][0]}, ask {asks[0][0]}")

    def _broken(self, law: str, text: str) -> NoReturn:
        raise LawBrokenError(law, self._engine.seq, text)


def _fits(used: Capacity, limit: Capacity) -> bool:
    return (
        used.mvcpu <= limit.mvcpu
        and used.mem_mib <= limit.mem_mib
        and used.disk_mib <= limit.disk_mib
    )
