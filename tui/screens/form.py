"""A few values to type before an act. Enter goes to the next one, at the last one it goes on."""

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from tui.screens.base import TabScreen
from tui.screens.typing import TypingScreen
from tui.view.form import Form, FormField, Values, chosen
from tui.widgets.field import Field


class FormScreen(TypingScreen[dict[str, str] | None]):
    """Answers with the values by name, None when left by Esc. The last words can be clicked."""

    CSS_PATH = "form.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave it"),
        # With priority: the field changes before the next key comes, however quickly one types.
        Binding("enter", "next", "Go on", priority=True),
        Binding("up", "choose(-1)", "Choice before", priority=True),
        Binding("down", "choose(1)", "Next choice", priority=True),
    ]

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form
        self._inputs = {field.name: _input(field) for field in form.fields}
        self._says = Static("", markup=False, id="form-says")

    def compose(self) -> ComposeResult:
        with Vertical(id="form"):
            yield Static(self.form.title, markup=False, id="form-title")
            for field in self.form.fields:
                with Horizontal(classes="field-row"):
                    yield Label(field.label, markup=False, classes="form-label")
                    yield self._inputs[field.name]
            yield self._says
            yield Static("↵ go on", markup=False, id="form-yes", classes="answer")
            yield Static(self._keys(), markup=False, id="form-no", classes="answer")

    def _keys(self) -> str:
        choosing = any(field.choices for field in self.form.fields)
        return "Esc leave it" + (" · ↑ ↓ choose" if choosing else "")

    def on_mount(self) -> None:
        self._say()

    @property
    def values(self) -> dict[str, str]:
        return {name: field.value.strip() for name, field in self._inputs.items()}

    def on_input_changed(self) -> None:
        self._say()

    def entered(self, field: Input) -> None:
        if field is self._last:
            self._go_on()
            self.unseal()
        else:
            self.focus_next(Field)

    @property
    def _last(self) -> Field:
        return self._inputs[self.form.fields[-1].name]

    def action_next(self) -> None:
        if self.focused in (None, self._last):
            raise SkipAction  # the field itself takes it, behind the keys before it
        self.focus_next(Field)

    def on_click(self, event: events.Click) -> None:
        name = event.widget.id if event.widget else None
        if name == "form-yes":
            self._go_on()
        elif name == "form-no":
            self.dismiss(None)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_choose(self, by: int) -> None:
        if self.focused is None:
            raise SkipAction  # it is not up yet
        for field in self.form.fields:
            typed = self._inputs[field.name]
            if self.focused is typed and field.choices:
                typed.value = chosen(field, typed.value, by)
                typed.cursor_position = len(typed.value)

    def _go_on(self) -> None:
        if self.form.check(self.values).ok:
            self.dismiss(self.values)

    def _say(self) -> None:
        checked = self.form.check(self.values)
        self._says.update(checked.text)
        self._says.set_class(not checked.ok, "wrong")


def _input(field: FormField) -> Field:
    return Field(
        field.value,
        placeholder=field.hint,
        compact=True,
        select_on_focus=True,
        id=f"form-{field.name}",
    )


def fill(screen: TabScreen, form: Form, then: Callable[[Values], None]) -> None:
    """Show ``form`` above ``screen``; ``then`` gets what was typed, unless it is left."""

    def answered(values: dict[str, str] | None) -> None:
        if values is not None:
            then(values)

    screen.app.push_screen(FormScreen(form), answered)
