"""Traders and sellers as pure cores: played against a paper exchange that fills what it likes."""

from random import Random
from typing import Any

import msgspec
import pytest

from exchange.wire.frames import Ack, BookSnapshot, BookUpdate, ErrorReply, LeaseUpdate, OrderUpdate
from exchange.wire.requests import (
    LeaseRecall,
    LeaseRelease,
    OrderCancel,
    OrderMassCancel,
    OrderPlace,
    OrderReplace,
)
from exchange.wire.types import Request
from sim.actors.position import Position
from sim.actors.seller import PriceFactor, Resume, Seller, SellerConfig, Withdraw
from sim.actors.traders import LinkUp, NoiseTrader, Tick, Trader, TraderConfig, make_trader

SYMBOL = "small.eu-de.flat.spot"
BOOK = BookSnapshot(SYMBOL, 1, 1, [(29_000, 5, 1)], [(31_000, 5, 1)], 0)
HOUR_MS = 3_600_000


def config(units: int = 3, **more: Any) -> TraderConfig:
    return TraderConfig("t", SYMBOL, price_ucr=30_000, rate_per_min=30, units=units, **more)


def order_frame(order: OrderPlace, status: Any, leaves: int, reason: str | None = None) -> Any:
    return OrderUpdate(
        1,
        1,
        1,
        f"o-{order.client_order_id}",
        order.client_order_id,
        SYMBOL,
        order.side,
        "new",
        status,
        order.qty,
        order.qty - leaves,
        leaves,
        0,
        order.price_ucr,
        reason,
    )


def lease_frame(lease_id: str, side: Any, units: int, state: Any = "active") -> Any:
    return LeaseUpdate(1, 1, 1, lease_id, "t-1", SYMBOL, side, "h-1", units, 30_000, state, 0, 0)


def play(trader: Trader, hours: float, fills: Random | None = None) -> list[Request]:
    """Let a trader act for a time; its orders rest, and with ``fills`` some of them fill."""
    sent: list[Request] = []
    pending = trader.apply(LinkUp(), 0) + trader.apply(BOOK, 0)
    leases = 0
    now_ms = 0
    while now_ms < hours * HOUR_MS:
        for request in pending:
            sent.append(request)
            now_ms += 1
            if isinstance(request, OrderPlace):
                filled = fills is not None and fills.random() < 0.5
                done = filled or request.time_in_force == "ioc"
                status = "filled" if filled else "canceled" if done else "new"
                trader.apply(order_frame(request, status, 0 if done else request.qty), now_ms)
                if filled:
                    leases += 1
                    frame = lease_frame(f"l-{leases}", request.side, request.qty)
                    trader.apply(frame, now_ms)
            elif isinstance(request, LeaseRelease):
                frame = lease_frame(request.lease_id, "buy", 0, "ended")
                trader.apply(frame, now_ms)
        due_ms = trader.next_deadline_ms()
        assert due_ms is not None
        now_ms = max(now_ms, due_ms)
        pending = trader.apply(Tick(), now_ms)
    return sent


@pytest.mark.parametrize("kind", ["market_maker", "noise"])
def test_equal_streams_give_equal_orders(kind: str) -> None:
    runs = [play(make_trader(kind, config(), Random(seed)), 1.0) for seed in ("7", "7", "8")]
    assert runs[0] == runs[1] != runs[2]
    assert len(runs[0]) > 50


@pytest.mark.parametrize("kind", ["market_maker", "noise"])
def test_a_trader_asks_only_for_what_its_hosts_back_and_bids_within_its_bound(kind: str) -> None:
    trader = make_trader(kind, config(max_bought=4), Random(1))
    play(trader, 3.0, fills=Random(2))
    sold = [lease.units for lease in trader.position.leases.values() if lease.side == "sell"]
    bought = [lease.units for lease in trader.position.leases.values() if lease.side == "buy"]
    assert sum(sold) + trader.position.open_units("sell") <= 3
    assert sum(bought) + trader.position.open_units("buy") <= 4


@pytest.mark.parametrize("kind", ["market_maker", "noise"])
def test_without_hosts_a_trader_never_sells(kind: str) -> None:
    sent = play(make_trader(kind, config(units=0), Random(1)), 1.0, fills=Random(2))
    assert {order.side for order in sent if isinstance(order, OrderPlace)} == {"buy"}


def test_a_market_maker_keeps_both_sides_apart_and_moves_them() -> None:
    trader = make_trader("market_maker", config(units=8), Random(1))
    sent = play(trader, 1.0)
    assert any(isinstance(request, OrderReplace) for request in sent)
    bids = [order.price_ucr for order in trader.position.orders.values() if order.side == "buy"]
    asks = [order.price_ucr for order in trader.position.orders.values() if order.side == "sell"]
    assert len(bids) == len(asks) == 4
    assert max(bids) < min(asks)


def test_a_buyer_waits_at_its_price_and_bids_again_for_what_it_gave_back() -> None:
    trader = make_trader("buyer", config(units=0, max_bought=4), Random(1))
    sent = play(trader, 0.1)
    assert [(order.side, order.qty, order.price_ucr) for order in placed(sent)] == [
        ("buy", 4, 30_000)
    ]
    filled = play(make_trader("buyer", config(units=0, max_bought=4), Random(1)), 1.0, AllOfThem())
    assert len(placed(filled)) > 2
    assert any(isinstance(request, LeaseRelease) for request in filled)


def test_a_seller_follows_the_best_ask_down_to_its_price() -> None:
    trader = make_trader("seller", config(units=4), Random(1))
    sent = play(trader, 0.1)
    [ask] = placed(sent)
    assert (ask.side, ask.qty, ask.price_ucr) == ("sell", 4, 37_500), "nobody else sold yet"
    assert {one.price_ucr for one in sent if isinstance(one, OrderReplace)} == {30_999}
    lower = BookUpdate(SYMBOL, 1, 2, 1, [], [(30_500, 5, 1)], 0)
    [moved] = trader.apply(lower, HOUR_MS)
    assert isinstance(moved, OrderReplace)
    assert moved.price_ucr == 30_499
    lowest = BookUpdate(SYMBOL, 2, 3, 2, [], [(29_000, 5, 1)], 0)
    [moved] = trader.apply(lowest, 2 * HOUR_MS)
    assert isinstance(moved, OrderReplace)
    assert moved.price_ucr == 30_000, "never below its price"


def placed(sent: list[Request]) -> list[OrderPlace]:
    return [request for request in sent if isinstance(request, OrderPlace)]


class AllOfThem(Random):
    """Every order fills."""

    def random(self) -> float:
        return 0.0


def test_a_noise_trader_changes_its_mind() -> None:
    sent = play(make_trader("noise", config(), Random(1)), 1.0)
    assert any(isinstance(request, OrderCancel) for request in sent)


def test_what_was_bought_is_given_back_in_time() -> None:
    trader = NoiseTrader(config(), Random(1))
    trader.apply(LinkUp(), 0)
    trader.apply(lease_frame("l-1", "buy", 2), 0)
    released: list[int] = []
    while not released:
        due_ms = trader.next_deadline_ms()
        assert due_ms is not None
        assert due_ms < HOUR_MS
        sent = trader.apply(Tick(), due_ms)
        released += [due_ms for request in sent if isinstance(request, LeaseRelease)]
    assert 6 * 60_000 <= released[0] <= 20 * 60_000


def test_a_refused_order_is_forgotten() -> None:
    trader = make_trader("market_maker", config(), Random(1))
    [order] = trader.apply(LinkUp(), 0)
    assert isinstance(order, OrderPlace)
    assert order.client_order_id in trader.position.orders
    trader.apply(ErrorReply(order.req_id, "insufficient_funds", "no"), 1)
    assert trader.position.orders == {}


def test_a_position_takes_over_what_the_account_says() -> None:
    position = Position()
    order = OrderPlace(
        req_id=1, client_order_id="c", symbol=SYMBOL, side="buy", order_type="limit", qty=3
    )
    rows = {
        "orders": [msgspec.to_builtins(order_frame(order, "partially_filled", 2))],
        "leases": [msgspec.to_builtins(lease_frame("l-1", "buy", 1))],
    }
    position.rebuild(rows)
    assert position.open_units("buy") == 2
    assert list(position.leases) == ["l-1"]
    position.rebuild(None)
    assert not position.orders
    assert not position.leases


class TestSeller:
    """Two hosts of three units at 0.02."""

    def seller(self) -> Seller:
        found = SellerConfig("s", SYMBOL, ["h-1", "h-2"], units=3, price_ucr=20_000, jitter=0.1)
        return Seller(found, Random(1))

    def listed(self, seller: Seller) -> list[OrderPlace]:
        asks = seller.apply(LinkUp(), 0)
        orders = [ask for ask in asks if isinstance(ask, OrderPlace)]
        for order in orders:
            seller.apply(Ack(order.req_id), 1)
            seller.apply(order_frame(order, "new", order.qty), 1)
        return orders

    def test_it_lists_every_slot_once(self) -> None:
        orders = self.listed(self.seller())
        assert [(order.hosts, order.qty) for order in orders] == [(["h-1"], 3), (["h-2"], 3)]
        assert all(18_000 <= (order.price_ucr or 0) <= 22_000 for order in orders)

    def test_what_comes_back_is_listed_again(self) -> None:
        seller = self.seller()
        first = self.listed(seller)[0]
        seller.apply(order_frame(first, "partially_filled", 1), 10)
        seller.apply(lease_frame("l-1", "sell", 2), 10)
        assert seller.next_deadline_ms() is None
        seller.apply(lease_frame("l-1", "sell", 2, "ended"), 5000)
        assert seller.next_deadline_ms() == 6000
        [again] = seller.apply(Tick(), 6000)
        assert isinstance(again, OrderPlace)
        assert (again.hosts, again.qty) == (["h-1"], 2)

    def test_a_refused_ask_is_tried_again_a_minute_later(self) -> None:
        seller = self.seller()
        orders = seller.apply(LinkUp(), 0)
        seller.apply(ErrorReply(orders[0].req_id, "insufficient_capacity", "no"), 100)
        assert seller.next_deadline_ms() == 60_100
        assert len(seller.apply(Tick(), 60_100)) == 1

    def test_a_spike_replaces_the_asks_at_the_new_price(self) -> None:
        seller = self.seller()
        orders = self.listed(seller)
        assert isinstance(seller.apply(PriceFactor(5.0), 10)[0], OrderMassCancel)
        for order in orders:
            seller.apply(order_frame(order, "canceled", 0, "mass_cancel"), 20)
        again = seller.apply(Tick(), 1020)
        prices = [ask.price_ucr or 0 for ask in again if isinstance(ask, OrderPlace)]
        assert len(prices) == 2
        assert all(90_000 <= price <= 110_000 for price in prices)

    def test_a_withdrawal_cancels_recalls_and_lists_nothing_until_it_resumes(self) -> None:
        seller = self.seller()
        orders = self.listed(seller)
        seller.apply(order_frame(orders[0], "filled", 0), 5)
        seller.apply(lease_frame("l-1", "sell", 3), 5)
        cancel, recall = seller.apply(Withdraw(), 10)
        assert isinstance(cancel, OrderMassCancel)
        assert isinstance(recall, LeaseRecall)
        seller.apply(order_frame(orders[1], "canceled", 0, "mass_cancel"), 20)
        assert seller.apply(Tick(), 100_000) == []
        [ask] = seller.apply(Resume(), 100_001)
        assert isinstance(ask, OrderPlace)
        assert ask.hosts == ["h-2"]
