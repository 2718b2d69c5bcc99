"""Orders on a real exchange by keyboard: placed, replaced, held back, canceled."""

import asyncio
from pathlib import Path

from tests.tui.demo.test_demo import until
from tests.tui.test_live import SYMBOL, founded, open_account, serving
from tui.app import HeadroomApp
from tui.live_link import LiveLink


def test_an_order_is_placed_replaced_and_canceled(tmp_path: Path) -> None:
    operator, key = founded(tmp_path)

    async def main() -> None:
        async with serving(tmp_path, "127.0.0.1:0") as (url, _):
            await open_account(url, operator, key)
            app = HeadroomApp(LiveLink(url, key), symbol=SYMBOL)
            await app.link.open()
            async with app.run_test(size=(160, 50)) as pilot:
                assert app.market is not None
                views, orders = app.market.views, app.desk.model.account.orders
                await until(app, pilot, lambda: "50.0000" in views["money"].text)
                await pilot.press("b", "p", *"0.02", "enter", "q", "4", "enter", "enter", "enter")
                await until(app, pilot, lambda: "o-1" in orders)
                # A larger total at another price: the hold follows.
                await pilot.press("4", "e", "q", "6", "enter", "p", *"0.021", "enter")
                await pilot.press("enter", "enter")
                await until(app, pilot, lambda: "Replaced: now buy 6" in views["ticket"].text)
                assert (orders["o-1"].price_ucr, orders["o-1"].order_qty) == (21_000, 6)
                await until(app, pilot, lambda: "0.1260" in views["money"].text)
                # Far through the market, which is our own bid: asked, and not sent.
                await pilot.press("e", "p", "9", "enter", "enter", "enter")
                await until(app, pilot, lambda: "Send it?" in views["ticket"].text)
                assert orders["o-1"].price_ucr == 21_000
                await pilot.press("escape", "escape")
                await pilot.press("1", "b", "p", *"0.02", "enter", "u", *"90", "enter", "o")
                await pilot.press("enter", "enter")
                await until(app, pilot, lambda: "o-2" in orders)
                # Nobody sells: all or nothing is nothing.
                await pilot.press("b", "f", "f", "enter", "enter")
                await until(app, pilot, lambda: "could not fill whole" in views["ticket"].text)
                await pilot.press("x", "enter")
                await until(app, pilot, lambda: "no open orders" in views["orders"].text)
                await app.link.close()

    asyncio.run(main())
