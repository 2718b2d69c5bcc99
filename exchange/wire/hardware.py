"""Decides whether a hardware id identifies exactly one server. Pure.

Mainboards come with an id that nobody filled in: all zeros, all F, a vendor's default. Two servers
may show the same one of these, so it does not count as an id.
"""

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

_LONG = 8
_LEAST_SIGNS = 3
"""A long id with fewer distinct characters than this is a placeholder, not an id."""

_FILLERS: Final = frozenset(
    {
        "03000200040005000006000700080009",
        "12345678123456781234567812345678",
        "123456781234567890abcddeefaabbcc",
        "123456789abcdef0123456789abcdef0",
        "0123456789abcdef0123456789abcdef",
        "00020003000400050006000700080009",
        "fefefefefefefefefefefefefefefefe",
        "123456789",
        "0123456789",
        "1234567890",
    }
)
_WORDS: Final = (
    "to be filled",
    "o.e.m",
    "oem",
    "default",
    "not applicable",
    "not available",
    "not specified",
    "not settable",
    "not present",
    "none",
    "unknown",
    "invalid",
    "system serial",
    "system product",
    "serial number",
    "uninitialized",
    "empty",
    "n/a",
)


class HardwareId(Struct, frozen=True):
    """``text`` identifies the server; ``skipped`` are the ids that were rejected before it, each as
    (where it was found, its text)."""

    text: str
    skipped: tuple[tuple[str, str], ...] = ()


def is_none(text: str) -> bool:
    """Return whether ``text`` is a placeholder, not an id."""
    word = text.strip().lower()
    digits = re.sub(r"[^0-9a-z]", "", word)
    if not digits.strip("0") or digits in _FILLERS:
        return True
    if len(digits) >= _LONG and len(set(digits)) < _LEAST_SIGNS:
        return True
    return any(filler in word for filler in _WORDS)


def chosen(found: Iterable[tuple[str, str]], otherwise: str) -> HardwareId:
    """Return the first real id in ``found``, pairs of (where, text); else ``otherwise``."""
    skipped: list[tuple[str, str]] = []
    for where, text in found:
        word = text.strip().lower()
        if not is_none(word):
            return HardwareId(word, tuple(skipped))
        if word:
            skipped.append((where, word))
    return HardwareId(otherwise, tuple(skipped))
