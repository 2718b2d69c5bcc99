"""A seeded storm of commands for `Duel`: what a busy market with clumsy and unlucky people sends.

Small on purpose: few accounts, hosts of a few units, prices within a narrow band, so that every
queue, hold and host is touched by many commands and limits are hit all the time. Nothing here
decides what is right; it only looks at the oracle to name orders, leases and VMs that exist.
"""

from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final

from exchange.wire.requests import OrderCancel, OrderMassCancel, OrderPlace, OrderReplace
from exchange.wire.types import Side
from sim.oracle.orders import Limits
from tests.exchange.duel import acts
from tests.exchange.duel.scene import FLAT, METERED, MONEY, SPOTS
from tests.exchange.storm.vms import LeaseLife
from tests.exchange.support.laws import SIDES

STP: Final = (
    "cancel_newest",
    "cancel_newest",
    "cancel_oldest",
    "cancel_both",
    "decrement_and_cancel",
)
CROWD: Final = 4
"""Live orders of an account above which it rather cancels."""
ENOUGH: Final = 8
"""Leases of all accounts above which somebody rather gives one back."""


class Storm(LeaseLife):
    """Sends random commands; the same seed sends the same ones."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.placed = 0
        self.sent: list[tuple[OrderPlace, str]] = []
        self.refs = 0
        self.weights: dict[Callable[[], None], int] = {
            self.place: 480,
            self.repeat: 12,
            self.replace: 150,
            self.cancel: 30,
            self.mass_cancel: 3,
            self.release: 100,
            self.recall: 40,
            self.follow: 40,
            self.start_vm: 100,
            self.vm_news: 180,
            self.usage: 60,
            self.stop_vm: 15,
            self.pause: 60,
            self.long_pause: 6,
            self.next_hour: 9,
            self.session: 10,
            self.dead_man: 3,
            self.restart: 4,
            self.money: 12,
            self.limits: 3,
            self.halt: 3,
            self.kill: 3,
            self.announce: 6,
            self.offer: 4,
            self.drain: 4,
            self.calm: 20,
            self.fall_silent: 8,
            self.come_back: 20,
        }
        self.menu = list(self.weights)
        self.odds = list(accumulate(self.weights.values()))

    def run(self, commands: int) -> None:
        """Send this many; a disagreement is an AssertionError that names seed and command."""
        while self.duel.commands < commands:
            (step,) = self.random.choices(self.menu, cum_weights=self.odds)
            try:
                step()
            except AssertionError as error:
                where = f"command {self.duel.commands} ({getattr(step, '__name__', 'step')})"
                raise AssertionError(f"seed {self.seed}, {where}: {error}") from error

    # --- orders ---

    def symbol(self) -> str:
        """Spot or a window; hardly ever one whose gate is closed or that nobody knows."""
        windows = self.oracle.windows
        if self.chance(50):
            return self.random.choice([*windows, "small.eu-de.flat.2020-01-01T00"])
        traded = [one.symbol for one in windows.values() if not one.stage]
        return self.random.choice([FLAT, FLAT, METERED, *traded[:2]])

    def place(self) -> None:
        pick = self.random
        account = pick.choice(list(MONEY))
        if sum(o.account == account for o in self.oracle.live) > CROWD:
            self.cancel()
            return
        if len(self.oracle.leases) > ENOUGH:
            self.leave()
            return
        self.placed += 1
        terms: dict[str, Any] = {"stp": pick.choice(STP), "time_in_force": self.time_in_force()}
        if terms["time_in_force"] == "gtd":
            terms["expire_ms"] = self.duel.market.now_ms + pick.randrange(-100, 60_000)
        if self.chance(12):
            terms["min_qty"] = pick.randint(1, 5)
        if self.chance(8):
            terms["post_only"] = True
        side = pick.choice(SIDES)
        if side == "sell" and self.chance(8):
            terms["hosts"] = [pick.choice(list(self.oracle.hosts))]
        market = self.chance(10)
        if market and terms["time_in_force"] in ("gtd", "fok"):
            terms.pop("expire_ms", None)
            terms["time_in_force"] = "gtc"
        message = OrderPlace(
            req_id=1,
            client_order_id=f"c{self.placed}",
            symbol=self.symbol(),
            side=side,
            order_type="market" if market else "limit",
            qty=pick.randint(1, 4) if self.chance(2) else pick.randint(1, 9),
            price_ucr=None if market and self.chance(2) else self.price(side),
            **terms,
        )
        self.enter(message, account)

    def enter(self, message: OrderPlace, account: str) -> None:
        self.sent.append((message, account))
        self.duel.send(message, account, session=self.random.choice(self.sessions(account)))

    def follow(self) -> None:
        """A buyer takes the hour after one of his windows, from the same seller and host."""
        leases = [one for one in self.oracle.leases if not one.spot and not one.over]
        if not leases:
            return
        lease = self.random.choice(leases)
        windows = [w for w in self.oracle.windows.values() if w.start_ms == lease.ends_ms]
        if not windows:
            return
        symbol, qty = self.random.choice(windows).symbol, self.random.randint(1, lease.units)
        trade: list[tuple[Side, str]] = [("sell", lease.seller), ("buy", lease.buyer)]
        for side, account in trade:
            self.placed += 1
            name, host = f"c{self.placed}", lease.host if side == "sell" else None
            price_ucr = 590 if side == "sell" else 610
            message = acts.limit_order(name, symbol, side, qty, price_ucr, host)
            self.enter(message, account)

    def time_in_force(self) -> str:
        return self.random.choice(("gtc",) * 7 + ("gtd", "ioc", "fok"))

    def price(self, side: str) -> int:
        """Sides overlap, so that about half of the orders trade."""
        middle = 599 if side == "buy" else 601
        return 750 if self.chance(40) else middle + self.random.randint(-5, 5)

    def repeat(self) -> None:
        """Send a body again, or the same id with another body."""
        if not self.sent:
            return
        message, account = self.random.choice(self.sent[-40:])
        if self.chance(2):
            message = OrderPlace(
                req_id=9,
                client_order_id=message.client_order_id,
                symbol=message.symbol,
                side=message.side,
                order_type=message.order_type,
                qty=message.qty + 1,
                price_ucr=message.price_ucr,
            )
        someone = self.random.choice(list(MONEY)) if self.chance(4) else account
        self.duel.send(message, someone)

    def names(self) -> tuple[str, dict[str, Any]]:
        """An account and the name of an order: mostly a live one of its own."""
        pick, oracle = self.random, self.oracle
        if oracle.live and not self.chance(10):
            order = pick.choice(oracle.live)
        elif oracle.orders:
            order = pick.choice(oracle.orders[-60:])
        else:
            return "ann", {"order_id": "o-1"}
        account = pick.choice(list(MONEY)) if self.chance(20) else order.account
        if self.chance(2):
            return account, {"order_id": f"o-{order.number}"}
        return account, {"client_order_id": order.asked.client_order_id}

    def replace(self) -> None:
        account, named = self.names()
        change: dict[str, Any] = {}
        if self.chance(2):
            change["price_ucr"] = 600 + self.random.randint(-7, 7)
        if not change or self.chance(2):
            change["qty"] = self.random.choice((1, 1, 2, 2, 3, 4, 5, 7, 9))
        self.duel.send(OrderReplace(req_id=1, **named, **change), account)

    def cancel(self) -> None:
        account, named = self.names()
        self.duel.send(OrderCancel(req_id=1, **named), account)

    def mass_cancel(self) -> None:
        which: dict[str, Any] = {}
        if self.chance(2):
            which["symbol"] = self.symbol()
        if self.chance(2):
            which["side"] = self.random.choice(SIDES)
        self.duel.send(OrderMassCancel(req_id=1, **which), self.random.choice(list(MONEY)))

    # --- connections ---

    def sessions(self, account: str) -> list[int]:
        """The numbers of an account's two connections."""
        first = 1 + 2 * list(MONEY).index(account)
        return [first, first + 1]

    def session(self) -> None:
        """A connection arms or disarms cancel-on-disconnect, or it drops, some of them properly."""
        account = self.random.choice(list(MONEY))
        number = self.random.choice(self.sessions(account))
        if self.chance(2):
            acts.drop(self.duel, number, clean=self.chance(4))
        else:
            acts.arm(self.duel, account, number, enabled=not self.chance(4))

    def dead_man(self) -> None:
        """One of an account's two keys arms, renews or disarms its dead man's switch."""
        account = self.random.choice(list(MONEY))
        key = f"{account}'s {self.random.choice(('first', 'second'))}"
        timeout_ms = self.random.choice((0, 0, 1_000, 60_000, 600_000))
        acts.dead_man(self.duel, account, key, timeout_ms)

    def restart(self) -> None:
        """The exchange was down, now and then for longer than a launch may take."""
        self.resolve_silences()
        self.duel.restart(self.random.choice((0, 5_000, 100_000, 700_000)))

    # --- time, money, rules ---

    def pause(self) -> None:
        self.duel.advance(self.random.choice((1, 7, 500, 20_000, 100_000)))
        self.name_the_carried()

    def long_pause(self) -> None:
        self.resolve_silences()
        hours = self.random.choice((0.1, 0.1, 0.2, 0.3, 0.5, 26 if self.chance(40) else 1))
        self.duel.advance(int(hours * 3_600_000) + self.random.randrange(1000))

    def money(self) -> None:
        self.refs += 1
        account, amount = self.random.choice(list(MONEY)), self.random.randint(-2_000, 2_500)
        acts.deposit(self.duel, account, amount, f"r{self.refs}")

    def limits(self) -> None:
        account, pick = self.random.choice(list(MONEY)), self.random
        row = Limits(pick.randint(3, 9), pick.randint(2_000, 5_400), pick.randint(2, 9))
        acts.limit(self.duel, account, row if self.chance(6) else Limits())

    def halt(self) -> None:
        symbol = self.random.choice([*SPOTS, *self.oracle.windows])
        acts.halt(self.duel, symbol, halted=self.chance(3))

    def kill(self) -> None:
        account = self.random.choice(list(MONEY))
        acts.kill(self.duel, account, enabled=self.chance(3))

    def calm(self) -> None:
        """What stops trading does not last."""
        oracle = self.oracle
        for symbol in sorted(oracle.halted & {*SPOTS, *oracle.windows}):
            acts.halt(self.duel, symbol, halted=False)
        for account in sorted(oracle.killed):
            acts.kill(self.duel, account, enabled=False)
        for host in oracle.hosts.values():
            if host.draining:
                acts.drain(self.duel, host, enabled=False)
