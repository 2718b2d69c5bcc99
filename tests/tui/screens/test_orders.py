"""F3 on a live exchange: open orders, the past read from statements, replace, cancel, CSV."""

import asyncio
import csv
from functools import partial
from pathlib import Path

import pytest

from exchange.wire.requests import OrderPlace
from exchange.wire.types import Side
from tests.tui.demo.test_demo import until
from tests.tui.screens.farm import Visit, visit
from tests.tui.test_live import founded, open_account, serving
from tui.app import HeadroomApp
from tui.demo.demo import stage
from tui.demo.market import SYMBOL
from tui.live_link import LiveLink
from tui.screens.form import FormScreen
from tui.screens.orders import OrdersScreen
from tui.screens.sure import SureScreen
from tui.widgets.frame_rows import NoticeBar

SMALL, MIDDLE, LARGE = (80, 24), (120, 35), (160, 50)
OTHER = "nano.eu-de.flat.spot"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_orders_on_a_live_market(tmp_path: Path) -> None:
    """One stage for all, since opening it takes seconds."""

    async def main() -> None:
        async with stage() as opened:
            await visit(opened, SMALL, trade)
            await visit(opened, SMALL, partial(export, tmp_path))
            await visit(opened, MIDDLE, watch, read_only=True)

    asyncio.run(main())


async def place(v: Visit, side: Side, price_ucr: int, qty: int, symbol: str = SYMBOL) -> str:
    """Rest an order, or trade; returns its id."""
    count = len(v.app.shared.model.log.entries)
    placed = OrderPlace(
        req_id=1,
        client_order_id=f"t-{side}-{price_ucr}-{qty}-{count}-{v.app.size.width}",
        symbol=symbol,
        side=side,
        order_type="limit",
        qty=qty,
        price_ucr=price_ucr,
    )
    answer = await v.app.shared.trade(placed)
    assert answer.ok, answer.why
    return str(answer.result["order_id"])


def said(v: Visit) -> str:
    """The question that is asked, with what it costs."""
    screen = v.app.screen
    assert isinstance(screen, SureScreen)
    return f"{screen.question} {screen.more}"


async def trade(v: Visit) -> None:
    orders = v.app.shared.model.account.orders
    low = await place(v, "buy", 1_000, 3)
    await place(v, "buy", 1_100, 2, OTHER)
    await v.until(lambda: v.app.desk.book.best_ask_ucr is not None)
    await place(v, "buy", 100_000, 1)  # takes from the book
    await v.press("f3")
    await v.until(lambda: low in v.text("orders"))
    assert "small.eu-de.flat.spot  0.0010" in v.text("orders")
    await fills_and_money(v)
    await v.press("home")
    assert v.screen.row is not None
    assert v.screen.row.key == low
    await v.press("e")
    assert isinstance(v.app.screen, FormScreen)
    await v.press(*"0,002", "enter", "enter")
    assert isinstance(v.app.screen, FormScreen)  # no number: it does not go on
    await v.press("up", *["backspace"] * 20, *"0.002", "enter")
    await v.press("shift+tab", *"0.002", "enter", *"5", "enter")
    await v.until(lambda: isinstance(v.app.screen, SureScreen))
    assert f"Replace {low} by buy 5 at 0.0020?" in said(v)
    assert "Back of the queue; holds 0.0100 for 1 h." in said(v)
    await v.press("enter")
    await v.until(lambda: orders[low].order_qty == 5)
    assert orders[low].price_ucr == 2_000
    await cancels(v, low)


async def fills_and_money(v: Visit) -> None:
    screen = v.screen
    assert isinstance(screen, OrdersScreen)
    for name, sign in (("fills", "taker"), ("balance", "deposit"), ("months", "shown")):
        await v.press("tab")
        assert screen.focus_on == name
        await v.until(lambda sign=sign, name=name: sign in v.text(name))  # type: ignore[misc]
    await v.press("tab")
    await v.until(lambda: len(screen.history.days) > 0)
    await v.press("tab")
    assert screen.focus_on == "orders"


async def cancels(v: Visit, low: str) -> None:
    orders = v.app.shared.model.account.orders
    mine = [order for order in orders.values() if order.symbol == SYMBOL]
    await v.press("i")
    assert f"Cancel {len(mine)} order" in said(v)
    assert f"of {SYMBOL}?" in said(v)
    await v.press("escape")
    assert low in orders
    await v.press("c")
    await v.until(lambda: low not in orders)
    await v.press("b")
    assert f"Cancel {len(orders)} buy" in said(v)
    await v.press("enter")
    await v.until(lambda: not orders)
    await v.until(lambda: "no open orders" in v.text("orders"))
    await v.press("e", "c", "s", "b")
    assert v.app.screen is v.screen  # nothing to ask about


async def export(folder: Path, v: Visit) -> None:
    await v.press("f3", "tab", "w")
    path = folder / "mine.csv"
    await v.press("enter", "enter", *str(path).replace(str(folder), ""))
    form = v.app.screen
    assert isinstance(form, FormScreen)
    form.query_one("#form-path").value = str(path)  # type: ignore[attr-defined]
    await v.press("enter")
    await v.until(lambda: v.logged("Wrote"))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["symbol"] for row in rows} == {SYMBOL}
    assert {row["liquidity"] for row in rows} == {"taker"}
    await v.press("w", "enter", "enter")
    form = v.app.screen
    assert isinstance(form, FormScreen)
    form.query_one("#form-path").value = str(path)  # type: ignore[attr-defined]
    await v.press("enter")
    assert isinstance(v.app.screen, FormScreen)  # it exists already
    await v.press("escape")


async def watch(v: Visit) -> None:
    """Read-only: everything is shown, nothing can be done."""
    await v.press("f3", "tab")
    await v.until(lambda: SYMBOL in v.text("fills"))
    assert all(pane.display and pane.size.height > 4 for pane in v.screen.panes.values())
    assert not [each for each in v.screen.offered if each.deals]
    await v.press("shift+tab", "enter", "e", "c", "b", "i")
    assert v.app.screen is v.screen


def test_the_exchange_is_killed_and_comes_back_under_it(tmp_path: Path) -> None:
    operator, key = founded(tmp_path)

    async def main() -> None:
        async with serving(tmp_path, "127.0.0.1:0") as (url, child):
            await open_account(url, operator, key)
            app = HeadroomApp(LiveLink(url, key), symbol=SYMBOL)
            await app.link.open()
            async with app.run_test(size=LARGE) as pilot:
                v = Visit(app, pilot)
                await v.until(lambda: app.shared.model.account.known)
                order = await place(v, "buy", 1_000, 3)
                await v.press("f3")
                await v.until(lambda: order in v.text("orders") and "deposit" in v.text("balance"))
                child.kill()
                child.wait(60)
                await v.until(lambda: "not read yet" in v.text("fills"))
                await v.press("c")
                assert order in v.text("orders")
                for tab in ("f4", "f3"):
                    await v.press(tab)
                    await v.until(lambda: "STALE" in app.screen.query_one(NoticeBar).text)
                async with serving(tmp_path, url.split("/")[2]):
                    await until(app, pilot, lambda: not app.desk.trouble(app.shared.now_ms()))
                    await v.until(lambda: "not read yet" not in v.text("fills"))
                    await v.until(lambda: not app.shared.notice)
                    await v.press("c")
                    await v.until(lambda: "no open orders" in v.text("orders"))
                await app.link.close()

    asyncio.run(main())
