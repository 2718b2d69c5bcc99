"""A long series made short keeps its peaks, its order and its bound."""

from hypothesis import given
from hypothesis import strategies as st

from manager.core.thin import thinned

SERIES = st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1e6)), max_size=200).map(sorted)


@given(SERIES, st.integers(1, 50))
def test_peaks_order_and_bound(series: list[tuple[int, float]], points: int) -> None:
    short = thinned(series, points)
    assert len(short) == len(series) if len(series) <= points else 1 <= len(short) <= points
    assert set(short) <= set(series)
    assert [at for at, _ in short] == sorted(at for at, _ in short)
    assert max((value for _, value in short), default=0) == max((v for _, v in series), default=0)


def test_the_highest_of_each_stretch() -> None:
    assert thinned([(0, 1.0), (1, 5.0), (8, 2.0), (10, 3.0)], 2) == [(1, 5.0), (10, 3.0)]
