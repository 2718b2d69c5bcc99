"""The market screen: keys in, panes out. What a key means is in `tui.view.desk`."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from tui.commands import ACTIONS, DEALS
from tui.frame import FrameClock
from tui.keymap import KEYMAP, key_name
from tui.screens.find import FindScreen
from tui.screens.help import HelpScreen
from tui.session import ALL_PANES, Session
from tui.themes import Paint
from tui.view.dealing import Order
from tui.view.desk import PAGE, Desk
from tui.view.layout import Box, Pane, arrange, is_wide
from tui.view.panes import HEADING_ROWS, Scene, lines
from tui.widgets.desk_view import DeskView
from tui.widgets.pane import PaneView

PULSE_S: Final = 0.25
"""How often calm panes follow the news, and ages and accruals are looked at without any."""
PULSED: Final[tuple[Pane, ...]] = ("head", "ticket", "leases", "money")
CALM: Final[tuple[Pane, ...]] = ("head", "depth", "instruments")
"""Panes nobody trades from. Textual composes the rectangle around all that changed in a frame, so
drawing these with every frame of the ladder would cost the whole screen twenty times a second."""

FOOTER_CELLS: Final = 80
"""What all the keys of the footer take."""
PROMPT_ENDS: Final = ("enter", "escape")
"""The only keys that mean something beside the prompt while a number is typed."""
KEY_ACTIONS: Final = {key: name for name, keys in KEYMAP.items() for key in keys}
PROMPT_ACTIONS: Final = ("confirm", "back", "quit")


def bindings() -> list[BindingType]:
    """Return Textual's bindings, made from the table of actions and the keymap."""
    return [
        Binding(
            key,
            f"act('{name}')",
            info.label or info.title,
            show=bool(info.label) and key == KEYMAP[name][0],
            key_display=key_name(key),
        )
        for name, info in ACTIONS.items()
        for key in KEYMAP[name]
    ]


class MarketScreen(Screen[None], inherit_bindings=False):
    """Draws the desk and carries out its actions."""

    CSS_PATH = "market.tcss"
    BINDINGS = bindings()
    AUTO_FOCUS = ""
    BLANK = True

    def __init__(self, desk: Desk, session: Session, paint: Paint) -> None:
        super().__init__()
        self.desk = desk
        self.session = session
        self.views: dict[Pane, PaneView] = {
            pane: PaneView(pane, paint) for pane in (*ALL_PANES, "small")
        }
        self.frame_clock = FrameClock(self.draw, self.now_ms, self._after)
        self._dirty: dict[Pane, None] = dict.fromkeys(self.views)
        self._calm_dirty: dict[Pane, None] = {}
        self._shown: list[Pane] = []
        self._sending: dict[asyncio.Task[None], None] = {}

    # --- drawing ---

    def compose(self) -> ComposeResult:
        yield DeskView(*self.views.values())
        yield Footer()

    def on_mount(self) -> None:
        self.set_interval(PULSE_S, self.pulse)

    def on_resize(self) -> None:
        footer = self.query_one(Footer)
        # The palette's key is docked and would cover what does not fit: help and quit.
        if footer.compact != (self.size.width < FOOTER_CELLS):
            footer.compact = not footer.compact
            footer.show_command_palette = not footer.compact
            self.refresh_bindings()  # only then the footer is made anew
        self.redraw()

    def now_ms(self) -> int:
        return self.session.now_ms()

    def _after(self, delay_ms: int, call: Callable[[], None]) -> None:
        self.set_timer(delay_ms / 1000, call)

    def changed(self, panes: Iterable[Pane]) -> None:
        """Mark panes as out of date: drawn with the next frame, calm ones with the next pulse."""
        for pane in panes:
            (self._calm_dirty if pane in CALM else self._dirty)[pane] = None
        if self._dirty:
            self.frame_clock.changed()

    def pulse(self) -> None:
        """Let the calm panes and what depends on the time catch up."""
        self._dirty |= self._calm_dirty | dict.fromkeys(PULSED)
        self._calm_dirty.clear()
        self.frame_clock.changed()

    def redraw(self) -> None:
        """Bring everything up to date with the next frame: a person pressed a key."""
        self._dirty |= dict.fromkeys(self.views)
        self.frame_clock.changed()

    def draw(self) -> None:
        """Make the lines of every pane that is shown and out of date."""
        if not self.is_mounted:
            return
        boxes, scene = self._boxes(), self._scene()
        if list(boxes) != self._shown:
            self._shown = list(boxes)
            for pane, view in self.views.items():
                view.display = pane in boxes
        for pane in [pane for pane in boxes if pane in self._dirty]:
            del self._dirty[pane]
            box = boxes[pane]
            self.views[pane].show(lines(pane, scene, box.width, box.height))

    def _boxes(self) -> dict[Pane, Box]:
        return arrange(self.size.width, self.size.height - 1, self.desk.side)

    def _scene(self) -> Scene:
        now_ms = self.now_ms()
        who = self.session.who or "no key: watching only"
        return Scene(self.desk, who, now_ms, now_ms + self.desk.model.clock_offset_ms)

    def repaint(self, paint: Paint) -> None:
        """Draw everything in other colours."""
        for view in self.views.values():
            view.repaint(paint)

    # --- keys ---

    async def on_key(self, event: events.Key) -> None:
        """Act on keys in the order they were pressed.

        Textual would run bindings later, in the application's own queue: of a quick ``q12`` the
        digits would overtake the ``q``. While a number is typed every key belongs to it: a slip
        must not cancel an order.
        """
        if not self.is_current:
            event.stop()  # pressed before another screen came up, and not meant for the market
            return
        dealing = self.desk.dealing
        if dealing.typing is not None and event.key not in PROMPT_ENDS:
            event.stop()
            printable = event.character if event.is_printable else ""
            dealing.typed("backspace" if event.key == "backspace" else printable or "")
            self.redraw()
            return
        name = next((KEY_ACTIONS[key] for key in event.aliases if key in KEY_ACTIONS), None)
        if name is not None:
            event.stop()
            await self.action_act(name)

    def on_paste(self, event: events.Paste) -> None:
        """A paste is text of the number being typed, all of it; it never presses a key."""
        event.stop()
        self.desk.dealing.typed(event.text.strip())
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """A click puts the focus on a pane, and the ladder's cursor on a price."""
        view = event.widget
        if not isinstance(view, PaneView):
            return
        grid = self.desk.grid()
        row = event.y - HEADING_ROWS
        if view.pane == "ladder" and grid is not None and row >= 0:
            self.desk.cursor_to(grid.top_ucr - row * grid.step_ucr)
        if view.pane in NUMBERED:
            self.desk.pane(NUMBERED[view.pane])
        self.redraw()

    async def action_act(self, name: str) -> None:
        """Carry out the action ``name`` of `tui.commands`, unless a number is being typed."""
        if self.desk.dealing.typing is not None and name not in PROMPT_ACTIONS:
            return  # the footer and the palette lead here past `on_key`
        outcome = self._deeds()[name]()
        if outcome is not None:
            await outcome
        self.redraw()

    def _deeds(self) -> dict[str, Callable[[], Awaitable[None] | None]]:
        desk = self.desk
        return {
            "buy": lambda: desk.deal("buy"),
            "sell": lambda: desk.deal("sell"),
            "confirm": self._confirm,
            "back": desk.dealing.back,
            "cancel": self._cancel,
            "cancel_all": desk.cancel_all,
            "release": desk.release,
            "more": lambda: desk.change_qty(1),
            "less": lambda: desk.change_qty(-1),
            "quantity": lambda: desk.type("quantity"),
            "price": lambda: desk.type("price"),
            "order_type": desk.other_type,
            "force": desk.next_force,
            "up": lambda: desk.move(1),
            "down": lambda: desk.move(-1),
            "page_up": lambda: desk.move(PAGE),
            "page_down": lambda: desk.move(-PAGE),
            "centre": desk.centre,
            "next_pane": lambda: desk.next_pane(1, self._wide()),
            "previous_pane": lambda: desk.next_pane(-1, self._wide()),
            **{f"pane_{number}": self._pane(number) for number in NUMBERED.values()},
            "find": self._find,
            "coarser": lambda: desk.zoom(1),
            "finer": lambda: desk.zoom(-1),
            "theme": self._switch_theme,
            "help": self._open_help,
            "palette": self.app.action_command_palette,
            "quit": self._quit,
        }

    def _pane(self, number: int) -> Callable[[], None]:
        return lambda: self.desk.pane(number)

    def _wide(self) -> bool:
        return is_wide(self.size.width, self.size.height - 1)

    def _confirm(self) -> None:
        before = self.desk.symbol
        self._send(self.desk.confirm(self.now_ms()))
        if self.desk.symbol != before:
            self.run_worker(self.session.show(self.desk.symbol))

    def _cancel(self) -> None:
        self._send(self.desk.cancel_here())

    def _send(self, orders: list[Order]) -> None:
        # The answer may take as long as the network; keys must keep working meanwhile.
        task = asyncio.create_task(self.session.send(orders))
        self._sending[task] = None
        task.add_done_callback(lambda done: self._sending.pop(done, None))

    def _find(self) -> None:
        self.app.push_screen(FindScreen(self.desk.model), self._found)

    def _found(self, symbol: str | None) -> None:
        if symbol:
            self.run_worker(self.session.show(symbol))

    async def _switch_theme(self) -> None:
        await self.app.run_action("app.toggle_theme")

    def _open_help(self) -> None:
        self.app.push_screen(HelpScreen(self.desk.read_only))

    async def _quit(self) -> None:
        await self.app.action_quit()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out of the footer what a terminal that only watches cannot do."""
        return not (self.desk.read_only and action == "act" and parameters[0] in DEALS)


NUMBERED: Final[dict[Pane, int]] = {
    "ladder": 1,
    "tape": 2,
    "depth": 3,
    "orders": 4,
    "leases": 5,
    "instruments": 6,
}
