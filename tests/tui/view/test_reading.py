"""What is read by a request: a change during the read is not lost, nor is a read that failed."""

from hypothesis import example, given
from hypothesis import strategies as st

from tui.view.reading import AGAIN_MS, Reading

HAPPENS = st.sampled_from(["change", "ask", "look", "had", "lost", "wait"])


@given(st.lists(HAPPENS, max_size=40))
@example(["ask", "look", "change", "had"])
def test_what_counts_as_known_is_how_things_stand(steps: list[str]) -> None:
    """The other side answers with what is so when it looks, anywhere between ask and answer."""
    reading, now_ms, so, shown = Reading(), 0, 0, -1
    answer: int | None = None
    asked = False
    for step in steps:
        if step == "change":
            so += 1
            reading.changed()
        elif step == "ask" and reading.due(now_ms):
            reading.begins()
            asked, answer = True, None
        elif step == "look" and asked and answer is None:
            answer = so
        elif step == "had" and answer is not None:
            shown, asked, answer = answer, False, None
            reading.ended(True, now_ms)
        elif step == "lost" and asked:
            asked, answer = False, None
            reading.ended(False, now_ms)
        elif step == "wait":
            now_ms += AGAIN_MS
        assert not reading.known or shown == so
        assert not (asked and reading.due(now_ms)), "one at a time"
    if not asked:
        assert reading.known or reading.due(now_ms + AGAIN_MS), "never given up"


def test_a_read_that_failed_waits_before_it_is_tried_again() -> None:
    reading = Reading()
    reading.begins()
    reading.ended(False, 1_000)
    assert [reading.due(at) for at in (1_000, 999 + AGAIN_MS, 1_000 + AGAIN_MS)] == [0, 0, 1]
