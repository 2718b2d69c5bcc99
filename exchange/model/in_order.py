"""A dict whose rows are added and removed in the order of time, such as rows kept for 24 h.

Rows go by a method of `InOrder`, never by ``del``: a class with a ``__delitem__`` of its own pays
for it at each row that is added.
"""

from itertools import islice
from typing import Any, TypeVar

K = TypeVar("K")


V = TypeVar("V")


class InOrder(dict[K, V]):
    """Rows that came in the order of their time and go from the oldest on."""

    _oldest: K | None = None

    def first(self) -> tuple[V, ...]:
        """Return the oldest row, if there is one; it is cached until it is removed."""
        if self._oldest is None:
            self._oldest = next(iter(self), None)
        return () if self._oldest is None else (self[self._oldest],)

    def take_first(self, count: int) -> list[V]:
        """Remove the oldest ``count`` rows, and return them."""
        self._oldest, take = None, super().pop
        return [take(key) for key in list(islice(self, count))]

    def remove(self, key: K) -> None:
        """Remove a row; it may come back, and then it is the newest."""
        del self[key]
        if key == self._oldest:
            self._oldest = None

    def pop(self, key: K, *default: Any) -> Any:
        row = super().pop(key, *default)
        if key == self._oldest:
            self._oldest = None
        return row
