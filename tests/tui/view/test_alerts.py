"""What matters stays in sight until it is over; what is released is told before it is."""

import pytest
from msgspec.structs import replace
from textual.widgets._footer import FooterKey

from exchange.cli.common import EXIT_INTERRUPTED
from exchange.wire.frames import Notice, VmUpdate
from exchange.wire.types import Recall
from tests.tui.market import WINDOW, lease, order
from tests.tui.test_app import LARGE, SIZES, SMALL, SYMBOL, Stand, play
from tui.actions import MARKET
from tui.commands import ACTIONS
from tui.screens.help import help_text
from tui.view.account import Account
from tui.view.alerts import summary
from tui.view.releasing import least_owed_ucr, question


def notice(kind: str, lease_id: str = "l-1", at_ms: int | None = None, units: int = 0) -> Notice:
    return Notice(1, 1, 0, kind, lease_id, "h-7", units or None, at_ms)


def vm(name: str, lease_id: str = "l-1") -> VmUpdate:
    return VmUpdate(1, 1, 0, f"v-{name}", lease_id, name, "running", [])


def told(account: Account, now_ms: int) -> str:
    return summary(account.alerts.open(now_ms), now_ms)


def test_an_alert_lasts_until_it_is_over() -> None:
    account = Account()
    account.reset(0, 0, [lease(1), lease(2)])
    account.apply(notice("host_silent", at_ms=1_000))
    assert told(account, 31_000) == "! h-7 silent for 30 s: l-1 waits"
    account.apply(notice("recall", "l-2", at_ms=120_000, units=3))
    assert told(account, 31_000) == "! recall: 3 units of l-2 in 1m 29s (+1)"
    assert told(account, 120_000).startswith("! h-7 silent")
    account.apply(notice("host_back"))
    assert told(account, 31_000) == "! recall: 3 units of l-2 in 1m 29s"
    account.apply(replace(lease(2), state="ended"))
    assert told(account, 31_000) == ""


@pytest.mark.parametrize("end", ["host_back", "host_lost", "ended", "reset"])
def test_a_silence_ends(end: str) -> None:
    account = Account()
    account.reset(0, 0, [replace(lease(1), silent_since_ms=500)])
    assert "silent" in told(account, 1_000)
    match end:
        case "ended":
            account.apply(replace(lease(1), state="ended"))
        case "reset":
            account.reset(0, 0, [lease(1)])
        case _:
            account.apply(notice(end))
    assert told(account, 1_000) == ""


def test_an_account_state_tells_what_still_holds() -> None:
    account = Account()
    account.reset(0, 0, [replace(lease(1), recalls=[Recall(1, 9_000), Recall(2, 12_000)])])
    assert told(account, 2_000) == "! recall: 1 unit of l-1 in 7 s (+1)"
    account.apply(lease(1))
    assert told(account, 9_000) == "! recall: 2 units of l-1 in 3 s", "a later row does not end it"


@SIZES
def test_an_alert_stays_on_screen_whatever_is_pressed(size: tuple[int, int]) -> None:
    """(Seen to fail: the next key took the message away while the host was still silent.)"""

    async def scene(s: Stand) -> None:
        s.link.push(notice("host_silent", at_ms=s.link.now_ms() - 20_000))
        await s.settle()
        for key in ("b", "enter", "q", "escape", "escape", "escape", "f", "x", "5", "up"):
            await s.press(key)
            assert "! h-7 silent for 20 s: l-1 waits" in s.text("ticket"), key
        await s.press("b", "enter")
        assert "ARMED" in s.text("ticket").split("\n")[0]
        s.link.push(notice("host_back"))
        await s.settle()
        assert "silent" not in s.text("ticket")

    play(size, scene)


@pytest.mark.parametrize(
    ("vms", "silent", "said"),
    [
        ([], False, "No VM runs on it, owed at least 0.0104 (5 min is the least)."),
        ([vm("web-1")], False, "Kills VM web-1, owed at least 0.0104 (5 min is the least)."),
        ([vm("a"), vm("b"), vm("c", "l-2")], True, "Kills VMs a and b, owed at least 0.0000."),
        ([vm("a"), vm("b"), vm("c")], False, "Its 3 VMs are killed, owed at least 0.0104"),
    ],
)
def test_a_release_says_what_dies_and_what_is_owed(
    vms: list[VmUpdate], silent: bool, said: str
) -> None:
    assert question(lease(1), vms, silent).startswith(f"Release l-1 (4 units)? {said}")


def test_what_is_owed_at_least() -> None:
    """4 units at 0.0312: five minutes are ceil(124,800 / 12)."""
    assert least_owed_ucr(lease(1), silent=False) == 10_400
    assert least_owed_ucr(lease(1, units=1, price_ucr=31_201), silent=False) == 2_601
    assert least_owed_ucr(replace(lease(1), charged_ucr=124_800), silent=False) == 124_800
    assert least_owed_ucr(replace(lease(1), symbol=WINDOW), silent=False) == 124_800


@SIZES
def test_the_release_question_is_whole(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        await s.press("up", "up", "up", "b", "enter", "enter", "5")
        s.link.push(s.link.account.vm("l-1", "web-1"))
        await s.press("r")
        text = " ".join(s.text("ticket").split())
        assert "Release l-1 (1 unit)? Kills VM web-1, owed at least 0.00" in text

    play(size, scene)


@pytest.mark.parametrize(("key", "code"), [("ctrl+q", 0), ("ctrl+c", EXIT_INTERRUPTED)])
@pytest.mark.parametrize("armed", [("b", "enter"), ("x",)])
def test_leaving_with_something_armed_asks(key: str, code: int, armed: tuple[str, ...]) -> None:
    """(Seen to fail: Ctrl-C left at once.)"""

    async def scene(s: Stand) -> None:
        s.app.desk.model.account.orders["o-9"] = order(9)
        await s.press(*armed, key)
        assert s.app.screen.id == "leaving"
        await s.press("escape")
        assert s.app.desk.dealing.armed
        assert s.app.is_running
        await s.press(key)
        await s.pilot.press("enter" if armed == ("x",) else key)
        assert s.app.return_code == code
        assert s.sent() == []

    play(SMALL, scene)


def test_watching_only_offers_no_deal_anywhere() -> None:
    """(Seen to fail: footer, help and palette named Buy and Sell.)"""
    deals = [action.name for action in MARKET if action.deals]

    async def scene(s: Stand) -> None:
        shown = {key.description for key in s.app.screen.query(FooterKey)}
        assert s.app.market is not None
        assert "Find" in shown
        assert shown.isdisjoint(ACTIONS[name].label or name for name in deals)
        offered = " ".join(one.title for one in s.app.get_system_commands(s.app.screen))
        helped = help_text("red", "blue", s.app.market.offered).plain
        for name in deals:
            assert ACTIONS[name].title + "  (" not in offered
            assert ACTIONS[name].help not in helped
        assert "Find an instrument" in offered

    play(LARGE, scene, who="")


def test_who_trades_is_offered_every_deal() -> None:
    async def scene(s: Stand) -> None:
        shown = {key.description for key in s.app.screen.query(FooterKey)}
        assert {"Buy", "Sell", "Cancel"} <= shown
        assert SYMBOL in s.text("head")

    play(LARGE, scene)
