"""What is gone is known nowhere: symbols are forgotten everywhere at once."""

from typing import Any

import pytest

from exchange.engine.engine import Engine
from exchange.gateway.gateway import Gateway
from exchange.keys import public_key_b64, verify
from exchange.model.in_order import InOrder
from exchange.units import MS_PER_HOUR, MS_PER_SECOND
from tests.exchange.gateway.test_gateway import Rig, be_live, hosting, order
from tests.exchange.support.harness import key_of

CHANNELS = ("book", "trades", "ticker", "candles")


def window_of(rig: Rig) -> str:
    """Return the window that starts first."""
    return next(symbol for symbol in rig.engine.symbols() if not symbol.endswith(".spot"))


def jump(rig: Rig, by_ms: int) -> None:
    """Let time pass without a wake-up in between."""
    rig.now_ms += by_ms
    rig.gateway.advance(rig.now_ms)
    rig.take()


def traded(rig: Rig, alice: int, symbol: str) -> None:
    """Bob buys one unit of alice's, on a connection of his own."""
    bob = rig.log_in("bob")
    order(rig, alice, f"ask {symbol}", "sell", symbol=symbol)
    bought = order(rig, bob, f"bid {symbol}", symbol=symbol)
    assert bought["result"]["status"] == "filled", bought
    rig.gateway.disconnect(bob, True, rig.now_ms)


def open_bob(rig: Rig) -> None:
    """Give bob an account with money and a key."""
    operator = rig.log_in("operator")
    public_key = public_key_b64(key_of("bob"))
    rig.ask(operator, "admin.account", account="bob", name="Bob")
    fields: dict[str, Any] = {"account": "bob", "key_id": "bob-1", "role": "trader"}
    rig.ask(operator, "admin.key", public_key=public_key, **fields)
    rig.ask(operator, "admin.deposit", account="bob", amount_ucr=10**9, ref="1")
    rig.gateway.disconnect(operator, True, rig.now_ms)


@pytest.mark.parametrize("channel", CHANNELS)
def test_who_listens_to_a_window_outlives_it(channel: str) -> None:
    """(Seen to fail while symbols were forgotten when another one traded for the first time.)"""
    rig, alice, _ = hosting()
    open_bob(rig)
    symbol = window_of(rig)
    listener = rig.log_in("operator")
    assert rig.ask(listener, "subscribe", channel="ticker")["type"] == "ack"
    assert rig.ask(listener, "subscribe", channel=channel, symbol=symbol)["type"] == "ack"
    traded(rig, alice, symbol)
    for _ in range(30):
        jump(rig, MS_PER_HOUR)
    assert symbol not in rig.engine.symbols()
    session = rig.gateway.sessions[listener]
    assert list(session.channels) == [("ticker", "")]
    reply = rig.ask(listener, "unsubscribe", channel=channel, symbol=symbol)
    assert reply["type"] == "ack"
    reply = rig.ask(listener, "subscribe", channel=channel, symbol=symbol)
    assert reply["reason"] == "unknown_instrument"


def test_a_lost_host_comes_back_also_after_a_restart() -> None:
    """(Seen to fail while only what a run had seen itself could come back.)"""
    rig, _, host = hosting()
    rig.gateway.disconnect(host, False, rig.now_ms)
    rig.run_to(rig.now_ms + 400 * MS_PER_SECOND)
    assert [row.status for row in rig.engine.hosts()] == ["lost"]
    rig.engine = Engine.restore(rig.engine.snapshot())
    rig.gateway = Gateway(rig.engine, server_id="rig", verify=verify)
    rig.gateway.start(rig.now_ms)
    be_live(rig, rig.log_in("host"))
    assert [row.status for row in rig.engine.hosts()] == ["live"]


def test_a_key_that_comes_back_is_the_newest() -> None:
    """Else what is due next would hang on when it was looked up, and not on the rows."""
    rows = InOrder({"a": 1, "b": 2})
    assert rows.first() == (1,)
    rows.remove("a")
    rows["a"] = 3
    assert rows.first() == (2,)
    assert rows.pop("b") == 2
    rows["b"] = 4
    assert rows.first() == (3,)
