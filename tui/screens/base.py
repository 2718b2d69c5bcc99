"""What every tab has: the row of tabs, the keys, what it lacks, toasts, the frame clock."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar, Final, TypeAlias

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingsMap
from textual.widget import Widget
from textual.widgets import Footer

from exchange.wire.requests import OrderMassCancel
from tui.actions import PREFIX, Action
from tui.frame import FrameClock
from tui.keymap import key_name
from tui.remembered import KeptList
from tui.screens.help import HelpScreen
from tui.screens.settings import SettingsScreen
from tui.screens.sure import SureScreen
from tui.screens.toasting import TOAST_S, ToastingScreen
from tui.screens.typing import TypingScreen
from tui.shared import Shared
from tui.themes import Paint
from tui.view.layout import Pane
from tui.view.log import Entry
from tui.view.needs import Needs
from tui.view.order_acts import cancel_all_text
from tui.widgets.frame_rows import LackView, NoticeBar, TabBar
from tui.widgets.pane import LinesView
from tui.widgets.tips import TipsView

Deed: TypeAlias = Callable[[], Awaitable[None] | None]

PULSE_S: Final = 0.25
"""How often a screen follows the news, and looks at ages and accruals without any."""
FOOTER_CELLS: Final = 80
"""What the keys in the footer take at least."""
PALETTE_CELLS: Final = 12
"""What the palette's key in the footer takes."""
QUIT_CELLS: Final = 9
"""What the application's own key takes, on a screen that does not offer it itself."""
TABS_FROM: Final = 18
"""Rows from which on the tabs are shown; below, their keys work all the same."""
TIPS_FROM: Final = 24
"""Rows from which on the demo's card is shown."""


def bindings(actions: Iterable[Action]) -> BindingsMap:
    """Return Textual's bindings, from which it makes the footer."""
    return BindingsMap(
        Binding(
            key,
            f"act('{action.name}')",
            action.label or action.title,
            show=bool(action.label) and key == action.keys[0],
            key_display=key_name(key),
        )
        for action in actions
        for key in action.keys
    )


def footer_cells(actions: Iterable[Action]) -> int:
    """Return how many cells the footer's keys take, each with a blank on its sides."""
    shown = [action for action in actions if action.label]
    keys = sum(len(key_name(each.keys[0])) + len(each.label) + 3 for each in shown)
    own_quit = any(each.name == "quit" for each in shown)
    return max(FOOTER_CELLS, keys + PALETTE_CELLS + (0 if own_quit else QUIT_CELLS))


class TabScreen(ToastingScreen, inherit_bindings=False):
    """Below it: `body`, `draw`, `deeds`, and in the class ``ACTIONS`` and ``NEEDS``."""

    ACTIONS: ClassVar[tuple[Action, ...]] = ()
    """What only this screen can do."""
    NEEDS: ClassVar[Needs] = ""
    AUTO_FOCUS = ""
    BLANK = True

    def __init__(self, shared: Shared, name: str) -> None:
        super().__init__(shared, name)
        self.tab = name
        actions = shared.keyboard.actions(name)
        actions = tuple(each for each in actions if shared.tips or each.name != "tips")
        self.offered = tuple(each for each in actions if not (shared.read_only and each.deals))
        """What footer, help and palette offer."""
        self._bindings = bindings(self.offered)
        self.frame_clock = FrameClock(self.frame, shared.now_ms, self._after)
        self._stale = True
        self._around = True
        self._going = False
        self._rows = (TabBar(shared.paint, name), NoticeBar(shared.paint), LackView(shared.paint))
        self._tips = TipsView(shared.paint)
        self._footer = Footer()

    @classmethod
    def all_actions(cls) -> tuple[Action, ...]:
        """Return everything that can be done here, the tabs apart."""
        return cls.ACTIONS

    # --- for the screens below ---

    def body(self) -> Iterable[Widget]:
        """Return the widgets between the tabs and the footer."""
        return ()

    def draw(self) -> None:
        """Bring the body up to date; called at most 20 times a second."""

    def alive(self) -> bool:
        """Tell whether to draw now though nothing came: it shows ages."""
        return True

    def deeds(self) -> dict[str, Deed]:
        """Return what each action of ``ACTIONS`` does."""
        return {}

    def notice(self) -> str:
        """Return what is wrong with the account and not over, "" when all is well."""
        return self.shared.notice

    def kept_lists(self) -> dict[str, KeptList]:
        """Return what was chosen for its lists, for the next start."""
        return {}

    def seen(self) -> None:
        """The tab has come on top; what it reads by a request may be read anew."""

    def typed(self, event: events.Key) -> bool:
        """Take a key as text; tells whether it was one."""
        return False

    def may_act(self, name: str) -> bool:
        """Tell whether an action may be carried out now."""
        return True

    def shows_toast(self, entry: Entry) -> bool:
        """Tell whether ``entry`` of the Log is a toast here."""
        return not entry.quiet

    def ask(self, question: str, then: Deed, more: str = "") -> None:
        """Carry out ``then`` after a yes to ``question``; ``more`` says what it costs."""

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_deed(then)

        self.app.push_screen(SureScreen(question, more), answered)

    async def jump(self, tab: str, key: str) -> None:
        """Go to another tab, to the row with ``key``."""
        self.shared.wanted[tab] = key
        await self.app.run_action(f"app.go('{tab}')")

    def run_deed(self, deed: Deed) -> None:
        """Carry out ``deed`` beside what goes on: keys keep working while an answer is awaited."""

        async def act() -> None:
            outcome = deed()
            if outcome is not None:
                await outcome
            self.redraw()

        self.run_worker(act())

    # --- drawing ---

    def compose(self) -> ComposeResult:
        tabs, notice, lacking = self._rows
        yield tabs
        yield notice
        yield lacking
        yield from self.body()
        yield self._tips
        yield self._footer

    def on_mount(self) -> None:
        self.set_interval(PULSE_S, self.pulse)

    def on_screen_resume(self) -> None:
        if self.is_mounted:  # else the first size comes, and with it the first frame
            self.redraw()
        self.seen()

    def on_resize(self) -> None:
        footer = self._footer
        # The palette's key is docked and would cover what does not fit: help and quit.
        if footer.compact != (self.size.width < footer_cells(self.offered)):
            footer.compact = not footer.compact
            footer.show_command_palette = not footer.compact
            self.refresh_bindings()  # only then the footer is made anew
        self.redraw()

    def _after(self, delay_ms: int, call: Callable[[], None]) -> Callable[[], None]:
        # Not `set_timer`: Textual drops one that is late when it begins, and with it all that the
        # clock would draw from then on. It also costs a task a frame.
        loop = asyncio.get_running_loop()
        return loop.call_later(delay_ms / 1000, self.call_next, call).cancel

    @property
    def on_top(self) -> bool:
        """Whether this is the tab that is seen, if only below a question."""
        return self in self.app.screen_stack

    def changed(self, panes: Iterable[Pane]) -> None:
        """The exchange sent something: it is drawn with the next pulse."""
        self._stale = True

    def farm_changed(self) -> None:
        """The Manager sent something: it is drawn with the next pulse."""
        self._stale = True

    def pulse(self) -> None:
        """Follow the news, and whatever depends on the time."""
        if self.on_top:
            self._around = True
            self.frame_clock.changed()

    def redraw(self) -> None:
        """Bring everything up to date with the next frame: a person pressed a key."""
        self._stale = self._around = True
        self.frame_clock.changed()

    def frame(self) -> None:
        """Draw the rows around the body, and the body."""
        if not (self.is_mounted and self.on_top and self.app.is_running):
            return
        lacking = self.shared.lack(self.NEEDS)
        if self._around:
            self._draw_around(lacking)
        alive = self.alive()
        if not lacking and (self._stale or alive):
            self._stale = False
            self.draw()

    def _draw_around(self, lacking: list[str]) -> None:
        self._around = False
        self._toast()
        notice = self.notice()
        self.set_class(self.size.height < TABS_FROM, "low")
        self.set_class(bool(notice), "noticed")
        self.set_class(bool(lacking), "lacking")
        tabs, row, view = self._rows
        tabs.draw(self.shared.tabs, self.size.width, self._going)
        row.draw(notice, self.size.width)
        self.set_class(self._tipped, "tipped")
        if self._tipped:
            self._tips.draw(self.shared.tips, self.size.width)
        self.place_toasts()
        if lacking:
            view.draw(lacking, *self.room())

    @property
    def _tipped(self) -> bool:
        """Whether the demo's card is shown: a low screen has no room for it."""
        return self.shared.tips_shown and self.size.height >= TIPS_FROM

    def room(self) -> tuple[int, int]:
        """Return the cells between the tabs and the footer."""
        low = self.size.height < TABS_FROM
        tips = len(self.shared.tips) + 1 if self._tipped else 0
        rows = 1 + (not low) + bool(self.notice()) + tips
        return self.size.width, max(0, self.size.height - rows)

    def repaint(self, paint: Paint) -> None:
        """Draw everything in other colours."""
        for view in self.query(LinesView):
            view.repaint(paint)

    def _toast(self) -> None:
        new = self.shared.log.since(self.shared.toasted)
        self.shared.toasted = self.shared.log.number
        for entry in [one for one in new if self.shows_toast(one)]:
            self.add_toast(entry.text, entry.ink == "warn")
        self.show_toasts()

    def toast_rows(self) -> int:
        return 1 + (len(self.shared.tips) + 1 if self._tipped else 0)

    # --- keys ---

    async def on_key(self, event: events.Key) -> None:
        """Act on keys in the order they were pressed.

        Textual would run bindings later, in the application's own queue: of a quick ``q12`` the
        digits would overtake the ``q``. While text is typed every key belongs to it: a slip must
        not cancel an order.
        """
        if self.app.screen is not self:  # `is_current` holds below a form, too
            event.stop()  # pressed before another screen came up, and not meant for this one
            if isinstance(self.app.screen, TypingScreen):
                self.app.screen.post_message(events.Key(event.key, event.character))
            return
        if self.typed(event):
            event.stop()
            self.redraw()
            return
        name = self._meaning(event)
        if name is not None:
            event.stop()
            await self.action_act(name)

    def _meaning(self, event: events.Key) -> str | None:
        """Return the action of a key; after ``g`` a letter is a tab's, anything else is nothing."""
        if self._going:
            self._going = False
            self.redraw()
            event.stop()
            letters = {tab.letter: tab.name for tab in self.shared.tabs}
            name = letters.get(event.key)
            return f"go_{name}" if name else None
        if event.key == PREFIX:
            self._going = True
            self.redraw()
            event.stop()
            return None
        return self.shared.keyboard.meaning(self.tab, event.aliases)

    async def action_act(self, name: str) -> None:
        """Carry out an action; the footer, the palette and the mouse lead here too."""
        if not self.may_act(name):
            return
        outcome = self._all_deeds()[name]()
        if outcome is not None:
            await outcome
        self.redraw()

    def _all_deeds(self) -> dict[str, Deed]:
        return {
            **{f"go_{tab.name}": self._go(tab.name) for tab in self.shared.all_tabs},
            "cancel_mine": self._cancel_mine,
            "theme": self._switch_theme,
            "settings": self._open_settings,
            "help": self._open_help,
            "tips": self._turn_tips,
            "palette": self.app.action_command_palette,
            "quit": self._quit,
            **self.deeds(),
        }

    def _go(self, name: str) -> Deed:
        async def go() -> None:
            await self.app.run_action(f"app.go('{name}')")

        return go

    def _turn_tips(self) -> None:
        """Close the demo's card, or show it again."""
        self.shared.tips_shown = bool(self.shared.tips) and not self.shared.tips_shown

    def _cancel_mine(self) -> None:
        orders = self.shared.model.account.orders.values()
        if not orders:
            self.notify("You have no open orders.", timeout=TOAST_S)
            return
        self.ask(cancel_all_text(orders), self._cancel_orders)

    async def _cancel_orders(self) -> None:
        await self.shared.trade(OrderMassCancel(req_id=1), "Canceled all open orders")

    async def _switch_theme(self) -> None:
        await self.app.run_action("app.toggle_theme")

    async def _quit(self) -> None:
        await self.app.action_quit()

    def _open_settings(self) -> None:
        shared = self.shared

        async def use(theme: str | None) -> None:
            if theme is not None:
                await self.app.run_action(f"app.use_theme('{theme}')")

        self.app.push_screen(
            SettingsScreen(shared.settings, shared.settings_file, self.app.theme), use
        )

    def _open_help(self) -> None:
        async def picked(name: str | None) -> None:
            if name is not None:
                await self.action_act(name)

        self.app.push_screen(HelpScreen(self.offered), picked)
