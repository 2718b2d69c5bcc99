"""How far an upload is, and when a stored VM was last used: in the snapshot, as text, on screen."""

from manager.control.frames import LoadRow, Snapshot, VmRow
from manager.control.tables import vm_lines
from manager.shell.library_use import LibraryUse
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
    use = LibraryUse(lambda: clock[0])
    with use.uploading("web") as progress:
        assert use.rows([VM], 0)[0].upload_percent == 0
        clock[0] = 5.0
        progress(200, 1000)  # where an earlier attempt stopped
        [row] = use.rows([VM], 0)
        assert (row.upload_percent, row.upload_left_s) == (20, None)
        clock[0] = 15.0
        progress(600, 1000)
        [row] = use.rows([VM], 0)
        assert (row.upload_percent, row.upload_left_s) == (60, 10)
        assert "uploading 60 %, 10 s left" in lines(row, 0)
        assert state(row, 0).startswith("uploading 60 %, ")
    assert use.rows([VM], 0) == [VM]


def test_when_it_was_last_used_is_shown_once_no_unit_has_it() -> None:
    use = LibraryUse()
    assert use.rows([VM], 1_000) == [VM]
    assert use.rows([USED], 2_000) == [USED]
    [row] = use.rows([VM], 62_000)
    assert row.used_ms == 2_000
    assert "60 s ago" in lines(row, 62_000)
    assert state(row, 62_000).startswith("idle, used ")
    assert " now " in lines(USED, 0)
