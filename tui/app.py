"""The Textual application: one link, one desk, one market screen."""

import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from exchange.cli.common import EXIT_INTERRUPTED
from tui.commands import shown_actions
from tui.keymap import keys_text
from tui.link import Link
from tui.palettes import DEFAULT_THEME, PALETTES, Depth
from tui.screens.leave import LeaveScreen
from tui.screens.market import MarketScreen
from tui.session import Session
from tui.themes import paint_of, textual_theme
from tui.view.desk import Desk
from tui.view.guard import FAT_FINGER_PCT
from tui.view.layout import Pane
from tui.view.model import Model


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
    ) -> None:
        super().__init__(ansi_color=True if depth == "none" else None)
        self.depth: Depth = depth
        for name in PALETTES:
            self.register_theme(textual_theme(name, depth))
        self.theme = theme
        session_name = session_name or secrets.token_hex(4)
        self.desk = Desk(Model(), session_name, read_only, fat_finger_pct)
        self.session = Session(link, self.desk, self._changed, now_ms, symbol)
        self.link = link

    def on_mount(self) -> None:
        screen = MarketScreen(self.desk, self.session, paint_of(self.theme, self.depth))
        self.push_screen(screen)
        self.run_worker(self._listen())

    async def _listen(self) -> None:
        await self.session.run()

    @property
    def market(self) -> MarketScreen | None:
        """The market screen, None before it is up."""
        found = [screen for screen in self.screen_stack if isinstance(screen, MarketScreen)]
        return found[0] if found else None

    def redraw(self) -> None:
        """Bring every pane up to date now, without waiting for the frame clock."""
        if self.market is not None:
            self.market.redraw()
            self.market.draw()

    def _changed(self, panes: Iterable[Pane]) -> None:
        market = self.market
        if market is not None:
            market.changed(panes)

    def action_toggle_theme(self) -> None:
        """Switch to the next theme: dark, light, cb-safe."""
        names = list(PALETTES)
        self.theme = names[(names.index(self.theme) + 1) % len(names)]
        if self.market is not None:
            self.market.repaint(paint_of(self.theme, self.depth))

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
        if not self.desk.dealing.armed or isinstance(self.screen, LeaveScreen):
            self.exit(return_code=code)
            return
        self.push_screen(LeaveScreen(), lambda yes: self.exit(return_code=code) if yes else None)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Put every action of the market screen into the command palette."""
        market = self.market
        if market is None:
            return
        for name, info in shown_actions(self.desk.read_only).items():
            title = f"{info.title}  ({keys_text(name)})"
            yield SystemCommand(title, info.help, _deferred(market, name))


def _deferred(market: MarketScreen, name: str) -> Callable[[], None]:
    # The palette calls back while it is still on top; act once the market is on top again.
    def act() -> None:
        market.call_later(market.action_act, name)

    return act
