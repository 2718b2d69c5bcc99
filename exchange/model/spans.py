"""Spans of time, from (included) to (excluded) in ms, and operations on them.

Billing keeps running totals; the few things that may yet be found out about the past, a host's
silence and the wait for a launch, are kept as spans until the period they lie in is settled.
"""

from collections.abc import Sequence
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]


def cut(spans: list[Span], from_ms: int, to_ms: int) -> list[Span]:
    """Return the parts of ``spans`` between two times."""
    inside = ((max(begin, from_ms), min(end, to_ms)) for begin, end in spans)
    return [(begin, end) for begin, end in inside if begin < end]


def without(span: Span, holes: Sequence[Span]) -> list[Span]:
    """Return the parts of ``span`` that lie in none of ``holes``, which are in time order."""
    parts: list[Span] = []
    from_ms, to_ms = span
    for begin, end in holes:
        if begin > from_ms:
            parts.append((from_ms, begin))
        from_ms = max(from_ms, end)
    return cut([*parts, (from_ms, to_ms)], span[0], to_ms)


def first(spans: list[Span], most_ms: int) -> list[Span]:
    """Return the first ``most_ms`` of ``spans``."""
    parts: list[Span] = []
    for begin, end in spans:
        end = min(end, begin + most_ms)
        most_ms -= end - begin
        if begin < end:
            parts.append((begin, end))
    return parts


def length_ms(spans: list[Span]) -> int:
    """Return their total length; they do not overlap."""
    return sum(end - begin for begin, end in spans)
