"""Toasts: alike ones are one, few at a time, and each for its time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.view.toasts import AT_ONCE, Toasts


def words(*texts: str) -> list[str]:
    toasts = Toasts()
    for at, text in enumerate(texts):
        toasts.add(text, False, at, 6_000)
    return [toast.words for toast in toasts.shown]


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["a", "b"], ["a", "b"]),
        (
            ["VM web-l-1-0 is ready", "VM web-l-1-1 is ready", "VM web-l-1-2 is ready"],
            ["VM web-l-1-2 is ready (and 2 more like it)"],
        ),
        (
            ["rule up: l-1: 1 unit on h-9 at 0.0316", "rule up: l-2: 2 units on h-8 at 0.0318"],
            ["rule up: l-2: 2 units on h-8 at 0.0318 (and 1 more like it)"],
        ),
        (["VM a1 is ready", "VM a1 is lost"], ["VM a1 is ready", "VM a1 is lost"]),
        (["a", "b", "c", "d"], ["b", "c", "d"]),
        (["a", "b", "a"], ["b", "a (and 1 more like it)"]),
    ],
)
def test_alike_ones_are_one(texts: list[str], shown: list[str]) -> None:
    assert words(*texts) == shown


def test_what_is_over_is_not_counted_and_a_warning_is_no_news() -> None:
    toasts = Toasts()
    toasts.add("lost 1", False, 0, 1_000)
    toasts.add("lost 2", False, 1_000, 1_000)
    toasts.add("lost 3", True, 1_500, 1_000)
    assert [(toast.words, toast.warn) for toast in toasts.shown] == [
        ("lost 2", False),
        ("lost 3", True),
    ]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9_000))))
def test_never_more_than_a_few_and_the_newest_is_there(added: list[tuple[str, int]]) -> None:
    toasts = Toasts()
    for text, now_ms in sorted(added, key=lambda one: one[1]):
        toasts.add(text, False, now_ms, 6_000)
        assert toasts.shown[-1].text == text
        assert len(toasts.shown) <= AT_ONCE
