"""Spans of time against the same said millisecond by millisecond."""

from hypothesis import given
from hypothesis import strategies as st

from exchange.model.spans import Span, cut, first, length_ms, without

TIMES = st.integers(0, 20)


def in_order(times: list[int]) -> list[Span]:
    """Return spans that do not overlap, in time order."""
    ends = sorted(set(times))
    return list(zip(ends[::2], ends[1::2], strict=False))


spans = st.lists(TIMES, max_size=8).map(in_order)
holes = st.lists(st.tuples(TIMES, TIMES), max_size=4).map(
    lambda rows: sorted((min(row), max(row)) for row in rows)
)


def each_ms(rows: list[Span]) -> list[int]:
    return [at for begin, end in rows for at in range(begin, end)]


@given(spans, TIMES, TIMES)
def test_cut_keeps_what_lies_between(rows: list[Span], from_ms: int, to_ms: int) -> None:
    assert each_ms(cut(rows, from_ms, to_ms)) == [
        at for at in each_ms(rows) if from_ms <= at < to_ms
    ]


@given(st.tuples(TIMES, TIMES), holes)
def test_without_leaves_the_holes_out_also_where_they_overlap(span: Span, gaps: list[Span]) -> None:
    left = without(span, gaps)
    assert each_ms(left) == [at for at in each_ms([span]) if at not in each_ms(gaps)]


@given(spans, TIMES)
def test_first_takes_the_first_so_many(rows: list[Span], most_ms: int) -> None:
    assert each_ms(first(rows, most_ms)) == each_ms(rows)[:most_ms]
    assert length_ms(rows) == len(each_ms(rows))
