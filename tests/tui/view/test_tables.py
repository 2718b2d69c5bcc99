"""Actions, keys, colours, panes: nothing is left out of a table. And the view knows no Textual."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tui.commands import ACTIONS, GROUPS
from tui.frame import FRAME_MS, MOVING_MS, FrameClock
from tui.keymap import KEYMAP, NAMES
from tui.screens.help import help_text
from tui.screens.market import NUMBERED
from tui.screens.table import all_tables
from tui.session import ALL_PANES, TOUCHES
from tui.view.desk import PANE_ORDER
from tui.view.panes import PANES


def test_every_action_has_a_key_a_help_text_and_a_group() -> None:
    assert sorted(ACTIONS) == sorted(KEYMAP)
    for name, info in ACTIONS.items():
        assert KEYMAP[name], name
        assert info.help.endswith("."), name
        assert info.group in GROUPS, name
        assert info.help in " ".join(help_text("#ffffff", "#777777").plain.split()), name


def test_no_key_means_two_things() -> None:
    counts = Counter(key for keys in KEYMAP.values() for key in keys)
    assert [key for key, count in counts.items() if count > 1] == []


def test_every_key_name_is_used() -> None:
    used = {key for actions in all_tables().values() for each in actions for key in each.keys}
    assert set(NAMES) <= used


def test_pane_numbers_agree() -> None:
    assert tuple(sorted(NUMBERED, key=lambda pane: NUMBERED[pane])) == PANE_ORDER


def test_every_pane_is_drawn_and_every_topic_touches_known_panes() -> None:
    assert set(PANES) == {*ALL_PANES, "small"}
    assert {pane for panes in TOUCHES.values() for pane in panes} <= set(ALL_PANES)


def test_the_view_loads_no_textual() -> None:
    program = "import sys, tui.view.panes; print('textual' in sys.modules, 'rich' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert run.stdout.split() == ["False", "False"]


class Timers:
    """A clock and timers that move by hand."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.due: list[tuple[int, object]] = []
        self.drawn: list[int] = []

    def draw(self) -> None:
        self.drawn.append(self.now_ms)

    def after(self, delay_ms: int, call: object) -> Callable[[], None]:
        timer = (self.now_ms + delay_ms, call)
        self.due.append(timer)
        return lambda: self.due.remove(timer) if timer in self.due else None

    def advance(self, to_ms: int) -> None:
        while self.due and self.due[0][0] <= to_ms:
            self.now_ms, call = self.due.pop(0)
            assert callable(call)
            call()
        self.now_ms = to_ms


def test_the_first_change_is_drawn_at_once_and_the_rest_together() -> None:
    timers = Timers()
    clock = FrameClock(timers.draw, lambda: timers.now_ms, timers.after)
    for at_ms in (100, 110, 120, 149, 400):
        timers.advance(at_ms)
        clock.changed()
    assert timers.drawn == [100, 150, 400]


def test_a_clock_that_is_set_back_stops_no_frame() -> None:
    timers = Timers()
    clock = FrameClock(timers.draw, lambda: timers.now_ms, timers.after)
    timers.advance(3_600_000)
    clock.changed()
    timers.now_ms = 100
    clock.changed()
    timers.advance(100 + FRAME_MS)
    assert timers.drawn == [3_600_000, 100 + FRAME_MS]


def test_a_storm_is_drawn_twenty_times_a_second() -> None:
    timers = Timers()
    clock = FrameClock(timers.draw, lambda: timers.now_ms, timers.after)
    for at_ms in range(0, 1_000, 5):
        timers.advance(at_ms)
        clock.changed()
    assert len(timers.drawn) == 1_000 // FRAME_MS


def test_what_a_person_does_is_not_kept_waiting_by_the_market() -> None:
    timers = Timers()
    clock = FrameClock(timers.draw, lambda: timers.now_ms, timers.after)
    clock.changed(MOVING_MS)
    for at_ms in (10, 20):
        timers.advance(at_ms)
        clock.changed(MOVING_MS)
    timers.advance(60)
    clock.changed()
    timers.advance(70)
    clock.changed(MOVING_MS)
    timers.advance(80)
    clock.changed()
    timers.advance(1_000)
    assert timers.drawn == [0, 60, 110]


@given(st.lists(st.tuples(st.integers(0, 90), st.sampled_from((FRAME_MS, MOVING_MS))), max_size=40))
def test_every_change_is_drawn_within_its_pace_and_no_frame_for_nothing(
    changes: list[tuple[int, int]],
) -> None:
    timers = Timers()
    clock = FrameClock(timers.draw, lambda: timers.now_ms, timers.after)
    waiting: list[tuple[int, int]] = []
    for gap_ms, pace_ms in changes:
        timers.advance(timers.now_ms + gap_ms)
        waiting.append((timers.now_ms, pace_ms))
        clock.changed(pace_ms)
    timers.advance(timers.now_ms + MOVING_MS)
    for at_ms, pace_ms in waiting:
        assert any(at_ms <= drawn <= at_ms + pace_ms for drawn in timers.drawn)
    assert all(b - a >= FRAME_MS for a, b in pairwise(timers.drawn))
    assert len(timers.drawn) <= len(changes)
