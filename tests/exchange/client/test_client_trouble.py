"""What the client makes of an exchange in trouble: it waits, and what is lost it tells.

Against a scripted exchange, in virtual time; the counts are those of hours.
"""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchange.client import (
    AccountReset,
    Client,
    Disconnected,
    Event,
    Refused,
    Unknown,
    Unreachable,
    Unsubscribed,
    fetch_image,
)
from exchange.client.event_queue import EventQueue
from exchange.wire.frames import Ack, BookSnapshot, ErrorReply
from exchange.wire.requests import AccountState, OrderPlace, Subscribe
from tests.exchange.support.client_scene import Scene, play
from tests.exchange.support.harness import SYMBOL, key_of
from tests.exchange.support.scripted import Mode, Peer, Scripted, balance
from tests.exchange.support.virtual_loop import run_virtual

HOUR_S = 3600
LATER: tuple[Mode, ...] = ("busy", "rate_limited", "shutting_down")
BID = OrderPlace(
    req_id=1,
    client_order_id="b1",
    symbol=SYMBOL,
    side="buy",
    order_type="limit",
    qty=1,
    price_ucr=1,
)


@pytest.mark.parametrize("mode", ["cut", "drip", "http 503", "http 429", 1001, 1008, 1012, 1013])
def test_pauses_grow_until_a_connection_has_held(mode: Mode) -> None:
    """(Seen not to end while every login began the pauses anew.)"""

    async def story(scene: Scene) -> None:
        before = scene.exchange.dials
        scene.exchange.mode = mode
        scene.exchange.cut()
        await asyncio.sleep(HOUR_S)
        assert 200 < scene.exchange.dials - before < 1_000
        assert len(scene.told(Disconnected)) > 100
        scene.exchange.mode = "up"
        await asyncio.sleep(30)
        assert scene.listens() == {("account", ""), ("book", SYMBOL)}

    play(story)


@pytest.mark.parametrize("mode", LATER)
def test_later_is_not_no(mode: Mode) -> None:
    """(Seen to fail: the subscriptions were gone for good.)"""

    async def story(scene: Scene) -> None:
        scene.exchange.mode = mode
        scene.exchange.cut()
        await asyncio.sleep(HOUR_S)
        assert 200 < scene.subscribes() < 1_500
        scene.exchange.mode = "up"
        await asyncio.sleep(30)
        assert scene.listens() == {("account", ""), ("book", SYMBOL)}
        assert not scene.told(Unsubscribed)

    play(story)


@pytest.mark.parametrize("mode", LATER)
def test_the_first_subscription_waits_too(mode: Mode) -> None:
    async def story(scene: Scene) -> None:
        scene.exchange.mode = mode
        with pytest.raises(Refused, match=str(mode)):
            await scene.client.subscribe("trades", SYMBOL)
        asking = asyncio.create_task(scene.client.subscribe("trades", SYMBOL))
        await asyncio.sleep(10)
        assert not asking.done()
        scene.exchange.mode = "up"
        await asking
        assert ("trades", SYMBOL) in scene.listens()

    play(story)


def test_nothing_is_written_to_a_connection_that_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    """(Before, asyncio put a warning on stderr for every request of that turn but the first.)"""

    async def story(scene: Scene) -> None:
        scene.exchange.cut()
        orders = (msgspec.structs.replace(BID, client_order_id=f"c{n}") for n in range(40))
        await asyncio.gather(*map(scene.client.place, orders))
        (placed,) = scene.exchange.orders.values()
        assert set(placed) == {f"c{n}" for n in range(40)}

    play(story)
    assert not [record for record in caplog.records if record.name == "asyncio"]


def test_a_symbol_that_is_gone_is_told() -> None:
    async def story(scene: Scene) -> None:
        scene.exchange.gone = {SYMBOL}
        scene.exchange.cut()
        await asyncio.sleep(30)
        assert scene.told(Unsubscribed) == [
            Unsubscribed("book", SYMBOL, "unknown_instrument: no instrument")
        ]
        assert scene.exchange.asked[f"subscribe {SYMBOL}"] == 2
        assert scene.listens() == {("account", "")}

    play(story)


def acked_with_a_gap(peer: Peer, message: Subscribe) -> list[Any]:
    """The frames behind ``resume_from`` are missing, and nobody says so."""
    after = message.resume_from or 0
    return [Ack(message.req_id, result={"account_seq": after + 9}), balance(after + 9)]


def acked_and_silent(peer: Peer, message: Subscribe) -> list[Any]:
    return [Ack(message.req_id, result={"account_seq": (message.resume_from or 0) + 9})]


def too_old(peer: Peer, message: Subscribe) -> list[Any]:
    return [ErrorReply(message.req_id, "too_old", "read account.state and go on from there")]


@pytest.mark.parametrize(
    ("answer", "within_s", "why"),
    [
        (too_old, 5, "too_old: read account.state and go on from there"),
        (acked_with_a_gap, 60, "frames are missing"),
        (acked_and_silent, 240, "frames are missing"),
        (1011, 60, "stored frames cannot be read"),
    ],
)
def test_a_gap_in_the_account_is_told_and_begins_anew(
    answer: Any, within_s: float, why: str
) -> None:
    """(Seen not to end: it asked again as fast as the answers came.)"""

    async def story(scene: Scene) -> None:
        tasks: list[asyncio.Task[None]] = []

        def answered(peer: Peer, message: Subscribe) -> bool:
            if message.channel != "account" or message.resume_from is None:
                return False
            tasks.append(asyncio.create_task(reply(peer, message)))
            return True

        async def reply(peer: Peer, message: Subscribe) -> None:
            if isinstance(answer, int):
                await peer.send(*acked_and_silent(peer, message))
                await peer.wire.close(answer, "stored frames cannot be read")
            else:
                await peer.send(*answer(peer, message))

        account = next(iter(scene.exchange.peers)).account
        scene.exchange.on_subscribe = answered
        scene.exchange.cut()
        scene.exchange.account_seq[account] = 5
        await asyncio.sleep(within_s)
        (reset,) = scene.told(AccountReset)
        assert (reset.account_state["account_seq"], reset.reason) == (5, why)
        assert len(tasks) <= 8
        await scene.client.place(BID)
        await asyncio.sleep(1)
        assert [event.account_seq for event in scene.told(type(balance(1)))] == [6]

    play(story)


def test_a_book_that_never_fits_is_told() -> None:
    """(Seen not to end: it was asked for again as fast as the answers came.)"""

    async def story(scene: Scene) -> None:
        tasks = []

        def answered(peer: Peer, message: Subscribe) -> bool:
            if message.channel == "book":
                wrong = BookSnapshot(SYMBOL, 1, 0, [], [], 77)
                tasks.append(asyncio.create_task(peer.send(Ack(message.req_id), wrong)))
            return message.channel == "book"

        scene.exchange.on_subscribe = answered
        scene.exchange.cut()
        await asyncio.sleep(60)
        (lost,) = scene.told(Unsubscribed)
        assert (lost.channel, lost.symbol) == ("book", SYMBOL)
        assert len(tasks) <= 8

    play(story)


@pytest.mark.parametrize("how", ["closed", "refused"])
def test_a_key_that_is_not_let_in_again_ends_the_client(how: str) -> None:
    """(Seen to fail: it dialed for ever.)"""

    async def story(scene: Scene) -> None:
        before = scene.exchange.dials
        (peer,) = scene.exchange.peers
        if how == "closed":
            await peer.wire.close(4401, "the key was revoked")
        else:
            scene.exchange.mode = "bad_signature"
            scene.exchange.cut()
        await asyncio.sleep(HOUR_S)
        assert scene.exchange.dials - before <= 1
        assert isinstance(scene.ended, Refused)
        assert scene.ended.reason == "bad_signature"
        assert "bad_signature" in scene.told(Disconnected)[-1].reason
        assert not scene.client.connected
        for ask in (scene.client.place(BID), scene.client.request(AccountState(req_id=1))):
            with pytest.raises(Refused, match="bad_signature"):
                await ask

    play(story)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1000, "the exchange closed the connection"),
        (1001, "the exchange shuts down"),
        (1008, "the exchange ended a connection that broke its rules"),
        (1009, "a message was larger than the exchange takes"),
        (1011, "the exchange failed inside"),
        (1012, "the exchange restarts"),
        (1013, "the exchange has no room for this connection now"),
        (4409, "another login of this host took over"),
        (4000, "the exchange closed the connection with code 4000"),
    ],
)
def test_a_close_code_is_told_as_what_it_is(code: int, words: str) -> None:
    async def story(scene: Scene) -> None:
        (peer,) = scene.exchange.peers
        await peer.wire.close(code, "so it is")
        await asyncio.sleep(5)
        assert scene.told(Disconnected)[0] == Disconnected(f"{words} (so it is)", code)
        assert scene.client.connected

    play(story)


def test_an_answer_too_large_for_the_client_is_told_as_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exchange.client.dial.FRAME_MAX_BYTES", 2_000)

    async def story(scene: Scene) -> None:
        def answered(peer: Peer, message: Subscribe) -> bool:
            rows = [(price, 1, 1) for price in range(1_000)]
            scene.task = asyncio.create_task(  # type: ignore[attr-defined]
                peer.send(Ack(message.req_id), BookSnapshot(SYMBOL, 1, 0, rows, [], 0))
            )
            return True

        scene.exchange.on_subscribe = answered
        await scene.client.subscribe("trades", SYMBOL)
        await asyncio.sleep(0.1)
        assert scene.told(Disconnected)[0].reason == "an answer was larger than this client takes"

    play(story)


def test_an_order_in_the_turn_in_which_the_connection_is_lost() -> None:
    """(Seen to fail: the loop stood still for ever.)"""

    async def story(scene: Scene) -> None:
        connection = scene.client._connection
        assert connection is not None
        placing = []
        end = connection.connection_lost

        def ending(error: Exception | None) -> None:
            # Scheduled before the end wakes the client's own reader.
            placing.append(asyncio.create_task(scene.client.place(BID)))
            end(error)

        connection.connection_lost = ending  # type: ignore[method-assign, assignment]
        scene.exchange.cut()
        await asyncio.sleep(1)
        assert (await placing[0])["duplicate"] is False
        assert sum(scene.exchange.orders.popitem()[1].values()) == 1

    play(story)


@pytest.mark.parametrize("mode", LATER)
def test_an_order_is_sent_again_later_at_a_pace(mode: Mode) -> None:
    async def story(scene: Scene) -> None:
        scene.exchange.mode = mode
        with pytest.raises(Refused, match=str(mode)):
            await scene.client.place(BID)
        assert 3 <= scene.exchange.asked[f"order.place {SYMBOL}"] <= 60
        asking = asyncio.create_task(scene.client.place(BID))
        await asyncio.sleep(10)
        scene.exchange.mode = "up"
        assert (await asking)["duplicate"] is False

    play(story)


def test_a_refusal_says_nothing_about_an_order_that_was_not_answered_before() -> None:
    async def story(scene: Scene) -> None:
        scene.exchange.mode = "mute"
        asking = asyncio.create_task(scene.client.place(BID))
        await asyncio.sleep(1)
        scene.exchange.mode = "busy"
        scene.exchange.cut()
        with pytest.raises(Unknown, match="an earlier attempt was not answered"):
            await asking
        assert sum(scene.exchange.orders.popitem()[1].values()) == 1

    play(story)


@pytest.mark.parametrize("mode", ["http 503", "http 429"])
def test_who_is_turned_away_is_told_to_come_later(mode: Mode) -> None:
    async def main() -> None:
        exchange = Scripted()
        await exchange.start()
        exchange.mode = mode
        with pytest.raises(Unreachable, match=r"HTTP \d+\); try again later") as told:
            await Client(exchange.url, key_of("bob")).__aenter__()
        assert told.value.retry_after_s == 1
        await exchange.kill()

    run_virtual(main())


def test_an_impossible_name_is_one_line() -> None:
    """(Seen to fail with a traceback.)"""

    async def main() -> None:
        with pytest.raises(Unreachable, match=r"^ws://a\.\.b/v1/ws: no host can have such a name$"):
            await Client("ws://a..b").__aenter__()

    run_virtual(main())


def test_a_download_that_only_drips_is_given_up(tmp_path: Path) -> None:
    """(Seen to fail: a byte a second kept it waiting for days.)"""

    async def main() -> float:
        exchange = Scripted()
        await exchange.start()
        with pytest.raises(Unknown, match=r"^less than 64 KiB within 60 s; ask again$"):
            await fetch_image(exchange.url, key_of("bob"), "ab" * 32, tmp_path / "image")
        await exchange.kill()
        return asyncio.get_running_loop().time()

    took_s, _ = run_virtual(main())
    assert 60 <= took_s < 70
    assert 0 < (tmp_path / "image").stat().st_size < 100, "the next try goes on from there"


def test_what_nobody_sends_again_is_not_thrown_away() -> None:
    """(Seen to fail: a gap in the account went unnoticed by a reader that was slow.)"""

    async def main() -> list[Event]:
        events = EventQueue()
        events.begin_account(0)
        for number in (1, 2):
            events.put(balance(number))
        events.reset_account(AccountReset({"account_seq": 9}, "too_old"), 9)
        events.put(Unsubscribed("book", SYMBOL, "gone"))
        events.put(balance(10))
        for number in range(50):
            events.put(Disconnected(str(number)))
        reader = events.read()
        assert await anext(reader) == balance(1)
        events.throw_away()
        assert events.received_seq == 9, "what came behind the reset is had again"
        events.close()
        return [event async for event in reader]

    left, _ = run_virtual(main())
    assert [type(event) for event in left] == [AccountReset, Unsubscribed]
