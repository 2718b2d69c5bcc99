"""A small exchange to test against: accounts with money, hosts with slots, and what clients heard.

`Market` drives the pure engine exactly as the gateway does and keeps all it sent. Nothing here
knows a rule of matching; the only looks behind the engine's public face are `queue` and the two
functions beside it, so that a change of the book's inside is fixed in one place.
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Any, Final

from exchange.engine.engine import Engine
from exchange.model.commands import (
    AdvanceTime,
    Command,
    EnrollHost,
    Genesis,
    JournalMessage,
    Out,
    Started,
)
from exchange.model.config import ExchangeConfig, default_config
from exchange.wire.admin_requests import AdminAccount, AdminDeposit
from exchange.wire.frames import AccountFrame, BalanceUpdate, LeaseUpdate, OrderUpdate, Trade
from exchange.wire.requests import (
    HostAnnounce,
    HostSynced,
    HostToken,
    OrderCancel,
    OrderPlace,
    OrderReplace,
)
from exchange.wire.results import Done, Refused
from exchange.wire.types import Capacity, Side
from tests.exchange.support.hearing import Hearing

START_MS: Final = 1_700_000_000_000
SYMBOL: Final = "small.eu-de.flat.spot"
NANO: Final = "nano.eu-de.flat.spot"
SMALL_UNIT: Final = (1000, 2048 + 100, 10 * 1024)
"""What one `small` takes of its host: mvcpu, MiB with the VM's overhead, MiB of disk."""
PLENTY_UCR: Final = 10**12


class Market:
    """An engine, its clock, and every frame it ever sent."""

    def __init__(
        self,
        config: ExchangeConfig | None = None,
        on_row: Callable[[Engine, list[Out]], None] | None = None,
        make_engine: type[Engine] = Engine,
    ) -> None:
        config = config or default_config()
        self.on_row = on_row
        """Called with all that an accepted command caused."""
        self.engine = make_engine(config)
        self.now_ms = START_MS
        self.journal: list[tuple[Command, int]] = []
        """Accepted commands with their times: what the gateway would have journalled."""
        self.frames: dict[str, list[AccountFrame]] = {}
        """Everything of the account channels, by account."""
        self.hearing = Hearing()
        self.order_news: list[OrderUpdate] = []
        """Every order frame of every account, in order."""
        self.trades: list[Trade] = []
        self.order_ids: dict[str, str] = {}
        """Label (``account.client_order_id``) of the latest order by order id."""
        self.must(Genesis(config, "operator's key"))
        self.must(Started(1))

    def send(
        self,
        message: JournalMessage,
        account: str = "",
        host: str = "",
        key_id: str = "",
        session: int = 0,
    ) -> Done | Refused:
        """Apply one command now and return its reply; a refusal must leave no trace."""
        command = Command(account, host, session, message, key_id)
        if not isinstance(message, Started):  # the only command that runs before settling
            self.settle()
        before = (self.engine.seq, self.engine.state_hash()) if self.thorough else None
        outs = self.engine.apply(command, self.now_ms)
        reply = outs[0][1]
        assert isinstance(reply, Done | Refused)
        if isinstance(reply, Refused) or reply.duplicate:
            assert len(outs) == 1, f"{reply} came with {outs[1:]}"
            if before is not None:
                assert before == (self.engine.seq, self.engine.state_hash()), reply
        else:
            self.keep(command, outs)
        return reply

    def keep(self, command: Command, outs: list[Out]) -> None:
        """An accepted command is journalled, and what it caused is heard."""
        self.journal.append((command, self.now_ms))
        self.hear(outs[1:])
        if self.on_row is not None:
            self.on_row(self.engine, outs)

    thorough = True
    """Compare the state hash around every refusal; volume tests switch it off."""

    def settle(self) -> None:
        """Let deadlines that are due happen, as a row of their own (as the gateway does)."""
        due_ms = self.engine.next_deadline_ms()
        if due_ms is not None and due_ms <= self.now_ms:
            self.advance(0)

    def advance(self, by_ms: int) -> None:
        """Let time pass and everything due in it happen."""
        self.now_ms += by_ms
        due_ms = self.engine.next_deadline_ms()
        if due_ms is None or due_ms > self.now_ms:
            return
        command = Command("", "", 0, AdvanceTime())
        outs = self.engine.apply(command, self.now_ms)
        if outs[0][1] == Done():  # without `forget` there may be nothing to do
            self.keep(command, outs)

    def hear(self, outs: Iterable[tuple[str, Any]]) -> None:
        """Keep what was sent, by whom it is for."""
        for address, message in outs:
            if isinstance(message, Trade):
                self.trades.append(message)
            elif isinstance(message, AccountFrame):
                self.frames.setdefault(address, []).append(message)
                self.hearing.take(address, message)
                if isinstance(message, OrderUpdate):
                    self.order_news.append(message)
                    self.order_ids[message.order_id] = f"{address}.{message.client_order_id}"

    def must(self, message: JournalMessage, account: str = "", host: str = "") -> Any:
        """Send a command that must be accepted; returns its result."""
        reply = self.send(message, account, host)
        assert isinstance(reply, Done), f"{message} was refused: {reply}"
        return reply.result

    # --- setting the scene ---

    def open_account(self, account: str, money_ucr: int = PLENTY_UCR) -> None:
        """Open an account and give it money."""
        self.must(AdminAccount(req_id=1, account=account, name=account.title()))
        if money_ucr:
            self.must(AdminDeposit(req_id=1, account=account, amount_ucr=money_ucr, ref="start"))

    def add_host(
        self,
        owner: str,
        units: int = 100,
        classes: Iterable[str] = ("small",),
        zone: str = "eu-de",
    ) -> str:
        """Enroll a host with room for ``units`` of class small and make it live; returns its id."""
        secret = sha256(f"token {len(self.engine.hosts())}".encode()).hexdigest()
        self.must(
            HostToken(req_id=1, zone=zone, token_sha256=secret, uses=1, ttl_s=60), account=owner
        )
        hardware = f"hardware {len(self.engine.hosts())}"
        result = self.must(EnrollHost(secret, f"{owner}'s", hardware, f"key of {hardware}"))
        host = str(result["host"])
        self.announce(owner, host, units, classes)
        self.sync(owner, host)
        return host

    def announce(
        self,
        owner: str,
        host: str,
        units: int,
        classes: Iterable[str] = ("small",),
        boot_id: str = "boot 1",
    ) -> None:
        """Have a host offer room for ``units`` of class small."""
        room = Capacity(*(units * need for need in SMALL_UNIT))
        message = HostAnnounce(
            req_id=1,
            capacity=room,
            offered=room,
            classes=list(classes),
            cpu_model="test",
            accel="simulated",
            agent_version="1",
            boot_id=boot_id,
        )
        self.must(message, account=owner, host=host)

    def sync(self, owner: str, host: str, boot_id: str = "boot 1") -> None:
        """Have a host accept its inventory."""
        self.must(HostSynced(instruction_id="i", boot_id=boot_id, vms=[]), owner, host)

    # --- trading; a label is "account.client_order_id" ---

    def place(
        self, label: str, side: Side, qty: int, price_ucr: int | None, **terms: Any
    ) -> Done | Refused:
        """Place an order; without a price it is a market order unless ``terms`` say otherwise."""
        account, client_order_id = label.split(".")
        fields: dict[str, Any] = {
            "req_id": 1,
            "client_order_id": client_order_id,
            "symbol": SYMBOL,
            "side": side,
            "order_type": "market" if price_ucr is None else "limit",
            "qty": qty,
            "price_ucr": price_ucr,
        }
        return self.send(OrderPlace(**{**fields, **terms}), account)

    def replace(
        self, label: str, price_ucr: int | None = None, qty: int | None = None
    ) -> Done | Refused:
        account, client_order_id = label.split(".")
        message = OrderReplace(
            req_id=1, client_order_id=client_order_id, price_ucr=price_ucr, qty=qty
        )
        return self.send(message, account)

    def cancel(self, label: str) -> Done | Refused:
        account, client_order_id = label.split(".")
        return self.send(OrderCancel(req_id=1, client_order_id=client_order_id), account)

    # --- what there is now ---

    def money(self, account: str) -> tuple[int, int]:
        """Return available and held, both in ucr."""
        balance = self.engine.balances()[account]
        return balance.available_ucr, balance.held_ucr

    def order_frames(self, label: str) -> list[OrderUpdate]:
        """Return all that the owner of the latest order of that label heard of it."""
        account, client_order_id = label.split(".")
        frames = [
            frame
            for frame in self.frames.get(account, ())
            if isinstance(frame, OrderUpdate) and frame.client_order_id == client_order_id
        ]
        last = frames[-1].order_id
        return [frame for frame in frames if frame.order_id == last]

    def balance_frames(self, account: str) -> list[BalanceUpdate]:
        return [f for f in self.frames.get(account, ()) if isinstance(f, BalanceUpdate)]

    def lease_frames(self, account: str) -> list[LeaseUpdate]:
        return [f for f in self.frames.get(account, ()) if isinstance(f, LeaseUpdate)]

    def live_orders(self) -> Iterator[tuple[str, OrderUpdate]]:
        """Yield (account, row) of every live order."""
        for account in self.engine.balances():
            for row in self.engine.order_list(account):
                yield account, row


def queue(engine: Engine, symbol: str, side: Side) -> list[tuple[str, str, int, int]]:
    """Return (account, client_order_id, leaves, price) of a side: best price, then oldest first."""
    orders = engine.state.instruments[symbol].book.orders(1 if side == "buy" else -1)
    return [
        (order.account.account_id, order.client_order_id, order.leaves_qty, order.price_ucr or 0)
        for order in orders
    ]
