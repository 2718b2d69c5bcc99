"""A line of words cut into tokens; each keeps what was typed. Pure.

A comma between two digits stays in its word: ``0,03`` must be refused, not read as two numbers.
"""

import re
from decimal import Decimal
from typing import Final

from msgspec import Struct

SEPARATOR: Final = ","
_TOKEN: Final = re.compile(
    r"(?P<sign><=|>=|≤|≥|<|>)|(?P<cut>[,;])|(?P<word>(?:[^\s,;<>≤≥%]|(?<=[0-9]),(?=[0-9]))+)|%"
)
_NUMERIC: Final = re.compile(r"[+\-.,]?[0-9].*")
_NUMBER: Final = re.compile(r"([0-9]{1,16}(?:\.[0-9]{1,9})?)([a-zA-Z/×]*)")
SIGNS: Final = {"≤": "<=", "≥": ">="}
NUMBER_HINT: Final = "a number has neither comma nor space in it; write 0.03 or 1000"


class UnclearNeedError(ValueError):
    """``word`` could not be read, and why; ``str()`` is one line."""

    def __init__(self, word: str, why: str) -> None:
        super().__init__(f"{word!r}: {why}")
        self.word = word


class Number(Struct, frozen=True):
    """A typed number and the letters that follow it at once, as in ``20s``."""

    value: Decimal
    unit: str


def tokens(line: str) -> list[str]:
    """Return the words, signs and separators of ``line``."""
    found = []
    for match in _TOKEN.finditer(line):
        text = match.group()
        found.append(SEPARATOR if match["cut"] else SIGNS.get(text, text))
    return found


def is_number(word: str) -> bool:
    """Tell whether a word is meant as a number, also when it is none."""
    return _NUMERIC.fullmatch(word) is not None


def number(word: str, after: str) -> Number:
    """Return the number that ``word`` is; ``after`` is the next word. Raises `UnclearNeedError`."""
    found = _NUMBER.fullmatch(word)
    if found is None:
        raise UnclearNeedError(word, NUMBER_HINT)
    if is_number(after) and not found[2]:
        raise UnclearNeedError(f"{word} {after}", NUMBER_HINT)
    return Number(Decimal(found[1]), found[2])
