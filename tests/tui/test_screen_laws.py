"""Laws of the terminal's screens, over the tables: every act by key, palette and mouse; how a
screen is made; how long its functions are. (What `tui/view` may import: tests/test_tidy.py.)"""

import ast
import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from tests.tui.test_app import SMALL, stand
from tui.screens.base import TabScreen
from tui.screens.help import ACT, HelpScreen
from tui.screens.table import TABS, Tab

ROOT = Path(__file__).parents[2] / "tui"
SCREENS = ROOT / "screens"
LINES_MAX = 40
TELLS = {"market": ROOT / "app.py"}
"""Files that know one screen beside its own and the table: the terminal begins with the Market."""


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.name)
def test_every_action_is_reached_by_key_by_the_palette_and_by_mouse(tab: Tab) -> None:
    """By mouse: the help is in the footer of every width, and a click on its line does the act."""

    async def scene() -> None:
        async with stand(SMALL) as s:
            s.app.session.role = "operator"
            await s.press(f"f{tab.number}")
            screen = s.app.tab
            assert isinstance(screen, TabScreen) and screen.tab == tab.name
            offered = [action.name for action in screen.offered]
            deeds = screen._all_deeds()
            assert not [name for name in offered if name not in deeds]
            keyboard = s.app.shared.keyboard
            for action in screen.offered:
                for key in action.keys:
                    assert keyboard.meaning(tab.name, [key]) == action.name
            commands = [each.title for each in s.app.get_system_commands(screen)]
            wanted = [f"{action.title}  ({action.keys_text})" for action in screen.offered]
            assert sorted(commands) == sorted(wanted)
            assert clickable(screen, "help")
            await s.pilot.click(clickable(screen, "help")[0])
            await s.pilot.pause()
            assert isinstance(s.app.screen, HelpScreen)
            assert set(clicks(s.app.screen)) == set(offered)
            await click_line(s.pilot, s.app.screen, "Go to Log;")
            await s.settle()
            assert s.app.tab is not None and s.app.tab.tab == "log"

    asyncio.run(scene())


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.name)
def test_a_screen_that_is_being_taken_away_can_be_drawn(tab: Tab) -> None:
    """Its widgets leave before it does; a frame or a new size may come between."""

    async def scene() -> None:
        async with stand(SMALL) as s:
            s.app.session.role = "operator"
            await s.press(f"f{tab.number}")
            screen = s.app.tab
            assert isinstance(screen, TabScreen) and screen.tab == tab.name
            await screen.remove_children()
            assert not list(screen.query(Footer))
            screen.on_resize()
            screen.redraw()
            screen.frame()
            screen.draw()

    asyncio.run(scene())


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda file: file.stem)
def test_no_widget_is_looked_up_that_may_be_gone(file: Path) -> None:
    """`query_one` raises once its widget has left; a screen keeps what it has made."""
    named = (
        node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)
    )
    assert not [node.lineno for node in named if node.attr == "query_one"]


def clickable(screen: TabScreen, name: str) -> list[FooterKey]:
    """Return the keys of an action in the footer that are on screen whole."""
    found = screen.query(FooterKey).results(FooterKey)
    return [each for each in found if f"'{name}'" in each.action and whole(screen, each)]


def whole(screen: TabScreen, key: FooterKey) -> bool:
    return screen.region.contains_region(key.region) and key.region.width > 0


def clicks(shown: HelpScreen) -> Iterator[str]:
    """Yield the actions that lines of the help do when they are clicked."""
    for span in shown.text.spans:
        meta = getattr(span.style, "meta", {})
        if ACT in meta:
            yield meta[ACT]


async def click_line(pilot: Pilot[int], shown: HelpScreen, words: str) -> None:
    """Click the line of the help that begins its sentence with ``words``."""
    rows = shown.text.plain.split("\n")
    at = next(row for row, text in enumerate(rows) if words in text)
    shown.query_one("#help-keys").scroll_to(y=at - 2, animate=False, immediate=True)
    await pilot.pause()
    await pilot.click(shown.query_one("#help-keys Static"), offset=(rows[at].index(words), at))
    await pilot.pause()


@pytest.mark.parametrize("size", [SMALL, (120, 35)])
def test_a_help_longer_than_the_screen_says_how_to_scroll_and_leave(size: tuple[int, int]) -> None:
    async def scene() -> None:
        async with stand(size) as s:
            await s.press("question_mark")
            shown = s.app.screen
            leave, keys = shown.query_one("#help-leave"), shown.query_one("#help-keys")
            assert keys.max_scroll_y > 0
            assert leave.region.height == 1
            assert shown.query_one("#help").content_region.contains_region(leave.region)
            assert not keys.region.overlaps(leave.region)
            await s.pilot.click("#help-leave")
            await s.pilot.pause()
            assert not isinstance(s.app.screen, HelpScreen)

    asyncio.run(scene())


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.name)
def test_a_screen_is_a_file_a_stylesheet_and_a_line(tab: Tab) -> None:
    own = Path(inspect.getfile(tab.screen))
    assert own.parent == SCREENS
    sheets = tab.screen.__dict__.get("CSS_PATH", [])
    assert sheets in ([], f"{own.stem}.tcss")
    kinds = [each for each in TABS if each.screen.__module__ == tab.screen.__module__]
    assert kinds == [tab], "one screen a file"
    name = tab.screen.__name__
    known = {path for path in ROOT.rglob("*.py") if name in path.read_text("utf-8")}
    allowed = {own, SCREENS / "table.py", TELLS.get(tab.name, own)}
    assert known <= allowed, f"{name} is named elsewhere"


def too_long(source: str) -> list[str]:
    """Return the functions of ``source`` that have too many lines."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, functions)]
    return [each.name for each in found if (each.end_lineno or 0) - each.lineno >= LINES_MAX]


def test_no_handler_is_long() -> None:
    handlers = [*ROOT.glob("*.py"), *SCREENS.glob("*.py"), *(ROOT / "widgets").glob("*.py")]
    assert len(handlers) > len(TABS)
    found = {path.name: too_long(path.read_text("utf-8")) for path in handlers}
    assert not {name: functions for name, functions in found.items() if functions}
    planted = "class A:\n    async def on_key(self):\n" + "        x()\n" * LINES_MAX
    assert too_long(planted) == ["on_key"]
    assert too_long(planted.replace("        x()\n", "", 1)) == []
