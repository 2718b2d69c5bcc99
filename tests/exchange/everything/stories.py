"""A storm of commands of every type there is: short stories, each on a fresh and small exchange.

The engine is a `ParanoidEngine`: after every command, whether it was accepted, refused or a
duplicate, the state must be what the rows lead to. Laws that need a full scan are looked at now and
then.

    python -m tests.exchange.everything.stories 1000000
"""

import sys
import time
from collections import Counter
from typing import Any, Final, TypeAlias

from exchange.engine.engine import Engine
from exchange.engine.paranoid import ParanoidEngine
from exchange.model.commands import AdvanceTime, Started
from exchange.wire.admin_requests import (
    AdminAccount,
    AdminDeposit,
    AdminHalt,
    AdminInstrument,
    AdminKey,
    AdminKeyRevoke,
    AdminKillSwitch,
    AdminLimits,
    AdminZone,
)
from tests.exchange.everything.hosts import Owners, public_key
from tests.exchange.everything.traders import Traders

Outcomes: TypeAlias = Counter[tuple[type, str]]
STORY: Final = 250
"""Commands on one exchange: the state stays small enough to be written out after each."""


class Everything(Traders, Owners):
    """One story; the same seed tells the same one."""

    def __init__(self, seed: int, make_engine: type[Engine] = ParanoidEngine) -> None:
        super().__init__(seed, make_engine)
        self.deposit: AdminDeposit | None = None
        self.odds = {
            self.place: 45,
            self.trade: 16,
            self.replace: 12,
            self.cancel: 6,
            self.mass_cancel: 1,
            self.arm: 3,
            self.drop: 4,
            self.dead_man: 3,
            self.release: 6,
            self.recall: 4,
            self.start_vm: 16,
            self.stop_vm: 3,
            self.vm_news: 20,
            self.usage: 8,
            self.token: 3,
            self.enroll: 5,
            self.approve: 4,
            self.announce: 3,
            self.synced: 3,
            self.offer: 2,
            self.drain: 2,
            self.silence: 3,
            self.back: 2,
            self.lost: 1,
            self.image_stored: 3,
            self.image_deleted: 2,
            self.image_offer: 4,
            self.image_buy: 4,
            self.open_account: 2,
            self.key: 3,
            self.revoke: 2,
            self.money: 3,
            self.zone: 2,
            self.instrument: 2,
            self.halt: 2,
            self.kill: 2,
            self.limits: 1,
            self.recover: 14,
            self.calm: 8,
            self.halts: 1,
            self.restart: 1,
            self.nudge: 1,
            self.pause: 12,
            self.long_pause: 1,
        }

    # --- the operator ---

    def open_account(self) -> None:
        account = self.random.choice(("ann", "eve", "fees"))
        self.send(AdminAccount(req_id=1, account=account, name=self.random.choice("xy")))

    def key(self) -> None:
        role: Any = self.random.choice(("viewer", "trader", "operator", "host"))
        message = AdminKey(
            req_id=1,
            account="operator" if role == "operator" else self.random.choice(("ann", "eve")),
            key_id=f"k{self.random.randrange(4)}",
            public_key=public_key(self.random.randrange(6)),
            role=role,
        )
        self.send(message)

    def revoke(self) -> None:
        key_id = self.random.choice(["nobody", *self.state.keys])
        self.send(AdminKeyRevoke(req_id=1, key_id=key_id))

    def money(self) -> None:
        """Now and then the same once more."""
        if self.deposit is None or not self.chance(3):
            ref = f"r{self.random.randrange(4)}"
            amount_ucr = self.random.choice((500, -500, -(10**8)))
            account = self.random.choice((*self.state.ledger.accounts, "nobody"))
            self.deposit = AdminDeposit(req_id=1, account=account, amount_ucr=amount_ucr, ref=ref)
        self.send(self.deposit)

    def zone(self) -> None:
        name, country = self.random.choice(("eu-fr", "eu.fr")), self.random.choice(("FR", "DE"))
        message = AdminZone(req_id=1, zone=name, country=country, accel=["simulated"])
        self.send(message)

    def instrument(self) -> None:
        symbol = self.random.choice(
            (self.symbol(), "small.eu-fr.flat.spot", "huge.eu-de.flat.spot")
        )
        band_pct = self.random.choice((None, 0, 0, 20))
        message = AdminInstrument(req_id=1, symbol=symbol, ref_ucr=600, band_pct=band_pct)
        self.send(message)

    def halt(self) -> None:
        symbol = None if self.chance(2) else self.symbol()
        self.send(AdminHalt(req_id=1, symbol=symbol, halted=self.chance(3)))

    def halts(self) -> None:
        """The same of every market one by one, then of all, perhaps the other way about before."""
        halted = self.chance(2)
        if self.chance(2):
            self.send(AdminHalt(req_id=1, halted=not halted))
        for symbol in self.market.engine.symbols():
            self.send(AdminHalt(req_id=1, symbol=symbol, halted=halted))
        self.send(AdminHalt(req_id=1, halted=halted))

    def calm(self) -> None:
        """What stops trading does not last."""
        if any(row.halted for row in self.state.instruments.values()):
            self.send(AdminHalt(req_id=1, halted=False))
        if self.state.killed:
            self.send(AdminKillSwitch(req_id=1, enabled=False))
        for name, account in self.state.ledger.accounts.items():
            if account.killed:
                self.send(AdminKillSwitch(req_id=1, account=name, enabled=False))
            if account.limited:
                self.send(AdminLimits(req_id=1, account=name, max_qty=0))

    def kill(self) -> None:
        account = None if self.chance(3) else self.account()
        self.send(AdminKillSwitch(req_id=1, account=account, enabled=self.chance(6)))

    def limits(self) -> None:
        account = self.random.choice((*self.state.ledger.accounts, "nobody"))
        self.send(AdminLimits(req_id=1, account=account, max_qty=self.random.choice((0, 0, 4))))

    # --- time ---

    def restart(self) -> None:
        """The exchange was down for a while."""
        down_since_ms = self.market.now_ms
        self.market.now_ms += self.random.choice((0, 5_000, 100_000, 700_000))
        self.epoch += 1
        self.send(Started(self.epoch, down_since_ms))

    def nudge(self) -> None:
        """A wake-up for nothing."""
        self.send(AdvanceTime(forget=self.chance(2)))

    def pause(self) -> None:
        self.pass_time(self.random.choice((1, 700, 15_000, 60_000, 200_000)))

    def long_pause(self) -> None:
        self.pass_time(self.random.choice((600_000, 3_600_000, 25 * 3_600_000)))

    def pass_time(self, by_ms: int) -> None:
        """What is due happens, and what ended long ago is forgotten."""
        self.market.now_ms += by_ms
        self.send(AdvanceTime(forget=True))


def tell(stories: range, make_engine: type[Engine] = ParanoidEngine) -> Outcomes:
    """Run the stories; returns how often which command had which outcome."""
    outcomes: Outcomes = Counter()
    for seed in stories:
        story = Everything(seed, make_engine)
        story.run(STORY)
        outcomes += story.outcomes
    return outcomes


def main() -> int:
    stories = range(int(sys.argv[1]) // STORY)
    began_s = time.process_time()
    outcomes = tell(stories)
    told: Counter[str] = Counter()
    for (_, outcome), count in outcomes.items():
        told[outcome] += count
    types, used_s = len({kind for kind, _ in outcomes}), time.process_time() - began_s
    print(f"{told.total()} commands of {types} types, every law held: {dict(told)}")
    print(f"{used_s:.0f} s of CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
