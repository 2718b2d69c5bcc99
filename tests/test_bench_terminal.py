"""The benchmark of the terminal runs end to end: real processes, short looks."""

from bench import terminal
from bench.report import table

SHORT = terminal.Spell(settling_s=0.5, loaded_s=1.0, idle_s=0.2, day_steps=120)


def test_every_screen_is_measured_and_updates_come() -> None:
    found = {figure.name: figure for figure in terminal.figures(1, SHORT)}
    # What a second tells of a share is noise: `make bench` judges it.
    assert found["book updates that came, 200 updates/s"].value > 100
    assert all(f"{name}, idle: share of a core" in found for name in terminal.SCREENS)
    painted = found["start to first paint"]
    assert 0 < found["start to import textual"].value < painted.value
    aims = [figure for figure in found.values() if figure.aim is not None]
    assert found["RSS grown in a virtual day"].unit == "MiB"
    assert len(aims) == len(terminal.LOADS) + len(terminal.SCREENS) + 1 + 2 + 2
    assert "Market / bare Textual" in table(list(found.values()))
