"""Two shards and the account shard, playing a flow.

A request goes to the shard of its zone. When that refuses it for money, the purse is asked for what
is missing, and the request is put again when the money has come: at once, or later when messages
take time. `Ways` says how the purse gets at money that lies idle in the other shard.
"""

from typing import Any, NamedTuple

from exchange.wire.admin_requests import AdminDeposit
from exchange.wire.results import Refused
from tests.exchange.duel.referee import Duel
from tests.sim.shards.purse import Purse
from tests.sim.shards.scene import MONEY, ZONES, new_duel
from tests.sim.shards.whole import WAITS, Player, verdict


class Ways(NamedTuple):
    """How the account shard works."""

    takes_ms: int = 0
    """How long a message between it and a shard is under way."""
    recalls: bool = True
    """It asks the other shard for idle money when it lacks some itself."""
    asks_ahead: bool = True
    """A shard asks for money before a lease needs it for its next hour."""


class Parked(NamedTuple):
    """A request that waits for money, which has come, or not, at ``at_ms``."""

    at_ms: int
    number: int
    zone: str
    message: Any
    account: str
    session: int


class Sharded(Player):
    """Each zone is a shard with an engine and an oracle of its own."""

    def __init__(self, ways: Ways) -> None:
        super().__init__()
        self.ways = ways
        self.shards = {zone: new_duel([zone]) for zone in ZONES}
        self.purse = Purse()
        self.parked: list[Parked] = []
        self.transfers = 0
        for account, amount_ucr in MONEY.items():
            self.deposit(account, amount_ucr)
        for duel in self.shards.values():
            assert duel.market.now_ms == self.now_ms

    @property
    def now_ms(self) -> int:
        return self.shards[ZONES[0]].market.now_ms

    def duel(self, zone: str) -> Duel:
        return self.shards[zone]

    # --- requests ---

    def ask(self, number: int, zone: str, message: Any, account: str, session: int = 0) -> Any:
        reply = self.shards[zone].send(message, account, session=session)
        missing = lacks(reply)
        if not missing or not self.fetch(zone, account, missing):
            return verdict(reply)
        if not self.ways.takes_ms:
            self.deliver()
            return verdict(self.shards[zone].send(message, account, session=session))
        back_ms = self.now_ms + 2 * self.ways.takes_ms
        self.parked.append(Parked(back_ms, number, zone, message, account, session))
        return WAITS

    def tell(
        self,
        message: Any,
        account: str,
        zone: str | None = None,
        key_id: str = "",
        session: int = 0,
    ) -> None:
        for each in ZONES if zone is None else [zone]:
            self.shards[each].act(message, account, key_id=key_id, session=session)

    def deposit(self, account: str, amount_ucr: int) -> Any:
        """Deposits and withdrawals are the account shard's; it takes home what it needs first."""
        missing = -amount_ucr - self.purse.free.get(account, 0)
        if missing > 0:
            if not self.ways.recalls or self.ways.takes_ms or missing > self.idle(account):
                return "insufficient_funds"
            self.take_home(account, missing)
            self.deliver()
        self.purse.deposit(account, amount_ucr)
        return "done"

    # --- money ---

    def fetch(self, zone: str, account: str, amount_ucr: int) -> bool:
        """Have the purse send money to a shard; False when it cannot."""
        missing = amount_ucr - self.purse.free.get(account, 0)
        if missing > 0:
            if not self.ways.recalls or self.ways.takes_ms or missing > self.idle(account, zone):
                return False
            self.take_home(account, missing, zone)
            self.deliver()
        return self.purse.lend(zone, account, amount_ucr, self.now_ms + 2 * self.ways.takes_ms)

    def idle(self, account: str, but: str | None = None) -> int:
        """Return what an account has available in the shards."""
        there = [duel for zone, duel in self.shards.items() if zone != but]
        return sum(duel.market.money(account)[0] for duel in there)

    def take_home(self, account: str, amount_ucr: int, but: str | None = None) -> None:
        """Bring idle money home, as much as is asked for or all there is."""
        for zone, duel in self.shards.items():
            part = min(amount_ucr, duel.market.money(account)[0])
            if zone != but and part:
                self.move(zone, account, -part)
                self.purse.sent_home(account, part, self.now_ms + self.ways.takes_ms)
                amount_ucr -= part

    def deliver(self) -> None:
        """What arrives now is in a shard or free."""
        for each in self.purse.arrived(self.now_ms):
            assert each.shard is not None
            self.move(each.shard, each.account, each.amount_ucr)

    def move(self, zone: str, account: str, amount_ucr: int) -> None:
        self.transfers += 1
        ref = f"t{self.transfers}"
        message = AdminDeposit(req_id=1, account=account, amount_ucr=amount_ucr, ref=ref)
        reply = self.shards[zone].send(message)
        assert not isinstance(reply, Refused), reply

    # --- time ---

    def wait(self, by_ms: int) -> None:
        """Let time pass in all shards, with a stop wherever something comes or is due."""
        end_ms = self.now_ms + by_ms
        while (stop_ms := self.next_stop_ms(end_ms)) < end_ms:
            self.pass_until(stop_ms)
        self.pass_until(end_ms)

    def next_stop_ms(self, end_ms: int) -> int:
        due = [duel.market.engine.next_deadline_ms() for duel in self.shards.values()]
        parked = [each.at_ms for each in self.parked]
        return min(ms for ms in (end_ms, self.purse.next_ms(), *due, *parked) if ms is not None)

    def pass_until(self, at_ms: int) -> None:
        for zone, duel in self.shards.items():
            due_ms = duel.market.engine.next_deadline_ms()
            if due_ms is not None and due_ms <= at_ms and self.ways.asks_ahead:
                self.ask_ahead(zone)
            duel.advance(at_ms - duel.market.now_ms)
        self.deliver()
        again = [each for each in self.parked if each.at_ms <= at_ms]
        self.parked = [each for each in self.parked if each.at_ms > at_ms]
        for each in again:
            reply = self.shards[each.zone].send(each.message, each.account, session=each.session)
            self.verdicts[each.number] = verdict(reply)

    def ask_ahead(self, zone: str) -> None:
        """Something is due, perhaps the next hour of a lease: the shard may use all there is."""
        assert not self.ways.takes_ms
        leases = self.shards[zone].market.engine.state.leases.values()
        for account in dict.fromkeys(lease.buyer.account_id for lease in leases):
            self.take_home(account, self.idle(account, zone), zone)
            self.deliver()
            if free := self.purse.free[account]:
                self.purse.lend(zone, account, free, self.now_ms)
                self.deliver()


def lacks(reply: Any) -> int:
    """Return how much money a refused request lacks in its shard; 0 when it is not that."""
    if not isinstance(reply, Refused) or reply.reason != "insufficient_funds":
        return 0
    amounts = reply.amounts
    assert amounts is not None
    assert amounts.needed_ucr is not None and amounts.available_ucr is not None
    return amounts.needed_ucr - amounts.available_ucr
