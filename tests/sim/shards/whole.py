"""One exchange that plays a flow, and what both kinds of exchange have in common.

`Player` turns a step into the request that it stands for; where that goes is up to its children.
"""

from abc import ABC, abstractmethod
from typing import Any

from exchange.model.commands import SessionDropped
from exchange.wire.admin_requests import AdminDeposit, AdminKillSwitch, AdminLimits
from exchange.wire.requests import (
    LeaseRecall,
    LeaseRelease,
    OrderCancel,
    OrderCancelAllAfter,
    OrderCancelOnDisconnect,
    OrderMassCancel,
    OrderPlace,
    OrderReplace,
)
from exchange.wire.results import Done, OrderResult, Refused
from tests.exchange.duel.referee import Duel
from tests.sim.shards import flow
from tests.sim.shards.scene import MONEY, ZONES, new_duel, zone_of

WAITS = "waits"
"""The verdict on a request whose money is under way."""


class Player(ABC):
    """Takes steps one by one; ``verdicts`` has what was said to each."""

    def __init__(self) -> None:
        self.verdicts: list[Any] = []
        self.placed: dict[int, tuple[str, str, str]] = {}
        """By the step: account, zone and `client_order_id`."""

    def take(self, step: flow.Step) -> Any:
        self.verdicts.append(None)  # a request that waits is judged later, under its number
        verdict = self.asked(len(self.verdicts) - 1, step)
        self.verdicts[-1] = verdict
        self.wait(1)  # so that no two requests have the same millisecond
        return verdict

    def asked(self, number: int, step: flow.Step) -> Any:
        match step:
            case flow.Place():
                return self.place(number, step)
            case flow.Replace() | flow.Cancel():
                return self.change(number, step)
            case flow.Release() | flow.Recall():
                return self.lease(number, step)
            case flow.Deposit():
                return self.deposit(step.account, step.amount_ucr)
            case flow.Wait():
                return self.wait(step.by_ms)
            case flow.MassCancel(account, zone):
                symbol = None if zone is None else symbol_of(zone, 0, self.duel(zone))
                return self.tell(OrderMassCancel(req_id=1, symbol=symbol), account, zone)
            case flow.DeadMan(account, timeout_ms):
                message = OrderCancelAllAfter(req_id=1, timeout_ms=timeout_ms)
                return self.tell(message, account, key_id=f"key of {account}")
            case flow.Arm(account, session):
                message_ = OrderCancelOnDisconnect(req_id=1, enabled=True)
                return self.tell(message_, account, session=session)
            case flow.Drop(session):
                return self.tell(SessionDropped(session), "")
            case flow.Kill(account, enabled):
                return self.tell(AdminKillSwitch(req_id=1, account=account, enabled=enabled), "")
            case flow.Limit(account, most):
                return self.tell(AdminLimits(req_id=1, account=account, max_open_orders=most), "")

    # --- one request for one zone ---

    def place(self, number: int, step: flow.Place) -> Any:
        symbol = symbol_of(step.zone, step.book, self.duel(step.zone))
        name = step.name or f"n{number}"
        market = step.market
        message = OrderPlace(
            req_id=1,
            client_order_id=name,
            symbol=symbol,
            side=step.side,
            order_type="market" if market else "limit",
            qty=step.qty,
            price_ucr=None if market else step.price_ucr,
            time_in_force="ioc" if market else step.tif,
            stp=step.stp,
        )
        self.placed[number] = (step.account, step.zone, name)
        return self.ask(number, step.zone, message, step.account, step.session)

    def change(self, number: int, step: flow.Replace | flow.Cancel) -> Any:
        known = self.placed.get(number - 1 - step.step)
        if known is None:
            return None
        account, zone, name = known
        message: OrderReplace | OrderCancel = OrderCancel(req_id=1, client_order_id=name)
        if isinstance(step, flow.Replace):
            message = OrderReplace(
                req_id=1, client_order_id=name, price_ucr=step.price_ucr, qty=step.qty
            )
        return self.ask(number, zone, message, account)

    def lease(self, number: int, step: flow.Release | flow.Recall) -> Any:
        every = self.duel(step.zone).market.engine.state.leases.values()
        there = [lease for lease in every if zone_of(lease.instrument.symbol) == step.zone]
        if step.lease >= len(there):
            return None
        lease = there[step.lease]
        if isinstance(step, flow.Recall):
            message: Any = LeaseRecall(req_id=1, lease_id=lease.lease_id)
            return self.ask(number, step.zone, message, lease.seller.account_id)
        message = LeaseRelease(req_id=1, lease_id=lease.lease_id, units=step.units)
        return self.ask(number, step.zone, message, lease.buyer.account_id)

    # --- for the children ---

    @abstractmethod
    def duel(self, zone: str) -> Duel:
        """Return the exchange of ``zone``."""

    @abstractmethod
    def ask(self, number: int, zone: str, message: Any, account: str, session: int = 0) -> Any:
        """Put a request to the exchange of ``zone`` and return the verdict."""

    @abstractmethod
    def tell(
        self,
        message: Any,
        account: str,
        zone: str | None = None,
        key_id: str = "",
        session: int = 0,
    ) -> None:
        """Say what is never refused, to the exchange of ``zone`` or to all."""

    @abstractmethod
    def deposit(self, account: str, amount_ucr: int) -> Any:
        """Bring money in or, when it is negative, out; return the verdict."""

    @abstractmethod
    def wait(self, by_ms: int) -> None:
        """Let time pass."""


class Whole(Player):
    """One exchange with all zones."""

    def __init__(self) -> None:
        super().__init__()
        self.one = new_duel(ZONES)
        self.deposits = 0
        for account, amount_ucr in MONEY.items():
            self.deposit(account, amount_ucr)

    def duel(self, zone: str) -> Duel:
        return self.one

    def ask(self, number: int, zone: str, message: Any, account: str, session: int = 0) -> Any:
        return verdict(self.one.send(message, account, session=session))

    def tell(
        self,
        message: Any,
        account: str,
        zone: str | None = None,
        key_id: str = "",
        session: int = 0,
    ) -> None:
        self.one.act(message, account, key_id=key_id, session=session)

    def deposit(self, account: str, amount_ucr: int) -> Any:
        self.deposits += 1
        ref = f"d{self.deposits}"
        message = AdminDeposit(req_id=1, account=account, amount_ucr=amount_ucr, ref=ref)
        return verdict(self.one.send(message))

    def wait(self, by_ms: int) -> None:
        self.one.advance(by_ms)


def symbol_of(zone: str, book: int, duel: Duel) -> str:
    """Return a symbol of a zone: two are spot, the rest windows, the first of which is next."""
    spots = [f"small.{zone}.flat.spot", f"nano.{zone}.metered.spot"]
    every = [window.symbol for window in duel.market.engine.state.windows.values()]
    windows = [symbol for symbol in every if zone_of(symbol) == zone]
    return [*spots, *windows][book % (len(spots) + len(windows))]


def verdict(reply: Done | Refused) -> Any:
    """Return what an answer says, without the numbers that each exchange gives by itself."""
    if isinstance(reply, Refused):
        return reply.reason
    result = reply.result
    if not isinstance(result, OrderResult):
        return "done"
    fills = [(fill.price_ucr, fill.qty) for fill in result.fills]
    return (result.status, result.reason, result.filled_qty, result.leaves_qty, fills)
