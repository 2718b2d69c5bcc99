"""How far an upload is, and when a stored VM was last used: in the snapshot, as text, on screen."""

import asyncio

from exchange.wire.frames import LeaseUpdate
from exchange.wire.types import LeaseState
from manager.control.frames import LoadRow, Snapshot, VmRow
from manager.control.tables import vm_lines
from manager.shell.daemon import Clock
from manager.shell.library_use import LastUse, Uploads
from tests.manager.shell.test_trouble import Scene, play
from tui.view.library_rows import stored_rows

VM = VmRow("web", "small", image="ab" * 32)
USED = VmRow("web", "small", image="ab" * 32, units=2)


def lines(row: VmRow, now_ms: int) -> str:
    shown = Snapshot(at_ms=now_ms, load=LoadRow(1.0, 0), library=[row])
    return list(vm_lines(shown))[-1]


def state(row: VmRow, now_ms: int) -> str:
    return str(stored_rows([row], {}, {}, now_ms)[0].cells[2].text)


def test_an_upload_shows_how_far_it_is_and_how_long_it_takes() -> None:
    """(Seen to fail: nothing but "uploading" was to be seen.)"""
    clock = [0.0]
    uploads = Uploads(lambda: clock[0])
    with uploads.uploading("web") as progress:
        assert uploads.rows([VM])[0].upload_percent == 0
        clock[0] = 5.0
        progress(200, 1000)  # where an earlier attempt stopped
        [row] = uploads.rows([VM])
        assert (row.upload_percent, row.upload_left_s) == (20, None)
        clock[0] = 15.0
        progress(600, 1000)
        [row] = uploads.rows([VM])
        assert (row.upload_percent, row.upload_left_s) == (60, 10)
        assert "uploading 60 %, 10 s left" in lines(row, 0)
        assert state(row, 0).startswith("uploading 60 %, ")
    assert uploads.rows([VM]) == [VM]


def test_when_it_was_last_used_is_shown_once_no_unit_has_it() -> None:
    use = LastUse()
    assert use.rows([VM]) == [VM]
    use.note(["web"], 2_000)
    assert use.rows([USED]) == [USED]
    [row] = use.rows([VM])
    assert row.used_ms == 2_000
    assert "60 s ago" in lines(row, 62_000)
    assert state(row, 62_000).startswith("idle, used ")
    assert " now " in lines(USED, 0)


class LoopClock(Clock):
    """Goes on from ``now_ms`` by the event loop's time."""

    def __init__(self, now_ms: int) -> None:
        self._ahead_ms = now_ms - self._loop_ms()

    def now_ms(self) -> int:
        return self._ahead_ms + self._loop_ms()

    def _loop_ms(self) -> int:
        return round(asyncio.get_running_loop().time() * 1000)


def lease(scene: Scene, seq: int, state: LeaseState) -> LeaseUpdate:
    """Return the row of a lease that was bought by hand for the stored VM."""
    now_ms = scene.daemon.now_ms()
    return LeaseUpdate(
        seq, seq, now_ms, "l-1", "t-1", "small.eu-de.flat.spot", "buy", "h-1", 1, 20_000, state,
        now_ms, 0, f"rule/+web/{now_ms}-1",
    )  # fmt: skip


def test_a_use_is_noted_when_nobody_looks() -> None:
    """(Seen to fail with uses noted only in a snapshot.)"""

    async def story(scene: Scene) -> None:
        scene.daemon._clock = LoopClock(scene.daemon.now_ms())
        assert scene.daemon.last_use.rows([VM]) == [VM]
        await scene.daemon._inbox.put(lease(scene, 1, "active"))
        await asyncio.sleep(17)
        assert scene.daemon.manager.rented.vms_in_use() == {"web"}
        ended_ms = scene.daemon.now_ms()
        await scene.daemon._inbox.put(lease(scene, 2, "ended"))
        await asyncio.sleep(20)
        assert scene.daemon.manager.rented.vms_in_use() == set()
        assert scene.daemon.last_use.rows([VM])[0].used_ms == ended_ms

    play(story)
