"""A market out of a seed: a link that plays deterministic frames, for pictures and tests.

It is no exchange: it makes a plausible market move and answers an order by trading it against the
levels it shows. What the real exchange does is shown by ``headroom demo`` and its tests.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Final

from msgspec import structs

from exchange.wire.frames import (
    BalanceUpdate,
    BookSnapshot,
    BookUpdate,
    Candle,
    Heartbeat,
    InstrumentsSnapshot,
    InstrumentUpdate,
    LeaseUpdate,
    LevelRow,
    OrderUpdate,
    ServerMessage,
    Trade,
    TradesSnapshot,
    VmUpdate,
)
from exchange.wire.requests import OrderCancel, OrderPlace, OrderReplace
from exchange.wire.types import Channel, Endpoint, Request, Side
from tui.link import Down, RefusedError, Up

START_MS: Final = 1_795_430_590_000
TICK_UCR: Final = 100
LEVELS: Final = 14
HISTORY: Final = 40
DEPOSIT_UCR: Final = 1_000_000_000
CANDLES: Final = 90
QUEUE_MAX: Final = 100_000
ZONES: Final = {"eu-de": ("DE", 100), "eu-fr": ("FR", 106)}
"""Country and price level in per cent."""
PRICES: Final[dict[str, int]] = {"nano": 9_000, "small": 31_200, "medium": 61_800, "large": 122_500}
SYMBOLS: Final[list[str]] = [f"{name}.{zone}.flat.spot" for zone in ZONES for name in PRICES]
ASKS_IN_A_ROW: Final = 5
"""What comes may make the terminal ask for more, and what comes of that again."""


class ScriptedMarket:
    """Books, trades and one account; every call returns the frames that follow from it."""

    def __init__(self, seed: int = 7) -> None:
        self.rng = random.Random(f"{seed}/market")
        self.now_ms = START_MS
        self.seq = 0
        self.account_seq = 0
        self.trade_number = 0
        self.order_number = 0
        self.available_ucr = DEPOSIT_UCR
        self.held_ucr = 0
        self.bids: dict[str, dict[int, int]] = {}
        self.asks: dict[str, dict[int, int]] = {}
        self.trades: dict[str, list[Trade]] = {}
        for symbol in SYMBOLS:
            self._fill(symbol)

    def _fill(self, symbol: str) -> None:
        name, zone, _, _ = symbol.split(".")
        middle = PRICES[name] * ZONES[zone][1] // 100 // TICK_UCR * TICK_UCR
        self.bids[symbol], self.asks[symbol] = {}, {}
        for level in range(1, LEVELS):
            size = 4 + level * 2
            self.bids[symbol][middle - level * TICK_UCR] = self.rng.randint(2, size * 2)
            self.asks[symbol][middle + (level + 1) * TICK_UCR] = self.rng.randint(2, size * 2)
        self.trades[symbol] = []
        past_ms = self.now_ms
        self.now_ms -= HISTORY * 4_000
        for _ in range(HISTORY):
            self.now_ms += self.rng.randint(500, 7_000)
            self.trade(symbol, self.rng.choice(("buy", "sell")), self.rng.randint(1, 9))
        self.now_ms = past_ms

    def trade(self, symbol: str, taker: Side, qty: int) -> Trade:
        side = self.asks[symbol] if taker == "buy" else self.bids[symbol]
        price = min(side) if taker == "buy" else max(side)
        self.trade_number += 1
        self.seq += 1
        trade = Trade(symbol, f"t-{self.trade_number}", price, qty, taker, self.seq, self.now_ms)
        self.trades[symbol] = [*self.trades[symbol][-49:], trade]
        return trade

    def instruments(self) -> InstrumentsSnapshot:
        return InstrumentsSnapshot([self._instrument(symbol) for symbol in SYMBOLS])

    def _instrument(self, symbol: str) -> InstrumentUpdate:
        name, zone, pricing, delivery = symbol.split(".")
        country = ZONES[zone][0]
        return InstrumentUpdate(symbol, "open", TICK_UCR, name, zone, country, pricing, delivery)

    def snapshot(self, symbol: str) -> BookSnapshot:
        bids, asks = self.bids[symbol], self.asks[symbol]
        rows = (
            [(price, bids[price], 1) for price in sorted(bids, reverse=True)],
            [(price, asks[price], 1) for price in sorted(asks)],
        )
        return BookSnapshot(symbol, self.seq, self.now_ms, *rows, 0)

    def step(self, symbol: str) -> list[ServerMessage]:
        """Let the market of ``symbol`` move once: a few levels change, now and then a trade."""
        self.now_ms += 50
        before = (dict(self.bids[symbol]), dict(self.asks[symbol]))
        frames: list[ServerMessage] = []
        for levels in (self.bids[symbol], self.asks[symbol]):
            price = self.rng.choice(sorted(levels))
            levels[price] = max(1, levels[price] + self.rng.randint(-4, 4))
        if self.rng.random() < 0.3:
            taker: Side = self.rng.choice(("buy", "sell"))
            frames.append(self.trade(symbol, taker, self.rng.randint(1, 6)))
        return [*frames, self.update(symbol, before)]

    def candles(self, symbol: str, interval_ms: int) -> list[Candle]:
        """Return a past that ends at the best bid: a walk backward, a candle in eight missing."""
        rng = random.Random(f"{symbol}/{interval_ms}")
        close, found = max(self.bids[symbol]), []
        open_ms = self.now_ms - self.now_ms % interval_ms
        for back in range(CANDLES):
            first = close + rng.randint(-6, 6) * TICK_UCR
            low = min(first, close) - rng.randint(0, 3) * TICK_UCR
            high = max(first, close) + rng.randint(0, 3) * TICK_UCR
            prices, volume = (first, high, low, close), rng.randint(1, 40)
            at_ms = open_ms - back * interval_ms
            if rng.random() < 7 / 8:
                found.append(Candle(symbol, interval_ms, at_ms, *prices, volume, back > 0))
            close = first
        return found[::-1]

    def update(self, symbol: str, before: tuple[dict[int, int], dict[int, int]]) -> BookUpdate:
        after = (self.bids[symbol], self.asks[symbol])
        bids, asks = _changes(before[0], after[0]), _changes(before[1], after[1])
        prev_seq, self.seq = self.seq, self.seq + 1
        return BookUpdate(symbol, prev_seq, self.seq, self.now_ms, bids, asks, 0)


def _changes(old: dict[int, int], new: dict[int, int]) -> list[LevelRow]:
    prices = sorted({**old, **new})
    return [(price, new.get(price, 0), 1) for price in prices if old.get(price) != new.get(price)]


class ScriptedAccount:
    """Answers a trader's requests against a `ScriptedMarket`."""

    def __init__(self, market: ScriptedMarket) -> None:
        self.market = market
        self.orders: dict[str, OrderUpdate] = {}
        self.leases = 0

    def _stamp(self) -> tuple[int, int, int]:
        market = self.market
        market.account_seq += 1
        return market.account_seq, market.seq, market.now_ms

    def place(self, order: OrderPlace) -> list[ServerMessage]:
        """Trade what crosses, rest what is left; return the account's and the public frames."""
        market, symbol = self.market, order.symbol
        if order.qty > 10_000:
            raise RefusedError("insufficient_funds", "needs more than is available", "qty")
        market.order_number += 1
        before = (dict(market.bids[symbol]), dict(market.asks[symbol]))
        frames: list[ServerMessage] = [self._row(order, "new", 0)]
        filled = 0
        for price in self._crossed(order):
            other = market.asks[symbol] if order.side == "buy" else market.bids[symbol]
            qty = min(order.qty - filled, other[price])
            trade = market.trade(symbol, order.side, qty)
            other[price] -= qty
            if not other[price]:
                del other[price]
            filled += qty
            frames += [self._row(order, "trade", filled, trade), self._lease(order, trade), trade]
            if filled == order.qty:
                break
        self._rest(order, filled)
        return [*frames, self._balance(), market.update(symbol, before)]

    def _crossed(self, order: OrderPlace) -> list[int]:
        market = self.market
        limit = order.price_ucr
        if order.side == "buy":
            asks = sorted(market.asks[order.symbol])
            return [price for price in asks if limit is None or price <= limit]
        bids = sorted(market.bids[order.symbol], reverse=True)
        return [price for price in bids if limit is None or price >= limit]

    def _rest(self, order: OrderPlace, filled: int) -> None:
        if filled == order.qty or order.price_ucr is None or order.time_in_force == "ioc":
            return
        levels = self.market.bids if order.side == "buy" else self.market.asks
        book = levels[order.symbol]
        book[order.price_ucr] = book.get(order.price_ucr, 0) + order.qty - filled

    def _row(
        self, order: OrderPlace, what: str, filled: int, trade: Trade | None = None
    ) -> OrderUpdate:
        leaves = order.qty - filled
        row = OrderUpdate(
            *self._stamp(),
            order_id=f"o-{self.market.order_number}",
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            exec=what,
            status="filled" if not leaves else "partially_filled" if filled else "new",
            order_qty=order.qty,
            filled_qty=filled,
            leaves_qty=leaves,
            filled_notional_ucr=filled * (trade.price_ucr if trade else 0),
            price_ucr=order.price_ucr,
            last_qty=trade.qty if trade else None,
            last_price_ucr=trade.price_ucr if trade else None,
            trade_id=trade.trade_id if trade else None,
        )
        self.orders[row.order_id] = row
        return row

    def _lease(self, order: OrderPlace, trade: Trade) -> LeaseUpdate:
        self.leases += 1
        self.market.held_ucr += trade.price_ucr * trade.qty
        self.market.available_ucr -= trade.price_ucr * trade.qty
        return LeaseUpdate(
            *self._stamp(),
            lease_id=f"l-{self.leases}",
            trade_id=trade.trade_id,
            symbol=order.symbol,
            side=order.side,
            host="h-1",
            units=trade.qty,
            price_ucr=trade.price_ucr,
            state="active",
            start_ms=self.market.now_ms,
            charged_ucr=0,
        )

    def vm(self, lease_id: str, name: str) -> VmUpdate:
        """Return a VM that runs on a lease."""
        where = [Endpoint(guest_port=80, address="10.0.7.21", port=30_080)]
        stamp = self._stamp()
        who = (f"v-{lease_id}", lease_id, name)
        return VmUpdate(*stamp, *who, "running", where, ready_ms=stamp[2])

    def _balance(self) -> BalanceUpdate:
        market = self.market
        return BalanceUpdate(*self._stamp(), market.available_ucr, market.held_ucr, "trade")

    def cancel(self, order_id: str) -> list[ServerMessage]:
        order = self.orders[order_id]
        self.orders[order_id] = done = OrderUpdate(
            *self._stamp(),
            order_id,
            order.client_order_id,
            order.symbol,
            order.side,
            "canceled",
            "canceled",
            order.order_qty,
            order.filled_qty,
            0,
            order.filled_notional_ucr,
            order.price_ucr,
            "user",
        )
        return [done]

    def replace(self, change: OrderReplace) -> list[ServerMessage]:
        """Change a resting order's price and total in place; it never trades here."""
        old = self.orders[change.order_id or ""]
        qty, price_ucr = change.qty or old.order_qty, change.price_ucr or old.price_ucr
        seq = dict(zip(("account_seq", "seq", "ts_ms"), self._stamp(), strict=True))
        left = max(0, qty - old.filled_qty)
        new = structs.replace(old, exec="replaced", price_ucr=price_ucr, order_qty=qty, **seq)
        self.orders[old.order_id] = new = structs.replace(new, leaves_qty=left)
        return [new]


class ScriptedLink:
    """A `tui.link.Link` over a `ScriptedMarket`. ``requests`` is what the terminal sent."""

    url = ""
    at = ""

    def __init__(self, seed: int = 7, who: str = "acme") -> None:
        self.market = ScriptedMarket(seed)
        self.account = ScriptedAccount(self.market)
        self.who = who
        self.requests: list[Request] = []
        self.ended: dict[tuple[Channel, str], None] = {}
        """Subscriptions that the terminal ended."""
        self.refuse_next: RefusedError | None = None
        self._queue: asyncio.Queue[ServerMessage | Up | Down | None] = asyncio.Queue(QUEUE_MAX)

    def now_ms(self) -> int:
        return self.market.now_ms

    async def open(self) -> None:
        self.push(Up(self.who))

    async def close(self) -> None:
        self._queue.put_nowait(None)

    def push(self, *events: ServerMessage | Up | Down) -> None:
        """Let the terminal receive ``events``."""
        for event in events:
            self._queue.put_nowait(event)

    def play(self, symbol: str, steps: int) -> None:
        """Let the market of ``symbol`` move ``steps`` times."""
        for _ in range(steps):
            self.push(*self.market.step(symbol))
        self.push(Heartbeat(self.market.now_ms, self.market.seq))

    async def events(self) -> AsyncIterator[ServerMessage | Up | Down]:
        while (event := await self._queue.get()) is not None:
            yield event
            self._queue.task_done()

    async def settled(self) -> None:
        """Wait until the terminal has taken everything that was pushed, and what it then asked."""
        for _ in range(ASKS_IN_A_ROW):
            await self._queue.join()
            await asyncio.sleep(0)

    async def subscribe(self, channel: Channel, symbol: str | None = None) -> object:
        if channel == "instruments":
            self.push(self.market.instruments())
        elif channel == "book" and symbol:
            self.push(self.market.snapshot(symbol))
        elif channel == "trades" and symbol:
            self.push(TradesSnapshot(symbol, self.market.trades[symbol]))
        if channel == "account":
            balances = {"available_ucr": self.market.available_ucr, "held_ucr": 0}
            return {"balances": balances, "orders": [], "leases": [], "vms": []}
        return None

    async def unsubscribe(self, channel: Channel, symbol: str) -> None:
        self.ended[channel, symbol] = None

    async def candles(self, symbol: str, interval_ms: int) -> None:
        self.push(*self.market.candles(symbol, interval_ms))

    async def request(self, message: Request) -> object:
        self.requests.append(message)
        if self.refuse_next is not None:
            refused, self.refuse_next = self.refuse_next, None
            raise refused
        match message:
            case OrderPlace():
                self.push(*self.account.place(message))
            case OrderReplace():
                self.push(*self.account.replace(message))
            case OrderCancel(order_id=str(order_id)):
                self.push(*self.account.cancel(order_id))
            case _:
                pass
        return {}
