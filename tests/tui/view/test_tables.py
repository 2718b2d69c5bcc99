"""Actions, keys, colours, panes: nothing is left out of a table. And the view knows no Textual."""

import subprocess
import sys
from collections import Counter

import pytest

from tui.commands import ACTIONS, GROUPS
from tui.frame import FRAME_MS, FrameClock
from tui.keymap import KEYMAP, NAMES
from tui.screens.help import help_text
from tui.screens.market import NUMBERED
from tui.session import ALL_PANES, TOUCHES
from tui.themes import DARK, LIGHT, PALETTES
from tui.view.desk import PANE_ORDER
from tui.view.panes import PANES


def test_every_action_has_a_key_a_help_text_and_a_group() -> None:
    assert sorted(ACTIONS) == sorted(KEYMAP)
    for name, info in ACTIONS.items():
        assert KEYMAP[name], name
        assert info.help.endswith("."), name
        assert info.group in GROUPS, name
        assert info.help in help_text("#ffffff", "#777777").plain, name


def test_no_key_means_two_things() -> None:
    counts = Counter(key for keys in KEYMAP.values() for key in keys)
    assert [key for key, count in counts.items() if count > 1] == []


def test_every_key_name_is_used() -> None:
    used = {key for keys in KEYMAP.values() for key in keys}
    assert set(NAMES) <= used


def test_pane_numbers_agree() -> None:
    assert tuple(sorted(NUMBERED, key=lambda pane: NUMBERED[pane])) == PANE_ORDER


def test_every_pane_is_drawn_and_every_topic_touches_known_panes() -> None:
    assert set(PANES) == {*ALL_PANES, "small"}
    assert {pane for panes in TOUCHES.values() for pane in panes} <= set(ALL_PANES)


def test_both_themes_know_the_same_colours() -> None:
    assert sorted(DARK) == sorted(LIGHT)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


READ = [
    ("text", "back", 7.0),
    ("text", "bid_bar", 4.5),
    ("text", "ask_bar", 4.5),
    ("text", "arm", 4.5),
    ("dim", "back", 3.0),
    ("own", "back", 4.5),
    ("bid", "back", 4.5),
    ("ask", "back", 4.5),
    ("warn_ink", "warn", 4.5),
    ("pick_ink", "pick", 4.5),
]


@pytest.mark.parametrize("theme", sorted(PALETTES))
@pytest.mark.parametrize(("ink", "ground", "least"), READ)
def test_text_is_readable(theme: str, ink: str, ground: str, least: float) -> None:
    """Contrast ratios as WCAG 2 reckons them; 4.5 is its bound for text."""
    palette = PALETTES[theme]
    light, dark = sorted((luminance(palette[ink]), luminance(palette[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= least


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

    def after(self, delay_ms: int, call: object) -> None:
        self.due.append((self.now_ms + delay_ms, call))

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


def test_a_storm_is_drawn_twenty_times_a_second() -> None:
    timers = Timers()
    clock = FrameClock(timers.draw, lambda: timers.now_ms, timers.after)
    for at_ms in range(0, 1_000, 5):
        timers.advance(at_ms)
        clock.changed()
    assert len(timers.drawn) == 1_000 // FRAME_MS
