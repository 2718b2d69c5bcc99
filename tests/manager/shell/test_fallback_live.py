"""A rule that falls back to another class, with real processes of exchange, host and Manager."""

import asyncio
from pathlib import Path

from exchange.wire.requests import OrderPlace
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

ADDRESS = "127.83.19.11"
DEAR_UCR = 500_000
RULE = 'vm = "web"\nprice_max = 0.10'


async def episode(folder: Path) -> None:
    """Small is too dear, so a unit of medium serves and goes; `status` and `explain` tell it."""
    guest = Guest()
    server = await asyncio.start_server(guest.answer, ADDRESS, GUEST_PORT)
    config, log, control = folder / "manager.toml", folder / "manager.log", folder / "control"
    text = CONFIG.format(address=ADDRESS, port=GUEST_PORT)
    config.write_text(text.replace(RULE, f'{RULE}\nfallback_class = "medium"'))
    store_web(folder)
    async with exchange(folder) as running, server:
        await found_market(running)
        async with client(running, "seller") as seller, client(running, "buyer") as buyer:
            host = await start_host(running, seller, folder / "state", ADDRESS)
            run = ("manager", "run", "--url", running.url, "--config", str(config))
            manager = await start_logging(log, *run, "--control", str(control))
            try:
                await ask_when_live(seller, price_ucr=DEAR_UCR, qty=1)
                await seller.request(
                    OrderPlace(
                        req_id=1,
                        client_order_id="ask-medium",
                        symbol="medium.eu-de.flat.spot",
                        side="sell",
                        order_type="limit",
                        price_ucr=PRICE_UCR,
                        qty=1,
                    )
                )
                guest.per_s = 90
                await heard(log, "in service")
                assert guest.probes >= 1
                [lease] = await leases(buyer)
                assert (lease["symbol"], lease["units"]) == ("medium.eu-de.flat.spot", 1)
                status = await headroom("manager", "status", "--control", str(control))
                assert "medium.eu-de.flat.spot" in status
                said = await headroom("manager", "explain", "burst", "--control", str(control))
                assert "What its own class cannot give it buys as medium." in said
                guest.per_s = 10
                await heard(log, "ended: released")
                assert await leases(buyer) == []
            finally:
                assert await end(manager) == 0
                await end(host)
    assert "1 unit of small not to be had in any zone: tries medium" in log.read_text()


def test_a_unit_of_another_class_serves_where_its_own_is_too_dear(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    asyncio.run(episode(tmp_path))
