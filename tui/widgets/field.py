"""A field to type in, in which keys act in the order they were pressed.

Textual runs an input's editing keys later, in the application's own queue: of Ctrl-U and a quick
text the text would come first, and be deleted.
"""

import asyncio
from typing import Final

from textual import events
from textual.widgets import Input

SUBMIT: Final = "submit"
"""What Enter does in an input."""
TAKE_S: Final = 5.0
"""How long a field may take for a key; it ends with its form."""


class Field(Input):
    """An input; its own keys act at once.

    ``sealed``: from Enter until its form has answered. What is typed then is no part of the text
    that was sent off.
    """

    sealed = False

    def takes(self, event: events.Key) -> bool:
        """Tell whether a key is text or edits it."""
        return event.is_printable or self._act_of(event) is not None

    async def on_key(self, event: events.Key) -> None:
        act = None if event.is_printable else self._act_of(event)
        if act is not None or (self.sealed and event.is_printable):
            event.stop()
            event.prevent_default()
        if act is not None and not self.sealed:
            self.sealed = act == SUBMIT
            await self.run_action(act)

    def _act_of(self, event: events.Key) -> str | None:
        for key in event.aliases:
            for binding in self._bindings.key_to_bindings.get(key, ()):
                return binding.action
        return None

    async def take(self, event: events.Key) -> None:
        """Take a key that came another way, behind those that are here already."""
        taken = asyncio.Event()
        self.post_message(events.Key(event.key, event.character))
        self.call_later(taken.set)
        async with asyncio.timeout(TAKE_S):
            await taken.wait()
