"""A screen made of lists: most screens are this, with columns and rows of their own.

On a small terminal one list is shown at a time, and Tab goes to the next; on a roomy one they stand
above each other.
"""

import json
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

import msgspec
from textual import events
from textual.containers import Vertical
from textual.widget import Widget

from exchange.units import MS_PER_SECOND
from tui.actions import EVERYWHERE, LIST, Action
from tui.remembered import KeptList
from tui.screens.base import Deed, TabScreen
from tui.shared import Shared
from tui.view.layout import is_roomy, shares
from tui.view.table import HEADING_ROWS, ListView, Row
from tui.widgets.list_pane import ListPane

FAR: Final = 1_000_000


class ListScreen(TabScreen):
    """Below it: ``LISTS`` makes the lists, `rows` fills each, `opened` is Enter on a row."""

    LISTS: ClassVar[tuple[str, ...]] = ()
    """A name for each list."""

    def __init__(self, shared: Shared, name: str) -> None:
        super().__init__(shared, name)
        self.views = {each: self.list_view(each) for each in self.LISTS}
        self.panes = {
            each: ListPane(shared.paint, f"list-{each}", view) for each, view in self.views.items()
        }
        for each, view in self.views.items():
            kept = shared.remembered.lists.get(f"{name}/{each}")
            if kept is not None:
                view.recall(kept.filter, kept.sorted_by, kept.descending)
        self.focus_on = self.LISTS[0]
        self._body = Vertical(id="body")
        self._needs: dict[str, int] = {}
        self._shared: list[int] = []
        """Rows of each list where they stand above each other."""
        self._copied = ""
        self._second = 0

    @classmethod
    def all_actions(cls) -> tuple[Action, ...]:
        return (*cls.ACTIONS, *LIST, *EVERYWHERE)

    # --- for the screens below ---

    def list_view(self, name: str) -> ListView:
        """Return the list called ``name``: its title and columns."""
        raise AssertionError(f"{type(self).__name__} makes no list {name}")

    def rows(self, name: str) -> Sequence[Row]:
        """Return all rows of the list called ``name``, as the account and the Manager stand now."""
        return ()

    def all_at_once(self) -> bool:
        """Tell whether there is room for all lists; else one is shown at a time."""
        return is_roomy(*self.room())

    def column(self) -> Iterable[Widget]:
        """Return what stands above each other in the body: the lists, and what goes with them."""
        return self.panes.values()

    def opened(self, row: Row) -> None:
        """Enter or a double click on a row of the list `focus_on`."""

    # --- lists ---

    @property
    def view(self) -> ListView:
        """The list that has the keys."""
        return self.views[self.focus_on]

    @property
    def row(self) -> Row | None:
        """The row that an action is about."""
        return self.view.row

    def kept_lists(self) -> dict[str, KeptList]:
        return {
            f"{self.tab}/{name}": KeptList(view.filter, view.sorted_by, view.descending)
            for name, view in self.views.items()
        }

    def body(self) -> Iterable[Widget]:
        with self._body:
            yield from self.column()

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)  # lists know their new size only then

    def alive(self) -> bool:
        """Ages and accruals are shown to the second: without news, nothing else changes."""
        second = self.shared.exchange_ms // MS_PER_SECOND
        passed, self._second = second != self._second, second
        return passed

    def draw(self) -> None:
        wide = self.all_at_once()
        for name, pane in self.panes.items():
            pane.display = wide or name == self.focus_on
            if pane.display:
                self.views[name].take(self.rows(name))
        self._jump()
        self._share(wide and len(self.LISTS) > 1 and not self.has_class("wide"))
        for name, pane in self.panes.items():
            if pane.display:
                pane.draw(name == self.focus_on)

    def _share(self, stacked: bool) -> None:
        """Give lists that stand above each other the rows that they need, or once needed.

        Else the cursor, which tells some of them what to list, would move their edges.
        """
        body, panes = self._body, self.panes.values()
        around = sum(each.outer_size.height for each in body.children if each not in panes)
        room = body.size.height - around - len(panes)
        if not stacked or room <= 0:
            room, self._needs = 0, {}
        for name, view in self.views.items():
            self._needs[name] = max(HEADING_ROWS + max(1, view.total), self._needs.get(name, 0))
        wanted = shares(list(self._needs.values()), room) if room else []
        if wanted == self._shared:
            return
        self._shared = wanted
        for at, pane in enumerate(panes):
            pane.styles.height = wanted[at] if wanted else None
        self.call_after_refresh(self.redraw)  # lists know their new size only then

    def _jump(self) -> None:
        """Put the cursor where another tab wants it."""
        key = self.shared.wanted.pop(self.tab, None)
        for name in self.LISTS if key is not None else ():
            self.views[name].take(self.rows(name))
            if self.views[name].put_on(key or ""):
                self.focus_on = name
                self.redraw()
                return

    def typed(self, event: events.Key) -> bool:
        if not self.view.typing:
            return False
        self.view.typed(event.key, event.character)
        return True

    def on_paste(self, event: events.Paste) -> None:
        """A paste is text of the filter being typed; it never presses a key."""
        event.stop()
        if self.view.typing:
            self.view.typed("", event.text.strip())
            self.redraw()

    def may_act(self, name: str) -> bool:
        if self.view.typing:  # the footer and the mouse lead past `typed`
            return False
        if self.shared.read_only and any(each.name == name for each in self.ACTIONS if each.deals):
            self.notify("Read-only: this terminal changes nothing.", timeout=4)
            return False
        return True

    def action_clicked(self, pane: str) -> None:
        """A list was clicked or scrolled."""
        self.focus_on = pane.removeprefix("list-")
        self.redraw()

    def _all_deeds(self) -> dict[str, Deed]:
        return {**super()._all_deeds(), **self._list_deeds(), **self.deeds()}

    def _list_deeds(self) -> dict[str, Deed]:
        view = self.view
        return {
            "open": self._open,
            "back": self._back,
            "up": lambda: view.move(-1),
            "down": lambda: view.move(1),
            "page_up": lambda: view.move(-view.page),
            "page_down": lambda: view.move(view.page),
            "first": lambda: view.move(-FAR),
            "last": lambda: view.move(FAR),
            "next_pane": lambda: self._next(1),
            "previous_pane": lambda: self._next(-1),
            "filter": self._filter,
            "sort": view.sort,
            "reverse": view.reverse,
            "copy": self._copy,
        }

    def _open(self) -> None:
        if self.row is not None:
            self.opened(self.row)

    def _back(self) -> None:
        self.view.back()

    def _filter(self) -> None:
        self.view.typing = True

    def _next(self, by: int) -> None:
        at = self.LISTS.index(self.focus_on)
        self.focus_on = self.LISTS[(at + by) % len(self.LISTS)]

    def _copy(self) -> None:
        """Copy the id; the same row again: everything, as JSON."""
        if self.row is None:
            return
        again = self._copied == self.row.key and self.row.data is not None
        text = as_json(self.row) if again else self.row.key
        self._copied = "" if again else self.row.key
        self.app.copy_to_clipboard(text)
        what = f"{self.row.key} as JSON" if again else self.row.key
        self.notify(f"Copied {what}", timeout=2, markup=False)


def as_json(row: Row) -> str:
    """Return what is behind ``row`` as one line of JSON."""
    return json.dumps(msgspec.to_builtins(row.data), ensure_ascii=False)
