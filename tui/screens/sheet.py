"""A form of many fields over the screen: what is wrong stands beside its field."""

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, TypeAlias

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Input, Label, Static

from tui.screens.typing import TypingScreen
from tui.view.sheet import Field as Wanted
from tui.view.sheet import Mistakes, Values
from tui.widgets.field import Field

Check: TypeAlias = Callable[[Values], Mistakes]
Send: TypeAlias = Callable[[Values], Awaitable[Mistakes]]


class SheetScreen(TypingScreen[Values | None]):
    """Answers with the fields' texts, None when left by Esc.

    ``check`` says at once what is wrong, ``send`` after Enter; the form stays until all is right.
    """

    CSS_PATH = "sheet.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave"),
        Binding("up", "app.focus_previous", "Up", priority=True),
        Binding("down", "app.focus_next", "Down", priority=True),
    ]

    def __init__(
        self, title: str, fields: Sequence[Wanted], check: Check, send: Send | None, does: str
    ) -> None:
        super().__init__()
        self._title = title
        self._fields = {field.key: field for field in fields}
        self._inputs = {field.key: _input(field) for field in fields}
        self._beside = {field.key: _beside(field) for field in fields}
        self._said = Static("", markup=False, id="sheet-said")
        self._check, self._send, self._does = check, send, does
        self._touched: set[str] = set()
        self._told: Mistakes = {}
        """What the last attempt was refused for, until the field changes."""
        self._busy = False

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet"):
            yield Label(self._title, markup=False, id="sheet-title")
            with VerticalScroll(id="sheet-fields", can_focus=False):
                for key in self._fields:
                    with Horizontal(classes="field-row"):
                        yield Label(key, markup=False, classes="sheet-field-name")
                        yield self._inputs[key]
                        yield self._beside[key]
            yield self._said
            with Horizontal(id="sheet-answers"):
                yield Static(f"↵ {self._does}", markup=False, id="sheet-yes", classes="answer")
                yield Static("Esc leave it", markup=False, id="sheet-no", classes="answer")

    def on_mount(self) -> None:
        first = next((key for key, field in self._fields.items() if not field.fixed), "")
        self.set_focus(self._inputs[first])

    # --- what is typed, and what is wrong with it ---

    @property
    def values(self) -> Values:
        return {key: field.value for key, field in self._inputs.items()}

    def on_input_changed(self, event: Input.Changed) -> None:
        key = (event.input.id or "").removeprefix("field-")
        if event.value == self._fields[key].value and key not in self._touched:
            return  # what it began with
        self._touched.add(key)
        self._told.pop(key, None)
        self._told.pop("", None)
        self._show(self._seen(self._check(self.values)) | self._told)

    def _seen(self, mistakes: Mistakes) -> Mistakes:
        """Leave out what nobody has come to yet."""
        return {key: why for key, why in mistakes.items() if key in self._touched}

    def _show(self, mistakes: Mistakes) -> None:
        for key, field in self._fields.items():
            beside = self._beside[key]
            beside.update(f"✗ {mistakes[key]}" if key in mistakes else field.hint)
            beside.set_class(key in mistakes, "wrong")
        rest = [why for key, why in mistakes.items() if key not in self._fields]
        # A long mistake is cut beside its field; here it has a row of its own.
        whole = [f"{key}: {why}" for key, why in mistakes.items() if key in self._fields]
        self._said.update(" ".join([*rest, *whole]))

    # --- answers ---

    def entered(self, field: Input) -> None:
        self._submit()

    def on_click(self, event: events.Click) -> None:
        name = event.widget.id if event.widget else None
        if name == "sheet-yes":
            self._submit()
        elif name == "sheet-no":
            self.dismiss(None)

    def action_leave(self) -> None:
        self.dismiss(None)

    def _submit(self) -> None:
        if self._busy:
            return
        values = self.values
        mistakes = self._check(values)
        if mistakes:
            self._refused(mistakes)
        elif self._send is None:
            self.dismiss(values)
        else:
            self._busy = True
            self.run_worker(self._sent(self._send, values))

    async def _sent(self, send: Send, values: Values) -> None:
        self._said.update("…")
        mistakes = await send(values)
        self._busy = False
        self.unseal()
        if not self.is_current:
            return
        if mistakes:
            self._refused(mistakes)
        else:
            self.dismiss(values)

    def _refused(self, mistakes: Mistakes) -> None:
        self.unseal()
        self._touched |= set(self._fields)
        self._told = dict(mistakes)
        self._show(mistakes)
        first = next((key for key in mistakes if key in self._fields), None)
        if first is not None:
            self._inputs[first].focus()


def _input(field: Wanted) -> Field:
    return Field(
        field.value,
        compact=True,
        disabled=field.fixed,
        select_on_focus=False,
        id=f"field-{field.key}",
        classes="sheet-field-text",
    )


def _beside(field: Wanted) -> Static:
    return Static(field.hint, markup=False, id=f"of-{field.key}", classes="beside")
