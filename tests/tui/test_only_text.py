"""Nothing that a peer wrote reaches the terminal as a command, whatever draws it."""

import pytest

from exchange.wire.frames import Notice
from tests.tui.test_app import LARGE, SMALL, Stand, play

HOSTILE = {
    "clipboard": "\x1b]52;c;QUJD\x07",
    "title": "\x1b]0;pwned\x1b\\",
    "link": "\x1b]8;;http://elsewhere/\x07",
    "screen": "\x1b[2J",
    "of one byte": "\x9b2J",
    "back": "\b\b\r",
    "backwards": "\u202e",
}


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("sequence", HOSTILE.values(), ids=HOSTILE)
def test_what_a_peer_writes_stays_text(sequence: str, size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        lease = f"{sequence}l-1{sequence}"
        s.link.push(Notice(1, 1, s.link.now_ms(), "host_lost", lease_id=lease, host=lease))
        await s.settle()
        for screen in ("f2", "f10"):
            await s.press(screen)
            s.app.notify(lease, markup=False)
            await s.pilot.pause()
            assert "l-1" in drawn(s)
            assert [char for char in drawn(s) if not char.isprintable()] == []

    play(size, scene)


def drawn(s: Stand) -> str:
    """Return all text on screen, without the terminal's own commands."""
    strips = s.app.screen._compositor.render_strips()
    return "".join(strip.text for strip in strips)
