"""The own hosts that may back an ask, to be marked; none marked: any of them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import SelectionList, Static
from textual.widgets.selection_list import Selection

from tui.screens.base import TabScreen
from tui.view.backing import PICKED_MAX, Backer, backers, none_text
from tui.view.model import Model

WAITS_MAX: Final = 20
WAIT_S: Final = 0.05
KEYS: Final = "Space marks · ↑ ↓ move"


class MarkList(SelectionList[str]):
    """Space marks at once, not by a message: a quick Enter behind it finds it marked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark"),
        Binding("enter", "screen.take", "Take"),
    ]

    def action_mark(self) -> None:
        if self.highlighted is not None:
            self.toggle(self.get_option_at_index(self.highlighted))


class BackingScreen(ModalScreen[tuple[str, ...] | None]):
    """Answers with the ids that are marked, None when left by Esc."""

    CSS_PATH = "backing.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave it")]

    def __init__(self, symbol: str, hosts: Sequence[Backer], marked: Sequence[str]) -> None:
        super().__init__()
        self._symbol, self._hosts = symbol, hosts
        self._list = MarkList(*(_choice(each, each.host in marked) for each in hosts), compact=True)
        self._says = Static("", markup=False, id="backing-says")

    def compose(self) -> ComposeResult:
        with Vertical(id="backing"):
            yield Static(f"Hosts that back {self._symbol}", markup=False, id="backing-title")
            yield self._list
            yield self._says
            yield Static("↵ take these", markup=False, id="backing-yes", classes="answer")
            no = f"Esc leave it · {KEYS}"
            yield Static(no, markup=False, id="backing-no", classes="answer")

    @property
    def picked(self) -> tuple[str, ...]:
        """The ids that are marked, in the order of the list."""
        marked = self._list.selected
        return tuple(each.host for each in self._hosts if each.host in marked)

    def on_mount(self) -> None:
        self._say()

    def on_selection_list_selected_changed(self) -> None:
        self._say()

    def _say(self) -> None:
        picked = self.picked
        says = f"only {', '.join(picked)}" if picked else "none marked: any of yours"
        too_many = len(picked) > PICKED_MAX
        says = f"{len(picked)} are marked; an order names at most {PICKED_MAX}" * too_many or says
        self._says.update(says)

    def on_click(self, event: events.Click) -> None:
        name = event.widget.id if event.widget else None
        if name == "backing-yes":
            self.action_take()
        elif name == "backing-no":
            self.dismiss(None)

    def action_take(self) -> None:
        if len(self.picked) <= PICKED_MAX:
            self.dismiss(self.picked)

    def action_leave(self) -> None:
        self.dismiss(None)


def _choice(host: Backer, marked: bool) -> Selection[str]:
    return Selection(Content(host.text), host.host, marked)


async def pick_hosts(
    screen: TabScreen, symbol: str, marked: Sequence[str], then: Callable[[tuple[str, ...]], None]
) -> None:
    """Show the list above ``screen``; ``then`` gets what is marked, unless it is left."""
    found = backers(await _fleet(screen), symbol)
    if not found:
        screen.notify(none_text(symbol), severity="warning", markup=False)
        return

    def answered(hosts: tuple[str, ...] | None) -> None:
        if hosts is not None:
            then(hosts)
            screen.redraw()

    screen.app.push_screen(BackingScreen(symbol, found, marked), answered)


async def _fleet(screen: TabScreen) -> Model:
    """Return the model once it has the hosts, which come soon after they are first asked for."""
    model, session = screen.shared.model, screen.shared.session
    for _ in range(WAITS_MAX):
        if model.fleet:
            break
        await session.follow_fleet()
        await asyncio.sleep(WAIT_S)
    return model
