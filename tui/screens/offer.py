"""The offer wizard above the Hosts screen: questions, a preview of the asks, and only then the act.

The preview is the Manager's own plan (``offer.preview``), asked anew every second while it is seen.
"""

from collections.abc import Awaitable
from typing import Any, Final, Literal, TypeAlias

import msgspec
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from manager.control.frames import OfferShown
from manager.control.requests import OfferPreview, OfferSet
from tui.shared import Shared
from tui.view.layout import WIDE
from tui.view.offer import (
    PREVIEW_COLUMNS,
    WrongError,
    fields,
    keys_of,
    preview_rows,
    summary,
    values_of,
    wrong_field,
)
from tui.view.offer_lines import KEYS, asking_lines, key_at, preview_lines, side_by_side
from tui.view.table import ListView
from tui.view.wizard import Steps
from tui.widgets.pane import LinesView

AGAIN_S: Final = 1.0
FORM_CELLS: Final = 62
BAR_CELLS: Final = 3
Stage: TypeAlias = Literal["asking", "preview"]


class OfferView(LinesView):
    """The wizard's lines; the screen knows what a click means."""

    async def on_click(self, event: events.Click) -> None:
        event.stop()
        await self.run_action(f"screen.clicked({event.x}, {event.y})")


class OfferScreen(ModalScreen[None], inherit_bindings=False):
    """Begins with what the file says of the group. Nothing changes before the last Enter."""

    CSS_PATH = "offer.tcss"

    def __init__(self, shared: Shared, group: str) -> None:
        super().__init__()
        self.shared = shared
        self.stage: Stage = "asking"
        self.steps = self._steps(group, {})
        self.list = ListView("ASKS", PREVIEW_COLUMNS, "nothing would be asked for")
        self.shown: OfferShown | None = None
        self.view = OfferView(shared.paint, "offer")
        self._loaded = ""
        self._busy = False

    def _steps(self, group: str, offer: dict[str, Any]) -> Steps:
        names = tuple(row.name for row in self.shared.farm.groups)
        return Steps("OFFER", lambda values: fields(values, names), values_of(group, offer))

    @property
    def group(self) -> str:
        return self.steps.values["group"]

    def compose(self) -> ComposeResult:
        with Vertical(id="offer-box"):
            yield self.view

    def on_mount(self) -> None:
        self.set_interval(AGAIN_S, lambda: self._start(self._again()))
        self._start(self._load())

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    # --- the Manager's word ---

    def _start(self, work: Awaitable[None]) -> None:
        async def act() -> None:
            await work
            self.draw()

        self.run_worker(act())

    async def _load(self) -> None:
        """Take the group's offer from the file into the questions."""
        group = self._loaded = self.group
        shown = await self._look({})
        if shown is not None and group == self.group:
            self.steps.values |= values_of(group, shown.offer)

    async def _again(self) -> None:
        wide = self.view.size.width >= WIDE[0]
        if self._busy or not (wide or self.stage == "preview"):
            return
        try:
            keys = keys_of(self.steps.values)
        except WrongError:
            return
        self._busy = True
        shown = await self._look(keys)
        self._busy = False
        if shown is not None:
            self.shown = shown

    async def _look(self, keys: dict[str, Any]) -> OfferShown | None:
        """Ask for a preview; a refusal goes to the field that it names."""
        answer = await self.shared.look(OfferPreview(req_id=1, group=self.group, offer=keys))
        if not answer.ok:
            self._wrong(wrong_field(answer.why), answer.why)
            return None
        return msgspec.convert(answer.result, OfferShown)

    def _wrong(self, name: str, why: str) -> None:
        self.stage = "asking"
        self.steps.point(name)
        self.steps.wrong = why

    # --- steps ---

    async def _go_on(self) -> None:
        try:
            keys = keys_of(self.steps.values)
        except WrongError as error:
            self._wrong(error.field, str(error))
            return
        if self.stage == "asking":
            shown = await self._look(keys)
            if shown is not None:
                self.shown, self.stage = shown, "preview"
            return
        done = f"Offer of {self.group} set: {summary(self.steps.values)}"
        request = OfferSet(req_id=1, group=self.group, offer=keys)
        answer = await self.shared.manage(request, done, self.group)
        if answer.ok:
            self.dismiss()
        else:
            self._wrong(wrong_field(answer.why), answer.why)

    def _back(self) -> None:
        if self.stage == "preview":
            self.stage = "asking"
        else:
            self.dismiss()

    # --- keys and mouse ---

    def on_key(self, event: events.Key) -> None:
        event.stop()
        if event.key == "enter":
            self._start(self._go_on())
        elif event.key == "escape":
            self._back()
        elif self.stage == "asking":
            self.steps.key(event.key, event.character)
            self._regroup()
        else:
            by = {"up": -1, "down": 1, "pageup": -self.list.page, "pagedown": self.list.page}
            self.list.move(by.get(event.key, 0))
        self.draw()

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        if self.stage == "asking":
            self.steps.type(event.text.strip())
            self.draw()

    def action_clicked(self, x: int, y: int) -> None:
        """A click on the keys' line does what it says; else it goes to a field or a row."""
        if y == self.view.size.height - 1:
            deed = key_at(KEYS[self.stage], x)
            if deed == "on":
                self._start(self._go_on())
            elif deed == "back":
                self._back()
        elif self.stage == "asking":
            self.steps.click(y)
            self._regroup()
        self.draw()

    def on_mouse_scroll_down(self) -> None:
        self._scroll(1)

    def on_mouse_scroll_up(self) -> None:
        self._scroll(-1)

    def _scroll(self, by: int) -> None:
        if self.stage == "preview":
            self.list.move(by)
            self.draw()

    def _regroup(self) -> None:
        if self.group != self._loaded:
            self.shown = None
            self._start(self._load())

    # --- drawing ---

    def draw(self) -> None:
        width, height = self.view.size
        if not width or not height or not self.is_mounted:
            return
        wide = width >= WIDE[0]
        shared, shown = self.shared, self.shown
        rows = preview_rows(shared.model, shown, shared.exchange_ms) if shown else []
        self.list.take(rows)
        told = summary(self.steps.values)
        notes = shown.notes if shown else ["the Manager is asked …"]
        if not wide and self.stage == "asking":
            self.view.show(asking_lines(self.steps, width, height))
            return
        room = width - FORM_CELLS - BAR_CELLS if wide else width
        right = preview_lines(self.list, self.group, told, notes, room, height, self.stage)
        if not wide:
            self.view.show(right)
            return
        self.view.show(side_by_side(self.steps, right, FORM_CELLS, width, self.stage))
