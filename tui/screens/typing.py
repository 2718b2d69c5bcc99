"""A form over the screen that loses no key: what is typed while it comes up goes into it.

The tab hands over the keys it got after the one that opened the form.
"""

from textual import events
from textual.screen import ModalScreen, ScreenResultType
from textual.widgets import Input

from tui.widgets.field import Field


class TypingScreen(ModalScreen[ScreenResultType]):
    """Below it: `entered`; the form's inputs are `Field`."""

    def entered(self, field: Input) -> None:
        """Enter was pressed in ``field``, after all that was typed into it."""

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.entered(event.input)

    def unseal(self) -> None:
        """The form has answered: its fields may be typed into again."""
        for field in self.query(Field):
            field.sealed = False

    async def on_key(self, event: events.Key) -> None:
        """Only keys that no field got come here; a field stops the ones that it takes."""
        field = self._field()
        if field is None or not field.takes(event):
            return
        event.stop()
        if event.key == "enter":
            self.entered(field)
            return
        try:
            await field.take(event)
        except TimeoutError:
            return  # the form is gone

    def _field(self) -> Field | None:
        """Return the field that has the keys; the first one gets them if none has."""
        if self.focused is None:
            self.set_focus(next((one for one in self.query(Field) if one.focusable), None))
        return self.focused if isinstance(self.focused, Field) else None
