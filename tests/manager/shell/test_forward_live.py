"""A rule that buys an hour ahead, with real processes of exchange, host and Manager."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from exchange.units import MS_PER_HOUR
from exchange.wire.requests import OrderPlace
from manager.core.windows import window_symbol
from tests.e2e.test_chain import client, end, exchange, headroom
from tests.manager.shell.test_live import (
    CONFIG,
    GUEST_PORT,
    PRICE_UCR,
    Guest,
    ask_when_live,
    found_market,
    heard,
    leases,
    start_host,
    start_logging,
    store_web,
)

ADDRESS = "127.83.19.12"
RULE = """
[[rule]]
name = "ahead"
at = "{day} {first:02}:00-{last:02}:00"
do = "buy to 1"
vm = "web"
price_max = 0.05
zones = ["eu-de"]
forward = true
"""


def with_hour(text: str, start_ms: int) -> str:
    """Return the configuration with a rule for the hour that begins then."""
    start = datetime.fromtimestamp(start_ms // 1000, UTC)
    return text + RULE.format(day=f"{start:%a}", first=start.hour, last=start.hour + 1)


def ask_of(symbol: str) -> OrderPlace:
    return OrderPlace(
        req_id=1,
        client_order_id="ask-window",
        symbol=symbol,
        side="sell",
        order_type="limit",
        price_ucr=PRICE_UCR,
        qty=2,
    )


async def episode(folder: Path) -> None:
    """Bought as soon as it is offered, and not again by the Manager that comes after."""
    guest = Guest()
    server = await asyncio.start_server(guest.answer, ADDRESS, GUEST_PORT)
    start_ms = (time.time_ns() // 1_000_000 // MS_PER_HOUR + 2) * MS_PER_HOUR
    symbol = window_symbol("small", "eu-de", "flat", start_ms)
    config, control = folder / "manager.toml", folder / "control"
    config.write_text(with_hour(CONFIG.format(address=ADDRESS, port=GUEST_PORT), start_ms))
    store_web(folder)
    first, second = folder / "first.log", folder / "second.log"
    async with exchange(folder) as running, server:
        await found_market(running)
        async with client(running, "seller") as seller, client(running, "buyer") as buyer:
            host = await start_host(running, seller, folder / "state", ADDRESS)
            run = ("manager", "run", "--url", running.url, "--config", str(config))
            manager = await start_logging(first, *run, "--control", str(control))
            try:
                await ask_when_live(seller, qty=1)
                await heard(first, "bid rests")
                await seller.request(ask_of(symbol))
                await heard(first, f"1 unit of {symbol}")
                said = await headroom("manager", "explain", "ahead", "--control", str(control))
                assert "It has bought 1 unit-hour ahead." in said
                assert await end(manager) == 0
                manager = await start_logging(second, *run, "--control", str(control))
                await heard(second, "look for image")
                said = await headroom("manager", "explain", "ahead", "--control", str(control))
                assert "It has bought 1 unit-hour ahead." in said
                [lease] = await leases(buyer)
                assert (lease["symbol"], lease["units"]) == (symbol, 1)
                assert lease["client_order_id"].startswith("rule/ahead/")
            finally:
                assert await end(manager) == 0
                await end(host)


def test_an_hour_is_bought_ahead_and_only_once(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    asyncio.run(episode(tmp_path))
