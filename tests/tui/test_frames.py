"""A frame that is due is drawn, whatever became of Textual's timers."""

import asyncio

import pytest
from textual.timer import Timer

from tests.tui.test_app import Stand, play


async def lost(timer: Timer) -> None:
    """What becomes of a short one-time timer whose process has to wait as it begins."""


def test_a_timer_that_begins_late_loses_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """(Seen to fail with Textual's timer: nothing was drawn any more.)"""

    async def scene(s: Stand) -> None:
        monkeypatch.setattr(Timer, "_run", lost)
        tab = s.app.tab
        assert tab is not None
        for words in ("First.", "Second.", "Third."):  # one may be due since before
            s.app.desk.say(words, "warn")
            tab.redraw()
            async with asyncio.timeout(10):
                while words not in s.text("ticket"):
                    await s.pilot.pause(0.05)

    play((80, 24), scene)
