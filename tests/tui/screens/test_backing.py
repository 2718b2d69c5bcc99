"""The hosts of a sell: marked in a list, on Market and from Hosts, also on a live exchange."""

import asyncio
from pathlib import Path

from msgspec.structs import replace
from textual.events import Key

from exchange.keys import load_private_key
from exchange.wire.requests import OrderPlace
from tests.tui.screens.farm import Visit
from tests.tui.screens.rack import rack
from tests.tui.test_app import LARGE, SIZES, SYMBOL, Stand, play
from tests.tui.test_live import founded, open_account, serving
from tests.tui.view.test_host_rows import host
from tui.app import HeadroomApp
from tui.live_link import LiveLink
from tui.screens.backing import BackingScreen


def own(s: Stand) -> None:
    zone = s.app.desk.model.instruments[SYMBOL].zone
    s.app.desk.model.fleet = {
        f"h-{number}": replace(host(number), zone=zone) for number in range(1, 4)
    }


def placed(s: Stand) -> list[str] | None:
    [order] = [each for each in s.sent() if isinstance(each, OrderPlace)]
    return order.hosts


@SIZES
def test_a_sell_names_the_hosts_that_are_marked(size: tuple[int, int]) -> None:
    """Quick keys: Enter takes what Space has marked before it."""

    async def scene(s: Stand) -> None:
        own(s)
        await s.press("s", "h")
        assert isinstance(s.app.screen, BackingScreen)
        for key in ("down", "space", "down", "space", "enter"):
            s.app.post_message(Key(key, " " if key == "space" else None))
        await s.settle()
        await s.settle()
        assert s.app.desk.dealing.ticket.hosts == ("h-2", "h-3")
        assert "2 hosts" in s.text("ticket") or "h-2, h-3" in s.text("ticket")
        await s.press("enter", "enter")
        assert placed(s) == ["h-2", "h-3"]

    play(size, scene)


def test_hosts_are_for_a_sell_and_esc_changes_nothing() -> None:
    async def scene(s: Stand) -> None:
        await s.press("h")
        assert "Begin with s" in s.text("ticket")
        await s.press("b", "h")
        assert "this is a buy" in s.text("ticket")
        own(s)
        await s.press("escape", "s", "enter", "h", "space", "escape")
        assert s.app.desk.dealing.ticket.hosts == ()
        assert not s.app.desk.dealing.armed
        await s.press("h", "space")
        await s.pilot.click("#backing-yes")
        await s.settle()
        await s.press("enter", "enter")
        assert placed(s) == ["h-1"]

    play(LARGE, scene)


def test_the_exchange_takes_room_of_the_marked_server_alone(tmp_path: Path) -> None:
    operator, key = founded(tmp_path)

    async def sell(v: Visit) -> None:
        fleet = v.app.shared.model.fleet
        await v.until(lambda: v.app.shared.model.account.known)
        await v.press("f5")
        await v.until(lambda: [each.status for each in fleet.values()] == ["live"] * 2)
        await v.press("home", "down", "s")
        await v.until(lambda: isinstance(v.app.screen, BackingScreen))
        screen = v.app.screen
        assert isinstance(screen, BackingScreen)
        assert screen.picked == ("h-2",)
        await v.press("enter")
        await v.until(lambda: v.app.desk.dealing.typing is not None)
        await v.press(*"0.02", "enter", "q", "3", "enter", "enter", "enter")
        await v.until(lambda: fleet["h-2"].used.mvcpu == 3_000)
        assert fleet["h-1"].used.mvcpu == 0

    async def main() -> None:
        async with serving(tmp_path, "127.0.0.1:0") as (url, _):
            await open_account(url, operator, key)
            async with rack(url, load_private_key(key), "r7-01", "r7-02"):
                app = HeadroomApp(LiveLink(url, key), symbol=SYMBOL)
                await app.link.open()
                async with app.run_test(size=LARGE) as pilot:
                    await sell(Visit(app, pilot))
                    await app.link.close()

    asyncio.run(main())
