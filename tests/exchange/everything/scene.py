"""A fresh and small exchange for one story of `Everything`, and how a story picks its names.

Names come from small pools and most of them are tried by whomever, whenever, so that refusals,
repeats and commands at the wrong moment are as many as those that are accepted.
"""

from collections import Counter
from collections.abc import Callable
from itertools import accumulate
from random import Random
from typing import Any, Final

from exchange.engine.engine import Engine
from exchange.engine.paranoid import ParanoidEngine
from exchange.model.commands import ImageStored, JournalMessage
from exchange.model.config import ExchangeConfig, InstrumentConfig, WindowConfig, ZoneConfig
from exchange.model.config import default_config as defaults
from exchange.wire.results import Done
from tests.exchange.support import laws
from tests.exchange.support.market import Market

LAWS_EVERY: Final = 25
"""Commands between two looks at the laws that need a full scan."""
MONEY: Final = {"ann": 10**7, "bob": 10**7, "cat": 9_000}
OWNERS: Final = ("ann", "bob")
FLAT, METERED = "small.eu-de.flat.spot", "small.eu-de.metered.spot"
IMAGES: Final = ("ab" * 32, "cd" * 32, "ef" * 32)


def config() -> ExchangeConfig:
    """One class, one zone, a spot market of each pricing, windows of one."""
    return ExchangeConfig(
        classes={"small": defaults().classes["small"]},
        zones=[ZoneConfig(zone="eu-de", country="DE", accel=["simulated"])],
        instruments=[
            InstrumentConfig(class_="small", zone="eu-de", pricing="flat"),
            InstrumentConfig(class_="small", zone="eu-de", pricing="metered"),
        ],
        windows=[WindowConfig(class_="small", zone="eu-de", pricing="metered", hours_ahead=2)],
    )


class Scene:
    """One story; the same seed tells the same one."""

    def __init__(self, seed: int, make_engine: type[Engine] = ParanoidEngine) -> None:
        self.seed = seed
        self.random = Random(f"everything {seed}")
        self.market = Market(config(), make_engine=make_engine)
        self.market.thorough = False  # the law is the engine's own here
        self.state = self.market.engine.state
        self.epoch = 1
        self.outcomes: Counter[tuple[type, str]] = Counter()
        """How often which command was done, a duplicate or refused."""
        self.odds: dict[Callable[[], None], int] = {}
        """What may come next, and how often."""
        for account, money_ucr in MONEY.items():
            self.market.open_account(account, money_ucr)
            self.market.must(ImageStored(account, IMAGES[0], 1_000_000, "bundle"))
        for owner in OWNERS:
            self.market.add_host(owner, 12)

    def run(self, commands: int) -> None:
        """Send this many; what breaks is an AssertionError that names the story and the command."""
        menu, weights = list(self.odds), list(accumulate(self.odds.values()))
        looked = 0
        while (sent := self.outcomes.total()) < commands:
            (step,) = self.random.choices(menu, cum_weights=weights)
            try:
                step()
                if sent >= looked + LAWS_EVERY:
                    looked = sent
                    laws.check(self.market)
                    self.look()
            except AssertionError as error:
                name = getattr(step, "__name__", "step")
                raise AssertionError(f"story {self.seed}, {sent} sent, {name}: {error}") from error

    def send(
        self,
        message: JournalMessage,
        account: str = "",
        host: str = "",
        key_id: str = "",
        session: int = 0,
    ) -> None:
        reply = self.market.send(message, account, host, key_id, session)
        outcome = "refused"
        if isinstance(reply, Done):
            outcome = "duplicate" if reply.duplicate else "done"
        self.outcomes[type(message), outcome] += 1

    def look(self) -> None:
        """Ask the engine all that it can be asked: a read changes nothing."""
        engine, before = self.market.engine, self.market.engine.snapshot()
        for account in MONEY:
            engine.account_state(account)
            engine.order_list(account)
            engine.directory_rows(account)
            engine.fleet_rows(account)
        for host in self.state.hosts:
            engine.host_sync(host, "i")
            engine.host_kills(host, "i")
            engine.host_limit(host, "i")
        for symbol in engine.symbols():
            engine.levels(symbol, "buy", 0)
            engine.take_touched(symbol)
        assert engine.instruments() and engine.hosts() and engine.balances()
        assert engine.snapshot() == before, "a read changed the state"

    # --- picking ---

    def chance(self, one_in: int) -> bool:
        return self.random.randrange(one_in) == 0

    def account(self) -> str:
        return self.random.choice(list(MONEY))

    def number(self, last: int) -> int:
        """A number that was given out, mostly a late one; 0 names nothing."""
        return max(0, last - self.random.randrange(6))

    def symbol(self) -> str:
        return self.random.choice([FLAT, FLAT, METERED, *self.market.engine.symbols()])

    def host(self) -> str:
        return self.random.choice(list(self.state.hosts))

    def owner(self, host: str) -> str:
        """Whose it is, now and then somebody else."""
        return self.account() if self.chance(8) else self.state.hosts[host].account_id

    def report(self, message: Any, host: str | None = None) -> None:
        """A host says something, in whatever state it is."""
        name = host or self.host()
        self.send(message, self.state.hosts[name].account_id, name)
