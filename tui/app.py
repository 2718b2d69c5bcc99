"""The Textual application: the links, what the screens share, and which tab is on top."""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from exchange.cli.common import EXIT_INTERRUPTED
from exchange.price_guard import FAT_FINGER_PCT
from tui.actions import Keyboard
from tui.farm_link import FarmGone, FarmLink, NoFarm
from tui.link import Link
from tui.only_text import OnlyText
from tui.palettes import DEFAULT_THEME, PALETTES, Depth
from tui.remembered import Remembered
from tui.screens.base import TabScreen
from tui.screens.market import MarketScreen
from tui.screens.sure import SureScreen
from tui.screens.table import GO, TAB_NAMES, TABS, all_tables
from tui.session import Session
from tui.shared import Shared
from tui.themes import paint_of, textual_theme
from tui.view.desk import Desk
from tui.view.layout import Pane
from tui.view.model import Model
from tui.view.tips import Tip

NOTHING: Final = Remembered()
FIRST: Final = "market"
LEAVING: Final = "leaving"
ARMED: Final = "Something is armed and was not sent."
FATE: Final = "Leaving drops it; orders already in the book stay there."


def wall_ms() -> int:
    """Return the local clock in UTC epoch milliseconds."""
    return time.time_ns() // 1_000_000


class HeadroomApp(App[int]):
    """Runs until the trader leaves; ``return_code`` 130 after Ctrl-C."""

    TITLE = "Headroom"
    ENABLE_COMMAND_PALETTE = True
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", "Quit", show=False, priority=True),
        Binding("ctrl+q", "quit", "Quit", key_display="^q", priority=True),
    ]

    def __init__(
        self,
        link: Link,
        *,
        read_only: bool = False,
        theme: str = DEFAULT_THEME,
        symbol: str = "",
        now_ms: Callable[[], int] = wall_ms,
        session_name: str = "",
        depth: Depth = "truecolor",
        fat_finger_pct: int = FAT_FINGER_PCT,
        farm_link: FarmLink | None = None,
        keyboard: Keyboard | None = None,
        remembered: Remembered = NOTHING,
        scenarios: Path = Path("scenarios"),
        tips: tuple[Tip, ...] = (),
    ) -> None:
        super().__init__(ansi_color=True if depth == "none" else None)
        self.depth: Depth = depth
        self._only_text = OnlyText()
        for name in PALETTES:
            self.register_theme(textual_theme(name, depth))
        self.theme = theme
        session_name = session_name or secrets.token_hex(4)
        self.desk = Desk(Model(), session_name, read_only, fat_finger_pct)
        self.session = Session(link, self.desk, self._changed, now_ms, symbol)
        self.link = link
        self.shared = Shared(
            self.session,
            farm_link or NoFarm(),
            keyboard or Keyboard(all_tables()),
            TAB_NAMES,
            paint_of(theme, depth),
            remembered,
        )
        self.shared.scenarios = scenarios
        self.shared.tips, self.shared.tips_shown = tips, bool(tips)
        self.tabs: dict[str, TabScreen] = {}
        """The screens that were seen already, by name."""

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [self._only_text, *super().get_line_filters()]

    def on_mount(self) -> None:
        left = self.shared.remembered.screen
        self.push_screen(
            self._tab(left if left in [tab.name for tab in self.shared.tabs] else FIRST)
        )
        self.run_worker(self._listen())
        self.run_worker(self._watch_farm())

    async def _listen(self) -> None:
        await self.session.run()

    async def _watch_farm(self) -> None:
        """Follow the Manager, if there is one."""
        shared = self.shared
        async for event in shared.farm_link.events():
            if isinstance(event, FarmGone):
                shared.farm_lost(event.reason)
            else:
                shared.farm_shows(event)
            if self.tab is not None:
                self.tab.farm_changed()

    # --- tabs ---

    def _tab(self, name: str) -> TabScreen:
        """Return a tab's screen; it is made when it is first seen, and stays."""
        if name not in self.tabs:
            kind = next(tab.screen for tab in TABS if tab.name == name)
            self.tabs[name] = kind(self.shared, name)
            self.install_screen(self.tabs[name], name)
        return self.tabs[name]

    @property
    def tab(self) -> TabScreen | None:
        """The tab that is on top, if only below a question; None before there is one."""
        stack = self.screen_stack
        return next((screen for screen in stack if isinstance(screen, TabScreen)), None)

    @property
    def market(self) -> MarketScreen | None:
        """The market screen, None before it is up."""
        market = self.tabs.get("market")
        return market if isinstance(market, MarketScreen) and market.is_mounted else None

    def action_go(self, name: str) -> None:
        """Show another tab; what is armed on the market is not armed any more."""
        tab = self.tab
        if tab is None or self.screen is not tab or tab.tab == name:
            return  # below a question, or there already
        if name not in [tab.name for tab in self.shared.tabs]:
            return
        self.desk.dealing.hold_fire()
        self.switch_screen(self._tab(name))

    def remember(self) -> Remembered:
        """Return where the terminal stands now."""
        lists = dict(self.shared.remembered.lists)
        for tab in self.tabs.values():
            lists |= tab.kept_lists()
        return Remembered(self.tab.tab if self.tab else FIRST, self.desk.symbol, lists)

    def redraw(self) -> None:
        """Bring the tab up to date now, without waiting for the frame clock."""
        if self.tab is not None:
            self.tab.redraw()
            self.tab.frame()

    def _changed(self, panes: Iterable[Pane]) -> None:
        tab = self.tab  # asked for each frame that comes: once, not twice
        if tab is not None:
            tab.changed(panes)

    def action_toggle_theme(self) -> None:
        """Switch to the next theme: dark, light, cb-safe."""
        names = list(PALETTES)
        self.action_use_theme(names[(names.index(self.theme) + 1) % len(names)])

    def action_use_theme(self, name: str) -> None:
        """Show everything in the colours of a theme."""
        self.theme = name
        self.shared.paint = paint_of(self.theme, self.depth)
        for tab in self.tabs.values():
            tab.repaint(self.shared.paint)

    def action_command_palette(self) -> None:
        """Ctrl-P, which Textual puts before the market screen's own keys."""
        if self.desk.dealing.typing is None:
            super().action_command_palette()

    def action_interrupt(self) -> None:
        """Ctrl-C: leave, and say so in the exit code."""
        self.leave(EXIT_INTERRUPTED)

    async def action_quit(self) -> None:
        """Ctrl-Q, the palette and the footer."""
        self.leave(0)

    def leave(self, code: int) -> None:
        """End the application; with something armed, after a question. Asked again, leave."""
        if not self.desk.dealing.armed or self.screen.id == LEAVING:
            self.exit(return_code=code)
            return
        question = SureScreen(ARMED, FATE, "leave", "stay", id=LEAVING)
        self.push_screen(question, lambda yes: self.exit(return_code=code) if yes else None)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Put every action of the tab into the command palette."""
        tab = self.tab
        if tab is None:
            return
        hidden = {go.name for go in GO} - {f"go_{shown.name}" for shown in self.shared.tabs}
        for action in tab.offered:
            if action.name not in hidden:
                title = f"{action.title}  ({action.keys_text})"
                yield SystemCommand(title, action.help, _deferred(tab, action.name))


def _deferred(tab: TabScreen, name: str) -> Callable[[], None]:
    # The palette calls back while it is still on top; act once the tab is on top again.
    def act() -> None:
        tab.call_later(tab.action_act, name)

    return act
