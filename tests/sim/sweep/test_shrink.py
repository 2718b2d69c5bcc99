"""Delta debugging finds what is needed, within its number of runs."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sim.sweep.shrink import shrunk


@given(st.integers(1, 30), st.data())
def test_what_is_left_is_what_is_needed(count: int, data: st.DataObject) -> None:
    needed = data.draw(st.sets(st.integers(0, count - 1)))
    things = list(range(count))
    found = [things, *shrunk(things, lambda rest: needed <= set(rest), 10_000)]
    assert found[-1] == sorted(needed)
    assert all(len(a) > len(b) for a, b in pairwise(found))


@given(st.integers(0, 40), st.integers(0, 60))
def test_it_ends_after_its_runs_with_what_it_has(count: int, most: int) -> None:
    runs = 0

    def fails(rest: list[int]) -> bool:
        nonlocal runs
        runs += 1
        return {3, 17} <= set(rest)

    for fewer in shrunk(list(range(count)), fails, most):
        assert {3, 17} <= set(fewer)
    assert runs <= most
