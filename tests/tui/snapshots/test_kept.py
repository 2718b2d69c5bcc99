"""Every screen looks as it did when it was last looked at; `make e2e` does the third size."""

import pytest

from tests.tui.snapshots.draw import SIZES, news
from tests.tui.snapshots.kept import FOLDER, read, written
from tui.demo.scenes import SCENES


@pytest.mark.parametrize("size", ["80x24", "160x50"])
def test_every_screen_looks_as_it_did(size: str) -> None:
    lines = news(size)
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize("size", SIZES)
def test_every_scene_is_kept_and_a_file_is_read_as_it_was_written(size: str) -> None:
    text = (FOLDER / f"{size}.txt").read_text("utf-8")
    screens = read(text)
    assert set(screens) == {scene.name for scene in SCENES}
    assert written(screens) == text
