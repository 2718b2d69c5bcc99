"""The market screen: keys in, panes out. What a key means is in `tui.view.desk`."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from textual import events
from textual.widget import Widget

from tui.actions import CANCEL_MINE, MARKET
from tui.frame import FRAME_MS, MOVING_MS
from tui.screens.backing import pick_hosts
from tui.screens.base import Deed, TabScreen
from tui.screens.find import FindScreen
from tui.screens.order_menu import OrderMenu
from tui.screens.toasting import TOAST_CELLS
from tui.session import ALL_PANES
from tui.shared import Shared
from tui.view import choices, pointing, ticket_hints
from tui.view.dealing import Order
from tui.view.desk import PAGE
from tui.view.hours import any_hours, at_cell, hours
from tui.view.layout import Box, Pane, arrange, is_wide
from tui.view.log import Entry
from tui.view.panes import Scene, lines
from tui.view.prompts import Field
from tui.widgets.desk_view import DeskView
from tui.widgets.pane import PaneView

PULSED: Final[tuple[Pane, ...]] = ("head", "ticket", "leases", "money", "chart")
CALM: Final[tuple[Pane, ...]] = ("head", "depth", "instruments", "chart", "windows")
"""Panes nobody trades from. Textual composes the rectangle around all that changed in a frame, so
drawing these with every frame of the ladder would cost the whole screen ten times a second."""
MINE: Final[tuple[Pane, ...]] = ("orders", "leases", "money")
"""Panes that change with the account only: what happens to it is not kept waiting by the market."""

PROMPT_ENDS: Final = ("enter", "escape")
"""The only keys that mean something beside the prompt while a number is typed."""
OPENED_BY: Final[dict[Field, str]] = {
    "quantity": "quantity",
    "total": "quantity",
    "price": "price",
    "minimum": "minimum",
    "minutes": "until",
}
"""Which action begins to type a number."""
RIGHT_BUTTON: Final = 3
WHEEL_ROWS: Final = 3
PROMPT_ACTIONS: Final = ("confirm", "back", "quit")


def pace_of(panes: tuple[Pane, ...]) -> int:
    """Return how many milliseconds lie between two frames for the sake of ``panes``."""
    return FRAME_MS if any(pane in panes for pane in MINE) else MOVING_MS


class MarketScreen(TabScreen):
    """Draws the desk and carries out its actions."""

    CSS_PATH = "market.tcss"
    ACTIONS = (*MARKET, CANCEL_MINE)

    def __init__(self, shared: Shared, name: str) -> None:
        super().__init__(shared, name)
        self.desk = shared.desk
        self.session = shared.session
        self.views: dict[Pane, PaneView] = {
            pane: PaneView(pane, shared.paint) for pane in (*ALL_PANES, "small")
        }
        self._dirty: dict[Pane, None] = dict.fromkeys(self.views)
        self._calm_dirty: dict[Pane, None] = {}
        self._marked: set[tuple[Pane, ...]] = set()
        """What `changed` was told since the last frame and the last pulse."""
        self._shown: list[Pane] = []
        self._windows = False
        """Whether there are hours to show."""
        self._sending: dict[asyncio.Task[None], None] = {}

    # --- drawing ---

    def body(self) -> Iterable[Widget]:
        yield DeskView(*self.views.values())

    def now_ms(self) -> int:
        return self.session.now_ms()

    def notice(self) -> str:
        """The ticket shows it."""
        return ""

    def shows_toast(self, entry: Entry) -> bool:
        """The ticket says what happened to the account; the rest is a toast."""
        return entry.kind in ("manager", "done") and not entry.quiet

    def toast_rows(self) -> int:
        """An armed order is never covered: toasts stand above a ticket at the right edge."""
        box = self._boxes().get("ticket")
        width, height = self.room()
        if box is None or box.x + box.width < width - TOAST_CELLS:
            return super().toast_rows()
        return super().toast_rows() + height - box.y

    def changed(self, panes: Iterable[Pane]) -> None:
        """Mark panes as out of date: drawn with the next frame, calm ones with the next pulse."""
        panes = tuple(panes)
        if panes in self._marked:
            return  # a thousand times a second: what was marked so stays marked until it is drawn
        self._marked.add(panes)
        for pane in panes:
            (self._calm_dirty if pane in CALM else self._dirty)[pane] = None
        if self._dirty:
            self.frame_clock.changed(pace_of(panes))

    def pulse(self) -> None:
        """Let the calm panes and what depends on the time catch up."""
        self._dirty |= self._calm_dirty | dict.fromkeys(PULSED)
        self._calm_dirty.clear()
        self._marked.clear()
        super().pulse()

    def redraw(self) -> None:
        """Bring everything up to date with the next frame: a person pressed a key."""
        self._dirty |= dict.fromkeys(self.views)
        super().redraw()

    def draw(self) -> None:
        """Make the lines of every pane that is shown and out of date."""
        boxes, scene = self._boxes(), self._scene()
        if list(boxes) != self._shown:
            self._shown = list(boxes)
            for pane, view in self.views.items():
                view.display = pane in boxes
            self._dirty |= dict.fromkeys(boxes)  # what was out of sight was not kept up to date
        # What is out of sight is forgotten, or it would ask for a frame with everything that comes.
        dirty, self._dirty = self._dirty, {}
        self._marked.clear()
        for pane, box in boxes.items():
            if pane in dirty:
                self.views[pane].show(lines(pane, scene, box.width, box.height))

    def _boxes(self) -> dict[Pane, Box]:
        if "windows" in self._dirty:
            self._windows = any_hours(self.desk.model, self.desk.symbol)
        return arrange(*self.room(), self.desk.side, self._windows)

    def _scene(self) -> Scene:
        now_ms = self.now_ms()
        who = self.session.who or "no key: watching only"
        return Scene(self.desk, who, now_ms, now_ms + self.desk.model.clock_offset_ms)

    # --- keys ---

    def typed(self, event: events.Key) -> bool:
        """While a number is typed every key belongs to it."""
        dealing = self.desk.dealing
        if dealing.typing is None or event.key in PROMPT_ENDS:
            return False
        if not dealing.typing.text and self._meaning_of(event) == OPENED_BY[dealing.typing.field]:
            return True  # the prompt's own key, pressed again: it is open already
        printable = event.character if event.is_printable else ""
        dealing.typed("backspace" if event.key == "backspace" else printable or "")
        return True

    def _meaning_of(self, event: events.Key) -> str | None:
        return self.shared.keyboard.meaning(self.tab, event.aliases)

    def on_paste(self, event: events.Paste) -> None:
        """A paste is text of the number being typed, all of it; it never presses a key."""
        event.stop()
        self.desk.dealing.typed(event.text.strip())
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """A click puts the focus and the cursor; on the ladder it may arm, on an order offer."""
        view = event.widget
        if not isinstance(view, PaneView):
            return
        if view.pane == "ticket" and event.button == 1 and event.chain == 1:
            self._hinted(view.text.split("\n")[event.y], event.x)
        on_row = pointing.put_cursor(self.desk, view.pane, event.y, view.size.height)
        if self.desk.dealing.typing is None and view.pane == "chart":
            self._interval()
        if self.desk.dealing.typing is None and view.pane == "windows":
            self._to_window(event.x, view.size.width)
        if view.pane in NUMBERED:
            self.desk.pane(NUMBERED[view.pane])
        if on_row and self.desk.dealing.typing is None:
            self._clicked(view, event)
        self.redraw()

    def _hinted(self, row: str, x: int) -> None:
        """Do what the ticket's words at ``x`` say a key does."""
        name = ticket_hints.action_at(row, x)
        if name is not None:
            self.run_deed(lambda: self.action_act(name))

    def _clicked(self, view: PaneView, event: events.Click) -> None:
        desk, now_ms = self.desk, self.now_ms()
        if event.button == RIGHT_BUTTON and view.pane in ("ladder", "orders"):
            self._offer()
        elif event.button == 1 and view.pane == "ladder":
            side = pointing.side_at(desk, event.x, view.size.width)
            if event.shift and event.chain == 1:
                pointing.arm_taking(desk, side, now_ms)
            elif event.chain == 2 and not event.shift:
                pointing.arm_limit(desk, side, now_ms)
        elif event.button == 1 and event.chain == 2 and view.pane == "instruments":
            self._confirm()

    def _offer(self) -> None:
        """Offer to replace or to cancel our orders here."""
        offers = pointing.offers(self.desk)
        if not offers or self.desk.read_only:
            self.desk.say("No order of yours here.", "text")
            return

        def picked(offer: pointing.Offer | None) -> None:
            if offer is not None:
                self._send(pointing.accept(self.desk, offer))
                self.redraw()

        self.app.push_screen(OrderMenu(offers), picked)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, by: int) -> None:
        """Scroll the ladder's prices, or move the cursor of a list."""
        view = event.widget
        if not isinstance(view, PaneView):
            return
        event.stop()
        if view.pane == "ladder":
            self.desk.scroll(by * WHEEL_ROWS)
        elif view.pane in ("orders", "leases", "instruments"):
            self.desk.pane(NUMBERED[view.pane])
            self.desk.move(by)
        self.redraw()

    def may_act(self, name: str) -> bool:
        """While a number is typed, only what ends it: footer and palette lead past `typed`."""
        return self.desk.dealing.typing is None or name in PROMPT_ACTIONS

    def deeds(self) -> dict[str, Deed]:
        desk = self.desk
        return {
            "buy": lambda: desk.deal("buy"),
            "sell": lambda: desk.deal("sell"),
            "confirm": self._confirm,
            "back": desk.dealing.back,
            "cancel": self._cancel,
            "replace": desk.replace,
            "cancel_all": desk.cancel_all,
            "cancel_mine": desk.cancel_all,
            "release": desk.release,
            "more": lambda: desk.change_qty(1),
            "less": lambda: desk.change_qty(-1),
            "quantity": lambda: desk.type("quantity"),
            "price": lambda: desk.type("price"),
            "order_type": lambda: desk.choose(choices.other_type),
            "force": lambda: desk.choose(choices.next_force),
            "until": lambda: desk.choose(choices.until),
            "post_only": lambda: desk.choose(choices.post_only),
            "minimum": lambda: desk.choose(choices.minimum),
            "hosts": self._pick_hosts,
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
            "interval": self._interval,
        }

    def _interval(self) -> None:
        self.desk.next_interval()
        self.run_worker(self.session.chart())

    def _to_window(self, x: int, width: int) -> None:
        model, symbol = self.desk.model, self.desk.symbol
        self._found(at_cell(hours(model, symbol), x, width, model.places(symbol)))

    async def _pick_hosts(self) -> None:
        desk = self.desk
        why = choices.no_hosts(desk.dealing.ticket)
        if why:
            desk.say(why, "text")
            return
        desk.dealing.hold_fire()
        await pick_hosts(self, desk.dealing.symbol, desk.dealing.ticket.hosts, self._picked)

    def _picked(self, hosts: tuple[str, ...]) -> None:
        self.desk.choose(lambda ticket: choices.hosts(ticket, hosts))

    def _pane(self, number: int) -> Callable[[], None]:
        return lambda: self.desk.pane(number)

    def _wide(self) -> bool:
        return is_wide(*self.room())

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


NUMBERED: Final[dict[Pane, int]] = {
    "ladder": 1,
    "tape": 2,
    "depth": 3,
    "orders": 4,
    "leases": 5,
    "instruments": 6,
}
