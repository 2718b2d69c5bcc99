"""Slow readers: merged updates keep the client's book rule, nothing is lost or told twice.

(The law was seen to fail with a `catch_up` that sends nothing when the levels are the same again:
the next update's ``prev_seq`` is then a gap.)
"""

import asyncio
import socket
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exchange.client import Client, LocalBook
from exchange.feed.book_stream import ALL_LEVELS, DEFAULT_DEPTH
from exchange.feed.feed import TRADES_KEPT, Feed
from exchange.session.conflation import LATEST_MAX, Behind
from exchange.session.encoded import Encoded
from exchange.session.outbox import Outbox
from exchange.wire.codec import JSON
from exchange.wire.frames import BookSnapshot, BookUpdate, Ticker, Trade, TradesSnapshot
from exchange.wire.requests import OrderPlace
from exchange.wire.types import Channel
from tests.exchange.feed.test_feed import Source, frames, session
from tests.exchange.support.harness import (
    DEADLINE_S,
    OPERATOR,
    SYMBOL,
    Raw,
    add_account,
    key_of,
    raw,
    running,
    until,
)


def listening(number: int, *channels: Channel) -> Any:
    reader = session(number)
    for channel in channels:
        reader.channels[channel, SYMBOL] = None
    return reader


change = st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 40), st.integers(0, 2))
event = st.one_of(change, st.sampled_from(["slow", "drained", "again", "flush", "flush"]))


@given(st.lists(event, max_size=80), st.sampled_from([DEFAULT_DEPTH, ALL_LEVELS]))
def test_a_slow_reader_holds_the_engines_book_once_it_caught_up(
    events: list[Any], depth: int
) -> None:
    source, outbox = Source(), Outbox()
    feed, slow, fast = Feed(source, outbox), listening(1, "book"), listening(2, "book")
    books = {1: LocalBook(SYMBOL), 2: LocalBook(SYMBOL)}
    for reader in (slow, fast):
        feed.join_book(reader, SYMBOL, depth)
    for at, what in enumerate([*events, "drained", "flush"]):
        match what:
            case "slow" if slow.behind is None:
                feed.fall_behind(slow)
            case "drained" if slow.behind is not None:
                feed.catch_up(slow)
            case "again":
                feed.join_book(slow, SYMBOL, depth)
            case "flush":
                flushed(feed, outbox, at, books)
                assert books[2].levels("buy") == source.levels(SYMBOL, "buy", depth)
            case (side, price, qty):
                source.change(side, price if side == "buy" else price + 40, qty)
            case _:
                pass
    assert books[1].levels("buy") == source.levels(SYMBOL, "buy", depth)
    assert books[1].levels("sell") == source.levels(SYMBOL, "sell", depth)


def flushed(feed: Feed, outbox: Outbox, now_ms: int, books: dict[int, LocalBook]) -> None:
    """End a batch; every frame must apply to its reader's book, checksum included."""
    feed.flush(now_ms)
    deliveries = outbox.take()
    for number, book in books.items():
        for data in deliveries.get(number, []):
            frame = JSON.decode_frame(data)  # type: ignore[arg-type]
            if isinstance(frame, BookSnapshot | BookUpdate):
                assert book.apply(frame) == "applied"


def test_a_merged_update_has_its_own_prev_seq_and_the_others_still_share_one_frame() -> None:
    source, outbox = Source(), Outbox()
    feed, slow = Feed(source, outbox), listening(1, "book")
    readers = [slow, *(listening(number, "book") for number in range(2, 10))]
    for reader in readers:
        feed.join_book(reader, SYMBOL, DEFAULT_DEPTH)
    feed.flush(0)
    outbox.take()
    feed.fall_behind(slow)
    for price in (10, 11, 12):
        source.change("buy", price, 5)
        feed.flush(price)
        taken = outbox.take()
        assert list(taken) == list(range(2, 10))
        assert len({id(items[0]) for items in taken.values()}) == 1
    feed.catch_up(slow)
    feed.flush(20)
    (merged,) = frames(outbox, 1)
    assert (merged.prev_seq, merged.seq) == (0, 3)
    assert sorted(merged.bids) == [(10, 5, 1), (11, 5, 1), (12, 5, 1)]


def trade(number: int) -> Trade:
    return Trade(SYMBOL, f"t-{number}", 100 + number, 1, "buy", number, number)


def caught_up(missed: int) -> list[Any]:
    """Return the trade frames a reader gets that was slow while ``missed`` trades happened."""
    outbox = Outbox()
    feed, slow = Feed(Source(), outbox), listening(1, "trades")
    for number in range(1, 4):
        feed.trade(trade(number))
    feed.join_trades(slow, SYMBOL)
    outbox.take()
    feed.fall_behind(slow)
    for number in range(4, 4 + missed):
        feed.trade(trade(number))
    assert outbox.take() == {}
    feed.catch_up(slow)
    feed.flush(99)
    return frames(outbox, 1)


def test_missed_trades_are_told_one_by_one_or_replaced_by_a_snapshot() -> None:
    assert caught_up(0) == []
    assert [frame.trade_id for frame in caught_up(3)] == ["t-4", "t-5", "t-6"]
    (snapshot,) = caught_up(TRADES_KEPT + 5)
    assert isinstance(snapshot, TradesSnapshot)
    assert [row.trade_id for row in snapshot.trades][-1] == f"t-{TRADES_KEPT + 8}"


def test_only_the_newest_ticker_and_nothing_of_what_was_unsubscribed() -> None:
    source, outbox = Source(), Outbox()
    feed, slow = Feed(source, outbox), listening(1, "ticker")
    feed.tickers.join(slow, SYMBOL, 0)
    outbox.take()
    feed.fall_behind(slow)
    for price in (10, 11, 12):
        source.change("buy", price, 5)
        feed.flush(price)
    feed.catch_up(slow)
    feed.flush(20)
    (ticker,) = frames(outbox, 1)
    assert isinstance(ticker, Ticker)
    assert ticker.bid_ucr == 12
    feed.fall_behind(slow)
    source.change("buy", 13, 5)
    feed.flush(21)
    slow.behind.forget("ticker", "")
    feed.catch_up(slow)
    feed.flush(22)
    assert frames(outbox, 1) == []


def test_what_is_merged_is_bounded() -> None:
    behind, frame = Behind(), Encoded(trade(1))
    assert all(behind.keeps(("candles", SYMBOL, 1, at), frame) for at in range(LATEST_MAX))
    assert not behind.keeps(("candles", SYMBOL, 1, LATEST_MAX), frame)
    assert behind.keeps(("candles", SYMBOL, 1, 5), frame)


# --- over a real socket ---


def bid(number: int) -> OrderPlace:
    price = 1 + number % 900
    return OrderPlace(
        req_id=1,
        client_order_id=f"b{number}",
        symbol=SYMBOL,
        side="buy",
        order_type="limit",
        qty=1 + number % 7,
        price_ucr=price,
    )


async def many_bids(trader: Client, first: int, count: int) -> None:
    """Place ``count`` orders, a hundred at a time, so that there are many batches."""
    for at in range(first, first + count, 100):
        await asyncio.gather(*(trader.request(bid(n)) for n in range(at, at + 100)))


def test_a_reader_that_pauses_is_merged_and_catches_up_over_a_socket(tmp_path: Path) -> None:
    """It stops reading until the exchange has noticed, then reads on: no gap, the same book, and
    its account frames all there."""

    async def main() -> None:
        async with running(tmp_path / "data") as server:
            async with Client(server.url, OPERATOR) as operator:
                await add_account(operator, "bob")
            async with (
                Client(server.url, key_of("bob")) as trader,
                narrow(server.url) as slow,
            ):
                await slow.log_in(key_of("bob"))
                state = (await slow.ask("subscribe", channel="account"))["result"]
                await slow.ask("subscribe", channel="book", symbol=SYMBOL, depth=0)
                sessions = server.pump.gateway.sessions
                await many_bids(trader, 0, 300)
                await ask_much(slow)
                await until(lambda: any(one.behind for one in sessions.values()))
                await many_bids(trader, 300, 100)
                placed = 400
                book = LocalBook(SYMBOL)
                seqs: list[int] = []
                while not seqs or seqs[-1] < state["account_seq"] + 2 * placed:
                    frame = await slow.frame()
                    take(frame, book, seqs)
                await until(lambda: not any(one.behind for one in sessions.values()))
                await trader.request(bid(placed))
                while len(seqs) < 2 * (placed + 1) or book.seq != server.pump.gateway.engine.seq:
                    take(await slow.frame(), book, seqs)
                first = state["account_seq"] + 1
                assert seqs == list(range(first, first + 2 * (placed + 1)))
                assert book.levels("buy") == server.pump.gateway.engine.levels(SYMBOL, "buy", 0)

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S * 2))


async def ask_much(reader: Raw) -> None:
    """Ask for more than any buffer between here and there holds, and read nothing."""
    for number in range(40):
        await reader.send({"type": "account.state", "req_id": 1_000 + number})


def take(frame: dict[str, Any], book: LocalBook, seqs: list[int]) -> None:
    if "account_seq" in frame:
        seqs.append(frame["account_seq"])
    decoded = JSON.decode_frame(JSON.encode(frame))
    if isinstance(decoded, BookSnapshot | BookUpdate):
        assert book.apply(decoded) == "applied"


class narrow:  # noqa: N801 - used like the function `raw`
    """`raw`, with so small a receive window that a pause is noticed soon."""

    def __init__(self, url: str) -> None:
        self._raw = raw(url)

    async def __aenter__(self) -> Raw:
        opened = await self._raw.__aenter__()
        sock = opened.connection.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
        return opened

    async def __aexit__(self, *error: Any) -> None:
        await self._raw.__aexit__(*error)


def test_a_reader_that_never_reads_is_cut_within_seconds(tmp_path: Path) -> None:
    """Close code 1013 by the age of its oldest frame; the trader beside it notices nothing."""

    async def main() -> None:
        async with running(tmp_path / "data") as server:
            async with Client(server.url, OPERATOR) as operator:
                await add_account(operator, "bob")
            async with (
                Client(server.url, key_of("bob")) as trader,
                narrow(server.url) as dead,
            ):
                await dead.log_in(key_of("bob"))
                await dead.ask("subscribe", channel="account")
                number = server.reception.last_number
                await many_bids(trader, 0, 300)
                begun_s, placed = asyncio.get_running_loop().time(), 300
                await ask_much(dead)
                while number in server.pump.connections:
                    await many_bids(trader, placed, 100)
                    placed += 100
                assert asyncio.get_running_loop().time() - begun_s < 10
                dead.connection.transport.abort()

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S * 2))
