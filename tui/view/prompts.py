"""A number being typed, a question being asked: what the ticket's second row waits for.

A number is read as a whole. A character that no number can hold stays in the text and spoils it:
left out, ``0,04`` would be read as 4 and ``1 000`` cut in two.
"""

from typing import Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from exchange.wire.frames import InstrumentUpdate
from tui.view.entry import Fault, read_minutes, read_price, read_qty, stray_fault

Field: TypeAlias = Literal["quantity", "total", "price", "minimum", "minutes"]

TEXT_MAX: Final = 40
"""Characters kept of what was typed; far more than any number has, so the rest changes nothing."""
UNKNOWN: Final = "�"
"""Stands for a character that is not one cell wide; it is in no number either."""


class Prompt(NamedTuple):
    """A question that waits for Enter or Esc, or a line being typed."""

    text: str
    keys: str
    fault: str = ""
    """Why Enter did not take what was typed, or will not."""


class Typing(Struct, frozen=True):
    """A number being typed into the ticket; ``fault`` says why Enter does not take it."""

    field: Field
    text: str = ""
    instrument: InstrumentUpdate | None = None
    """Whose tick and band bind the price."""
    fault: str = ""

    def with_typed(self, characters: str) -> "Typing":
        """Return it with ``characters`` added: a key's own, or all that was pasted."""
        added = "".join(map(_one_cell, characters))
        return self._with_text((self.text + added)[:TEXT_MAX])

    def without_last(self) -> "Typing":
        return self._with_text(self.text[:-1])

    def _with_text(self, text: str) -> "Typing":
        stray = stray_fault(text)
        return replace(self, text=text, fault=stray.text if stray else "")

    def read(self) -> int | Fault:
        """Return the number, exactly as it stands, or why it cannot be taken."""
        if self.field == "price":
            return read_price(self.text, self.instrument)
        return read_minutes(self.text) if self.field == "minutes" else read_qty(self.text)

    def prompt(self) -> Prompt:
        return Prompt(f"{self.field} {self.text}▏", "Enter takes it · Esc leaves it", self.fault)


def _one_cell(character: str) -> str:
    """Return ``character`` if every terminal draws it one cell wide, else a stand-in."""
    narrow = character.isprintable() and ord(character) < 0x250
    return character if narrow else UNKNOWN
