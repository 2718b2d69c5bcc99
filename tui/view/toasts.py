"""The few lines that say what just happened, before they go: alike ones are one. Pure.

Alike are two that differ only in words with a digit: ids, numbers, prices, symbols' hours.
"""

from typing import Final, NamedTuple

AT_ONCE: Final = 3
"""How many are shown; the oldest goes first."""


class Toast(NamedTuple):
    """``times`` were alike; ``text`` is the newest one's."""

    text: str
    warn: bool
    ends_ms: int
    times: int = 1

    @property
    def words(self) -> str:
        """The text, and how many more there were like it."""
        return self.text if self.times == 1 else f"{self.text} (and {self.times - 1} more like it)"


class Toasts:
    """Those that are shown, the oldest first."""

    def __init__(self) -> None:
        self.shown: list[Toast] = []

    def add(self, text: str, warn: bool, now_ms: int, for_ms: int) -> None:
        """Show ``text`` for ``for_ms``; what it is like goes up into it."""
        self.shown = [toast for toast in self.shown if toast.ends_ms > now_ms]
        alike = [toast for toast in self.shown if _same(toast, text, warn)]
        for toast in alike:
            self.shown.remove(toast)
        count = 1 + sum(toast.times for toast in alike)
        self.shown = [*self.shown, Toast(text, warn, now_ms + for_ms, count)][-AT_ONCE:]


def _same(toast: Toast, text: str, warn: bool) -> bool:
    return toast.warn == warn and _kind(toast.text) == _kind(text)


def _kind(text: str) -> str:
    """Return the words without a digit; "unit" and "units" are one."""
    words = [word for word in text.split() if not any(letter.isdigit() for letter in word)]
    return " ".join("units" if word == "unit" else word for word in words)
