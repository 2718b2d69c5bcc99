"""Delta debugging: which of the things that went wrong together are needed. Pure.

Source: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

Thing = TypeVar("Thing")


def shrunk(
    things: Sequence[Thing], fails: Callable[[list[Thing]], bool], most: int
) -> Iterator[list[Thing]]:
    """Yield ever fewer of ``things``, in their order, that fail too; ``fails`` runs them.

    When it ends before ``most`` runs, none of the last list can be left out.
    """
    left, parts, runs = list(things), 2, 1
    if not left or most < 1:
        return
    if fails([]):
        yield []
        return
    while len(left) > 1 and runs < most:
        fewer = None
        for rest in _without_each(left, min(parts, len(left))):
            if runs == most:
                return
            runs += 1
            if fails(rest):
                fewer = rest
                break
        if fewer is not None:
            left, parts = fewer, max(2, parts - 1)
            yield left
        elif parts >= len(left):
            return
        else:
            parts *= 2


def _without_each(things: list[Thing], parts: int) -> Iterator[list[Thing]]:
    """Yield ``things`` without each of ``parts`` slices of about equal size."""
    cuts = [len(things) * number // parts for number in range(parts + 1)]
    for begin, end in pairwise(cuts):
        yield things[:begin] + things[end:]
