"""What a door may have under way, and when the writer has worked it off."""

from hypothesis import given
from hypothesis import strategies as st

from exchange.links.window import WINDOW_BYTES, WINDOW_FRAMES, Unhandled, Window


def test_room_is_given_back_as_messages_are_worked_off() -> None:
    window = Window[str]()
    window.sent(1, 100, {"a": 10, "b": 2})
    window.sent(3, 50, {"a": 1})
    assert window.room == WINDOW_FRAMES - 13
    assert window.taken(2) == [("a", 10), ("b", 2)]
    assert (window.room, window.bytes) == (WINDOW_FRAMES - 1, 50)
    assert window.taken(2) == []
    assert window.taken(3) == [("a", 1)]
    assert (window.room, window.bytes) == (WINDOW_FRAMES, 0)


def test_bytes_are_bounded_too() -> None:
    window = Window[str]()
    window.sent(1, WINDOW_BYTES, {"a": 1})
    assert window.room == 0


def test_a_message_is_worked_off_when_all_of_its_sessions_have_handled_it() -> None:
    handled = {"a": 0, "b": 0}
    unhandled = Unhandled[str](lambda session: handled[session])
    unhandled.received(1, [("a", 2), ("b", 1)])
    unhandled.received(2, [])
    unhandled.received(5, [("a", 3)])
    assert unhandled.taken() == 0
    handled["b"] = 1
    assert unhandled.taken() == 0
    handled["a"] = 2
    assert unhandled.taken() == 2
    handled["a"] = 3
    assert unhandled.taken() == 5


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(1, 3)), max_size=12), st.data())
def test_taken_is_the_longest_prefix_that_is_handled(
    brought: list[dict[str, int]], data: st.DataObject
) -> None:
    handled, given_to = dict.fromkeys("abc", 0), dict.fromkeys("abc", 0)
    unhandled = Unhandled[str](lambda session: handled[session])
    needs: list[dict[str, int]] = []
    for number, counts in enumerate(brought, 1):
        for session, count in counts.items():
            given_to[session] += count
        needs.append({session: given_to[session] for session in counts})
        unhandled.received(number, list(needs[-1].items()))
    for _ in range(4):
        for session in "abc":
            handled[session] = data.draw(st.integers(handled[session], given_to[session]))
        done = [all(handled[s] >= upto for s, upto in need.items()) for need in needs]
        assert unhandled.taken() == [*done, False].index(False)
