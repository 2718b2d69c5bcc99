"""The screens between the smallest size and the widest look as they did."""

from tests.tui.snapshots.draw import news


def test_every_screen_looks_as_it_did() -> None:
    lines = news("120x35")
    assert not lines, "\n".join(lines)
