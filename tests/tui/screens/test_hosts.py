"""F5 on a live exchange with memory hosts and a live Manager: the seller's story in one sitting."""

import asyncio
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from exchange.keys import load_private_key
from manager.control.frames import GroupRow, LoadRow, OfferShown, Snapshot
from tests.e2e.test_chain import end
from tests.manager.shell.test_live import start_logging
from tests.tui.screens.farm import Visit
from tests.tui.screens.rack import enroll, rack
from tests.tui.test_app import Stand, play
from tests.tui.test_live import founded, open_account, serving
from tests.tui.view.test_host_rows import host
from tui.app import HeadroomApp
from tui.farm_link import SocketFarmLink
from tui.live_link import LiveLink
from tui.screens.form import FormScreen
from tui.screens.hosts import HostsScreen
from tui.screens.offer import OfferScreen
from tui.screens.sure import SureScreen
from tui.screens.token import TokenScreen

SMALL, LARGE = (80, 24), (160, 50)
FILE = """# mine
schema = 1
[exchange]
url = "{url}"
key = "acme.pem"
[[group]]
name = "rack-7"
hosts = ["r7-*"]
"""
Scene = Callable[[Visit], Awaitable[None]]


async def sitting(url: str, folder: Path, size: tuple[int, int], scene: Scene) -> None:
    link = SocketFarmLink(folder / "m.sock")
    app = HeadroomApp(LiveLink(url, folder / "acme.pem"), farm_link=link)
    await app.link.open()
    async with app.run_test(size=size) as pilot:
        visit = Visit(app, pilot)
        await visit.until(lambda: app.shared.model.account.known)
        await visit.press("f5")
        await visit.until(lambda: isinstance(app.tab, HostsScreen))
        await scene(visit)
        await app.link.close()


def lines(v: Visit) -> str:
    screen = v.app.screen
    assert isinstance(screen, OfferScreen)
    return screen.view.text


def asks(v: Visit) -> dict[str, tuple[int, int]]:
    """Return units and price by symbol of the group's asks, as the account has them."""
    found: dict[str, tuple[int, int]] = {}
    for order in v.app.shared.model.account.orders.values():
        assert order.client_order_id.startswith("group/rack-7/")
        units = found.get(order.symbol, (0, 0))[0] + order.leaves_qty
        found[order.symbol] = units, order.price_ucr or 0
    return found


def kept(made: dict[str, tuple[int, int]], promised: dict[str, tuple[int, int | None]]) -> bool:
    """Tell whether the asks are those promised; meanwhile one window may close and one open."""
    differing = {symbol for symbol, _ in made.items() ^ promised.items()}
    return bool(made) and len(differing) <= 2 and not differing & (made.keys() & promised.keys())


def priced(shown: OfferShown) -> list[bool]:
    """A relative price is known as soon as the Manager has read the book."""
    return [ask.price_ucr is not None for ask in shown.asks]


async def offers(v: Visit) -> None:
    """What is left below 10 % of group rack-7, flat, floor 0.015, nights only."""
    await v.until(lambda: "r7-02" in v.text("hosts") and "rack-7" in v.text("hosts"))
    await v.until(lambda: v.text("hosts").count("live") == 2)
    await v.press("home", "w")
    await v.until(lambda: isinstance(v.app.screen, OfferScreen) and "nothing" in lines(v))
    await v.press("down", "right", "down", *"10", "down", "down", "left", "down", "down", "right")
    assert "nights only, 20:00-07:00" in lines(v)
    await v.press("down", "down", "down", "right", "down", "down", *"0,015", "enter")
    assert "0,015 is no price" in lines(v)
    await v.press(*["backspace"] * 5, *"0.015", "enter")
    await v.until(lambda: "put it in force" in lines(v))
    told = "what is left below 10 % own load, flat, nights only, by the best ask, never below 0.015"
    assert told in " ".join(lines(v).split())
    screen = v.app.screen
    assert isinstance(screen, OfferScreen)
    await v.until(lambda: screen.shown is not None and all(priced(screen.shown)))
    assert screen.shown is not None
    assert asks(v) == {}, "nothing is asked before the last Enter"
    promised = {
        ask.symbol: (ask.units, ask.price_ucr) for ask in screen.shown.asks if ask.opens_ms is None
    }
    assert any(not symbol.endswith("spot") for symbol in promised), "a night hour is on sale"
    await v.press("enter")
    await v.until(lambda: isinstance(v.app.screen, HostsScreen))
    await v.until(lambda: kept(asks(v), promised))
    await v.until(lambda: "residual" in v.text("hosts"))
    await v.press("home", "enter")
    await v.until(lambda: "in the book" in v.text("on") or "0.0150" in v.text("on"))
    await v.press("escape")


def in_file(folder: Path) -> Any:
    text = (folder / "manager.toml").read_text()
    assert text.startswith("# mine\n")
    return tomllib.loads(text)["group"][0]["offer"]


async def acts(url: str, v: Visit) -> None:
    """Make a token of two uses, enroll with it, approve, drain and sell again."""
    await v.press("t")
    assert isinstance(v.app.screen, FormScreen)
    await v.press("enter", "2", "enter", "enter")
    await v.until(lambda: isinstance(v.app.screen, TokenScreen))
    shown = v.app.screen
    assert isinstance(shown, TokenScreen)
    assert f"HEADROOM_TOKEN={shown.secret} headroom host enroll --url {url}" in shown.line
    await v.press("escape")
    await enroll(url, shown.secret, "other-1")
    await v.until(lambda: "pending" in v.text("hosts"))
    assert "(no group)" in v.text("hosts")
    await v.press("end", "a")
    await v.until(lambda: isinstance(v.app.screen, SureScreen))
    await v.press("enter")
    await v.until(lambda: v.logged("other-1 (h-3) is let in"))
    await v.until(lambda: "pending" not in v.text("hosts"))
    await v.press("home", "down", "x")
    question = v.app.screen
    assert isinstance(question, SureScreen)
    assert question.question == "Drain r7-01 (h-1)?"
    assert "are withdrawn" in question.more
    await v.press("enter")
    await v.until(lambda: "draining" in v.text("hosts"))
    await v.press("x")
    await v.until(lambda: v.logged("r7-01 (h-1) sells again"))


async def wide(v: Visit) -> None:
    """At 160 x 50 the preview stands beside the questions, and follows them."""
    await v.until(lambda: "r7-02" in v.text("hosts"))
    await v.press("home", "w")
    await v.until(lambda: isinstance(v.app.screen, OfferScreen) and "0.015" in lines(v))
    await v.until(lambda: "2026-" in lines(v) or "small.eu-de.flat.2" in lines(v))
    await v.press("down", *["right"] * 4)
    await v.until(lambda: "nothing is offered" in lines(v))
    await v.press("escape")


def test_the_sellers_story(tmp_path: Path) -> None:
    operator, key = founded(tmp_path)

    async def main() -> None:
        async with serving(tmp_path, "127.0.0.1:0") as (url, child):
            await open_account(url, operator, key)
            (tmp_path / "manager.toml").write_text(FILE.format(url=url))
            run = ("manager", "run", "--config", str(tmp_path / "manager.toml"))
            log, control = tmp_path / "manager.log", ("--control", str(tmp_path / "m.sock"))
            async with rack(url, load_private_key(key), "r7-01", "r7-02"):
                manager = await start_logging(log, *run, *control)
                try:
                    await sitting(url, tmp_path, SMALL, offers)
                    offer = in_file(tmp_path)
                    assert (offer["kind"], offer["below_pct"]) == ("residual", 10)
                    assert offer["price"]["floor"] == 0.015
                    await sitting(url, tmp_path, LARGE, wide)
                    await sitting(url, tmp_path, SMALL, lambda v: acts(url, v))
                    again = (child, tmp_path, url.split("/")[2])
                    await sitting(url, tmp_path, SMALL, lambda v: lost(v, manager, *again))
                finally:
                    await end(manager)

    asyncio.run(main())


async def lost(v: Visit, manager: Any, child: Any, folder: Path, listen: str) -> None:
    """Manager and exchange go: both are said, and what was shown stays; the exchange is back."""
    await v.until(lambda: "rack-7" in v.text("hosts"))
    await end(manager)
    notice = v.screen.notice
    await v.until(lambda: "no Manager answers any more" in notice())
    await v.press("w")
    assert isinstance(v.app.screen, HostsScreen)
    child.kill()
    child.wait(60)
    await v.until(lambda: notice().startswith("STALE: "))
    assert "r7-01" in v.text("hosts")
    async with serving(folder, listen):
        await v.until(lambda: not notice().startswith("STALE: "))
        v.app.shared.model.fleet.clear()  # what is seen now came after the restart
        await v.until(lambda: v.text("hosts").count(" live ") >= 2)


def test_the_footer_has_all_keys_at_80_cells() -> None:
    """Help and quit stand at its end; the palette's key gives way to them."""

    async def scene(s: Stand) -> None:
        await s.press("f5")
        await s.pilot.pause()
        footer = s.app.screen.query_one(Footer)
        assert footer.compact
        rights = [key.region.right for key in footer.query(FooterKey)]
        assert len(rights) == 9 and max(rights) <= 80

    play(SMALL, scene)


def test_without_a_manager_the_wizard_says_what_it_needs_and_read_only_shows_no_act() -> None:
    async def scene(s: Stand) -> None:
        s.link.push(host(1, used=2), host(2, "pending"))
        await s.press("f5")
        tab = s.app.tab
        assert isinstance(tab, HostsScreen)
        assert "r7-01" in tab.panes["hosts"].text
        await s.press("w")
        assert s.app.screen is tab
        await s.press("x")
        assert isinstance(s.app.screen, SureScreen)
        await s.press("escape")
        group = GroupRow("other", "nothing", members=["h-9"])
        s.app.shared.farm_shows(Snapshot(0, LoadRow(0.0, 0, 0.0, 0.0, 0, 0, 0), groups=[group]))
        await s.press("end", "w")  # not the wizard of a group that it is not in
        assert s.app.screen is tab
        assert "It is in no group" in s.app.shared.toasts.shown[-1].text
        assert s.sent() == []

    play(LARGE, scene)

    async def watching(s: Stand) -> None:
        await s.press("f5")
        tab = s.app.tab
        assert isinstance(tab, HostsScreen)
        assert not any(action.deals for action in tab.offered)

    play(SMALL, watching, who="")
