"""`make docs-recording`: play the buyer's story in a pty and keep it as a recording."""

import asyncio
import sys
import tempfile
from asyncio.subprocess import Process
from pathlib import Path
from typing import Final

from tests.tui.story import acts
from tests.tui.story.seats import PtySeat
from tests.tui.story.stage import stage
from tui.demo.recording import Recording, encode, retimed

SIZE: Final = (100, 30)
TITLE: Final = "Headroom: a peak in one sitting"
MOST_S: Final = 2.0
"""So long a wait is at most when it is shown."""


class Recorder(PtySeat):
    """Types as a person would; what is shown begins with the first chapter."""

    typing_s = 0.09

    def __init__(self, process: Process, line: int, size: tuple[int, int]) -> None:
        super().__init__(process, line, size)
        self.clock: list[tuple[float, float]] = []
        """True seconds, and those that are shown."""

    def title(self, text: str) -> None:
        self._pass(MOST_S)
        if not self.clock:
            self.clock.append((self.at_s, 0.0))
        super().title(text)

    def _pass(self, most_s: float) -> None:
        if self.clock:
            true_s, shown_s = self.clock[-1]
            self.clock.append((self.at_s, shown_s + min(self.at_s - true_s, most_s)))

    async def press(self, *keys: str) -> None:
        self._pass(MOST_S)
        await super().press(*keys)
        self._pass(len(keys) * self.typing_s * 2)

    async def rest(self, seconds: float) -> None:
        self._pass(MOST_S)
        await asyncio.sleep(seconds)
        self._pass(seconds)


async def record(folder: Path) -> Recording:
    async with stage(folder, "127.83.19.63") as opened:
        seat = await Recorder.open(opened, SIZE)
        try:
            await acts.peak(seat, opened.guest)
            events = retimed(seat.events, seat.clock)
        finally:
            await seat.leave()
    return Recording(*SIZE, TITLE, events)


def main(file: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="headroom-story-") as name:
        file.write_text(encode(asyncio.run(record(Path(name)))), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
