"""Where things are, by number: 8 bytes each, for numbers that are given out one after another."""

from array import array
from typing import Final

PAGE: Final = 256
SWEPT: Final = 2
"""Pages that are looked at in one `sweep`."""


class Numbered:
    """Places (numbers that only grow) by number, in pages for `PAGE` numbers.

    A page is there while it holds a place that is not old. So a number far behind the others costs
    a page of its own; as many numbers came with it as a page has.
    """

    __slots__ = ("_pages",)

    def __init__(self) -> None:
        self._pages: dict[int, array[int]] = {}

    def add(self, numbers: list[int], place: int) -> None:
        """Remember that things with these numbers are at ``place`` and behind it, the highest so
        far."""
        pages = self._pages
        for number in numbers:
            at, inner = divmod(number, PAGE)
            if at not in pages:
                pages[at] = array("q", (-1,)) * PAGE
            pages[at][inner] = place
            place += 1

    def place(self, number: int) -> int:
        """Return where the thing of this number is or was, -1 when it is not known."""
        page = self._pages.get(number // PAGE)
        return -1 if page is None else page[number % PAGE]

    def sweep(self, oldest: int) -> None:
        """Drop pages without places from ``oldest`` on; looks at a few a call, in turn."""
        for _ in range(min(SWEPT, len(self._pages))):
            at = next(iter(self._pages))
            page = self._pages.pop(at)
            if max(page) >= oldest:
                self._pages[at] = page
