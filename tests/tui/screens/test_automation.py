"""The Automation screen under keys and clicks: whole at every size, honest, and asking first."""

import asyncio

import pytest
from textual.widgets import Input

from manager.control.frames import Change, LoadRow, RuleRow, Snapshot, VmRow
from manager.control.requests import (
    BuyingStop,
    ControlRequest,
    LoadPast,
    RulePause,
    RuleRead,
    RuleSet,
)
from tests.tui.test_app import LARGE, SMALL, Stand, play, stand
from tests.tui.view.test_automation import RULE, burst, unit
from tui.link import RefusedError
from tui.screens.automation import AutomationScreen
from tui.screens.automation_acts import AUTOMATION
from tui.screens.sheet import SheetScreen
from tui.screens.sure import SureScreen

SIZES = pytest.mark.parametrize("size", [SMALL, (120, 35), LARGE, (200, 60)])
CALM = RuleRow("calm", "util < 40 for 10m", "release 2", "ready")


class Asked:
    """Takes what the Manager is asked; refuses `rule.set` with ``mistake``."""

    path = "m.sock"
    mistake = ""

    def __init__(self) -> None:
        self.requests: list[ControlRequest] = []

    async def request(self, message: ControlRequest) -> object:
        self.requests.append(message)
        if self.mistake and isinstance(message, RuleSet):
            raise RefusedError("config_invalid", self.mistake)
        return {"rows": [], "text": "in words"}


def at_work(s: Stand) -> tuple[AutomationScreen, Asked]:
    asked = Asked()
    s.app.shared.farm_link = asked  # type: ignore[assignment]
    now = s.app.shared.now_ms()
    shown = Snapshot(
        now,
        LoadRow(100.0, 1, 90.0, 45.0, 2, 0, 1, online=True),
        rules=[RULE, CALM],
        bursts=[burst(unit("ready", now - 9_000))],
        library=[VmRow("web", "small")],
    )
    s.app.shared.farm_shows(shown)
    screen = s.app.tab
    assert isinstance(screen, AutomationScreen)
    return screen, asked


class Zoned(Asked):
    """Its rules buy in one zone."""

    async def request(self, message: ControlRequest) -> object:
        if isinstance(message, RuleRead):
            return {"rule": {"name": message.rule, "do": "buy 2", "zones": ["eu-fr"]}}
        return await super().request(message)


@pytest.mark.parametrize(("manager", "zones"), [(Zoned, "eu-fr"), (Asked, "")])
def test_a_new_rule_buys_where_the_others_do(manager: type[Asked], zones: str) -> None:
    async def scene(s: Stand) -> None:
        await s.press("f8")
        at_work(s)
        s.app.shared.farm_link = manager()  # type: ignore[assignment]
        await s.press("n")
        form = s.app.screen
        assert isinstance(form, SheetScreen)
        assert form.values["zones"] == zones and form.values["vm"] == "web"

    play(LARGE, scene)


@SIZES
def test_every_part_is_whole_at_every_size(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        await s.press("f8")
        assert "This screen shows a Manager at work: none runs here." in shown(s)
        screen, _ = at_work(s)
        for _ in range(3):
            await s.press("tab")  # heights are known a frame later
        await s.press("up")
        for name, part in screen.parts.items():
            if part.display:
                rows = part.text.split("\n")
                assert len(rows) == part.size.height, (name, size)
                assert {len(row) for row in rows} == {part.size.width}, (name, size)
        wide = size[0] >= 132
        assert [screen.parts[name].display for name in ("rules", "units")] == [wide, True]
        assert "━" in screen.parts["axis"].text

    play(size, scene)


def shown(s: Stand) -> str:
    assert s.app.tab is not None
    return "\n".join(row.text for row in s.app.tab._rows)


def test_what_is_wrong_is_said() -> None:
    async def scene(s: Stand) -> None:
        await s.press("f8")
        screen, _ = at_work(s)
        await s.settle()
        assert "● live  load 90/s" in screen.parts["farm"].text
        s.app.shared.farm_shows(Change(1, load=LoadRow(100.0, 1, online=False, buying=False)))
        await s.settle()
        assert "its exchange is gone" in screen.parts["farm"].text
        assert "BUYING STOPPED" in screen.parts["farm"].text
        s.app.shared.farm_lost("it closed the connection")
        await s.settle()
        assert "STALE: the Manager is gone" in screen.parts["farm"].text
        assert "burst" in screen.parts["rules"].text

    play(LARGE, scene)


def test_a_mistake_that_only_the_manager_knows_stands_beside_its_field() -> None:
    async def scene(s: Stand) -> None:
        await s.press("f8")
        _, asked = at_work(s)
        asked.mistake = "m.toml: rule[2].zones: missing; where to buy"
        await s.press("n")
        form = s.app.screen
        assert isinstance(form, SheetScreen)
        assert form.query_one("#field-vm", Input).value == "web"
        await s.press(*"peak", "down", *"util > 70", "enter")
        # What to do is missing, which the terminal knows.
        assert [type(each) for each in asked.requests] == [RuleRead]
        assert "missing" in str(form.query_one("#of-do").render())
        for key, text in (("do", "buy 1"), ("price_max", "0.1")):
            form.query_one(f"#field-{key}", Input).value = text
        await s.press("enter")
        await asyncio.wait_for(refused(s, form), 10)
        [rule] = [one.rule for one in asked.requests if isinstance(one, RuleSet)]
        assert (rule.name, rule.when, rule.price_max) == ("peak", "util > 70", 0.1)
        assert s.app.screen is form
        await s.press("escape")
        assert not isinstance(s.app.screen, SheetScreen)

    play(SMALL, scene)


async def refused(s: Stand, form: SheetScreen) -> None:
    while "missing; where to buy" not in str(form.query_one("#of-zones").render()):
        await s.pilot.pause()


def test_what_costs_or_ends_something_is_asked_first() -> None:
    async def scene(s: Stand) -> None:
        await s.press("f8")
        _, asked = at_work(s)
        await s.press("X")
        sure = s.app.screen
        assert isinstance(sure, SureScreen)
        assert sure.question == "Release the one unit?"
        assert "1 unit is drained and its VM ends; that costs 0.0310 credits an hour" in sure.more
        await s.press("escape")
        await s.press("D")
        sure = s.app.screen
        assert isinstance(sure, SureScreen) and "2 units are drained" in sure.more
        await s.press("escape", "s", "enter", "p")
        kinds = [type(one) for one in asked.requests if not isinstance(one, LoadPast)]
        assert kinds == [BuyingStop, RulePause]

    play(LARGE, scene)


def test_the_mouse_picks_a_rule_and_opens_it() -> None:
    async def scene(s: Stand) -> None:
        await s.press("f8")
        screen, _ = at_work(s)
        await s.press("tab", "tab")
        await s.pilot.click("#list-rules", offset=(5, 3))
        await s.settle()
        assert screen.rule == "calm"
        assert "RULE calm" in screen.parts["picked"].text
        await s.press("i")
        assert "last 30 min" in screen.parts["axis"].text

    play(LARGE, scene)


def test_a_terminal_that_only_watches_changes_nothing() -> None:
    async def main() -> None:
        async with stand(LARGE, who="") as s:
            await s.press("f8")
            screen, asked = at_work(s)
            offered = {action.name for action in screen.offered}
            acts = {action.name for action in AUTOMATION if action.deals}
            assert len(acts) == 8 and not acts & offered
            assert {"automation_test", "automation_span"} <= offered
            await s.press("p", "s", "enter", "X", "enter")
            assert not any(isinstance(one, BuyingStop | RulePause) for one in asked.requests)

    asyncio.run(main())
