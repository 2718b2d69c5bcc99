"""The table of all screens, from which the pictures of the docs are made."""

from tui.demo.pictures import SCREENS
from tui.demo.scenes import SCENES
from tui.screens.table import TABS


def test_every_tab_is_a_scene_and_every_scene_a_picture_of_the_docs() -> None:
    names = {scene.name for scene in SCENES}
    assert {tab.name for tab in TABS} <= names
    assert {file.stem for file in SCREENS.glob("*.svg")} == names
