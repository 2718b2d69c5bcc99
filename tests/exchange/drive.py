"""A seeded storm of commands for `Duel`: what a busy market with clumsy and unlucky people sends.

Small on purpose: few accounts, hosts of a few units, prices within a narrow band, so that every
queue, hold and host is touched by many commands and limits are hit all the time. Nothing here
decides what is right; it only looks at the oracle to name orders and leases that exist.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from exchange.operator_requests import AdminDeposit, AdminHalt, AdminKillSwitch, AdminLimits
from exchange.protocol import (
    HostDrain,
    LeaseRecall,
    LeaseRelease,
    OrderCancel,
    OrderMassCancel,
    OrderPlace,
    OrderReplace,
)
from tests.exchange import laws
from tests.exchange.drive_hosts import HostTrouble
from tests.exchange.duel_scene import MONEY, SYMBOLS
from tests.exchange.oracle_orders import Limits

STP: Final = (
    "cancel_newest",
    "cancel_newest",
    "cancel_oldest",
    "cancel_both",
    "decrement_and_cancel",
)
LAWS_EVERY: Final = 100
"""The referee compares everything after each command; the laws look from another side."""
CROWD: Final = 4
"""Live orders of an account above which it rather cancels."""


class Storm(HostTrouble):
    """Sends random commands; the same seed sends the same ones."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.placed = 0
        self.sent: list[OrderPlace] = []
        self.refs = 0
        self.weights: dict[Callable[[], None], int] = {
            self.place: 520,
            self.repeat: 15,
            self.replace: 130,
            self.cancel: 40,
            self.mass_cancel: 4,
            self.release: 220,
            self.recall: 25,
            self.pause: 60,
            self.long_pause: 6,
            self.money: 12,
            self.limits: 3,
            self.halt: 3,
            self.kill: 3,
            self.announce: 6,
            self.offer: 4,
            self.drain: 4,
            self.calm: 20,
            self.fall_silent: 6,
            self.come_back: 14,
        }
        self.menu = list(self.weights)
        self.odds = list(self.weights.values())

    def run(self, commands: int) -> None:
        """Send this many; a disagreement is an AssertionError that names seed and command."""
        for number, step in enumerate(self.random.choices(self.menu, self.odds, k=commands)):
            try:
                step()
                if number % LAWS_EVERY == 0:
                    laws.check(self.duel.market)
            except AssertionError as error:
                step_name = getattr(step, "__name__", "step")
                told = f"seed {self.seed}, command {number} ({step_name}): {error}"
                raise AssertionError(told) from error

    # --- orders ---

    def place(self) -> None:
        pick = self.random
        account = pick.choice(list(MONEY))
        if sum(o.account == account for o in self.oracle.live) > CROWD:
            self.cancel()
            return
        self.placed += 1
        terms: dict[str, Any] = {"stp": pick.choice(STP), "time_in_force": self.time_in_force()}
        if terms["time_in_force"] == "gtd":
            terms["expire_ms"] = self.duel.market.now_ms + pick.randrange(-100, 60_000)
        if self.chance(12):
            terms["min_qty"] = pick.randint(1, 5)
        if self.chance(8):
            terms["post_only"] = True
        side = pick.choice(laws.SIDES)
        if side == "sell" and self.chance(8):
            terms["hosts"] = [pick.choice(list(self.oracle.hosts))]
        market = self.chance(10)
        if market and terms["time_in_force"] in ("gtd", "fok"):
            terms.pop("expire_ms", None)
            terms["time_in_force"] = "gtc"
        message = OrderPlace(
            req_id=1,
            client_order_id=f"c{self.placed}",
            symbol=pick.choice(SYMBOLS),
            side=side,
            order_type="market" if market else "limit",
            qty=pick.randint(1, 4) if self.chance(2) else pick.randint(1, 9),
            price_ucr=None if market and self.chance(2) else self.price(side),
            **terms,
        )
        self.sent.append(message)
        self.duel.send(message, account)

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
        message = self.random.choice(self.sent[-40:])
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
        self.duel.send(message, self.random.choice(list(MONEY)))

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
            change["qty"] = self.random.randint(1, 9)
        self.duel.send(OrderReplace(req_id=1, **named, **change), account)

    def cancel(self) -> None:
        account, named = self.names()
        self.duel.send(OrderCancel(req_id=1, **named), account)

    def mass_cancel(self) -> None:
        which: dict[str, Any] = {}
        if self.chance(2):
            which["symbol"] = self.random.choice(SYMBOLS)
        if self.chance(2):
            which["side"] = self.random.choice(laws.SIDES)
        self.duel.send(OrderMassCancel(req_id=1, **which), self.random.choice(list(MONEY)))

    # --- leases ---

    def release(self) -> None:
        if not self.oracle.leases:
            return
        lease = self.random.choice(self.oracle.leases)
        terms: dict[str, Any] = {}
        if self.chance(2):
            terms["units"] = self.random.randint(1, lease.units + 1)
        if self.chance(5):
            terms["at_ms"] = self.duel.market.now_ms + self.random.randrange(1, 3_000_000)
        account = lease.seller if self.chance(20) else lease.buyer
        self.duel.send(LeaseRelease(req_id=1, lease_id=f"l-{lease.number}", **terms), account)

    def recall(self) -> None:
        if not self.oracle.leases:
            return
        lease = self.random.choice(self.oracle.leases)
        terms = {"units": self.random.randint(1, lease.units + 1)} if self.chance(2) else {}
        account = lease.buyer if self.chance(20) else lease.seller
        self.duel.send(LeaseRecall(req_id=1, lease_id=f"l-{lease.number}", **terms), account)

    # --- time, money, rules ---

    def pause(self) -> None:
        self.duel.advance(self.random.choice((1, 7, 500, 20_000, 100_000)))

    def long_pause(self) -> None:
        for host in [host for host in self.oracle.hosts.values() if host.state == "silent"]:
            self.hear_or_lose(host)
        hours = self.random.choice((0.2, 0.5, 1, 1, 2, 26 if self.chance(20) else 1))
        self.duel.advance(int(hours * 3_600_000) + self.random.randrange(1000))

    def money(self) -> None:
        account, oracle = self.random.choice(list(MONEY)), self.oracle
        self.refs += 1
        amount = self.random.randint(-2_000, 2_500)
        self.duel.advance(0)
        if oracle.available(account) + amount < 0:
            amount = -oracle.available(account)
        message = AdminDeposit(req_id=1, account=account, amount_ucr=amount, ref=f"r{self.refs}")
        self.duel.act(message, "", "", lambda: oracle.pay("outside", account, amount))

    def limits(self) -> None:
        account, pick = self.random.choice(list(MONEY)), self.random
        on = self.chance(6)
        row = Limits(pick.randint(3, 9), pick.randint(2_000, 5_400), pick.randint(2, 9))
        limits = row if on else Limits()
        message = AdminLimits(
            req_id=1,
            account=account,
            max_qty=limits.max_qty,
            max_notional_ucr=limits.max_notional_ucr,
            max_open_orders=limits.max_open_orders,
        )
        self.duel.act(message, "", "", lambda: self.oracle.limits.update({account: limits}))

    def halt(self) -> None:
        symbol, halted = self.random.choice(SYMBOLS), self.chance(3)

        def effect() -> None:
            (self.oracle.halted.add if halted else self.oracle.halted.discard)(symbol)

        self.duel.act(AdminHalt(req_id=1, symbol=symbol, halted=halted), "", "", effect)

    def kill(self) -> None:
        account, enabled, oracle = self.random.choice(list(MONEY)), self.chance(3), self.oracle

        def effect() -> None:
            (oracle.killed.add if enabled else oracle.killed.discard)(account)
            for order in [o for o in oracle.live if enabled and o.account == account]:
                oracle.finish(order, "canceled", "kill_switch")

        message = AdminKillSwitch(req_id=1, account=account, enabled=enabled)
        self.duel.act(message, "", "", effect)

    def calm(self) -> None:
        """What stops trading does not last."""
        oracle, act = self.oracle, self.duel.act
        for symbol in sorted(oracle.halted):
            resume = AdminHalt(req_id=1, symbol=symbol, halted=False)
            act(resume, "", "", partial(oracle.halted.discard, symbol))
        for account in sorted(oracle.killed):
            lift = AdminKillSwitch(req_id=1, account=account, enabled=False)
            act(lift, "", "", partial(oracle.killed.discard, account))
        for host in oracle.hosts.values():
            if host.draining:
                drain = HostDrain(req_id=1, host=host.name, enabled=False)
                act(drain, host.owner, "", partial(setattr, host, "draining", False))
