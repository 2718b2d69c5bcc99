"""The scenarios' screen: a real run in a process of its own, its figures, its player."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.e2e.wait import eventually
from tests.sim.scenes import scene
from tests.tui.demo.test_demo import until
from tests.tui.test_app import LARGE, SMALL, Stand, play
from tui.scenario_run import result_path
from tui.screens.scenarios import ScenariosScreen
from tui.screens.sure import SureScreen

EXPECT = '[[expect]]\npolicy = "no_burst"\nmetric = "cost"\nmax = 0.0\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    found = tmp_path / "scenarios"
    found.mkdir()
    (found / "short.toml").write_text(scene(EXPECT, duration_s=600), "utf-8")
    (found / "broken.toml").write_text("title = 7", "utf-8")
    return found


def on_screen(
    size: tuple[int, int],
    folder: Path,
    acts: Callable[[Stand, ScenariosScreen], Awaitable[None]],
    who: str = "acme",
) -> None:
    async def go(s: Stand) -> None:
        s.app.shared.scenarios = folder
        await s.press("f9")
        screen = s.app.tab
        assert isinstance(screen, ScenariosScreen)
        await acts(s, screen)

    play(size, go, who)


def text(screen: ScenariosScreen, name: str) -> str:
    return screen.panes[name].text


@pytest.mark.parametrize("who", ["acme", ""])
def test_a_scenario_is_run_judged_and_played(folder: Path, who: str) -> None:
    async def acts(s: Stand, screen: ScenariosScreen) -> None:
        assert "cannot be read" in text(screen, "expected")
        assert screen.views["scenarios"].put_on("short.toml")
        await s.press("r")
        await until(s.app, s.pilot, lambda: "passed" in text(screen, "scenarios"))
        assert "no_burst: cost <= 0" in text(screen, "expected")
        assert "passed" in text(screen, "expected")
        assert "no_burst" in text(screen, "results")
        assert "slo violation pct" in text(screen, "results")
        assert result_path("short.toml").exists()
        await s.press("space")
        assert screen.player.playing
        await s.press("space", "right", "right")
        assert screen.player.part == 2
        before = screen.player.policy
        await s.press("p")
        assert screen.player.policy != before
        await s.press("v")
        assert s.app.clipboard == str(result_path("short.toml"))
        await s.pilot.click("#player", offset=(79, 5))
        assert 290 < screen.player.at_s < 310
        await s.pilot.resize_terminal(*SMALL)
        screen.focus_on = "scenarios"
        await s.settle()
        assert not screen.player_view.display
        await s.press("space")  # what plays is seen, also where one list is shown at a time
        assert screen.player_view.display

    on_screen(LARGE, folder, acts, who)


def test_a_run_is_ended_after_a_question_and_leaves_nothing(folder: Path) -> None:
    async def acts(s: Stand, screen: ScenariosScreen) -> None:
        (folder / "short.toml").write_text(scene(EXPECT, duration_s=86_400), "utf-8")
        assert screen.views["scenarios"].put_on("short.toml")
        await s.press("r", "r", "c")
        await s.pilot.pause()
        assert isinstance(s.app.screen, SureScreen)
        await s.press("enter")
        await until(s.app, s.pilot, lambda: not screen.running)
        assert list(result_path("short.toml").parent.iterdir()) == []
        assert "–" in text(screen, "scenarios")

    on_screen(SMALL, folder, acts)


def test_a_file_that_cannot_run_says_why_in_the_log(folder: Path) -> None:
    async def acts(s: Stand, screen: ScenariosScreen) -> None:
        assert screen.views["scenarios"].put_on("broken.toml")
        await s.press("r")
        await until(s.app, s.pilot, lambda: not screen.running)
        said = [entry.text for entry in s.app.shared.log.entries]
        assert any(line.startswith("broken.toml: ") for line in said), said

    on_screen(SMALL, folder, acts)


def test_no_folder_says_where_it_was_looked_for(folder: Path) -> None:
    async def acts(s: Stand, screen: ScenariosScreen) -> None:
        assert "no scenario files in" in text(screen, "scenarios")
        await s.press("tab", "tab", "tab", "space", "right", "r", "c", "v", "enter")
        assert "run a scenario to play it" in screen.player_view.text

    on_screen(SMALL, folder / "nothing", acts)


def test_leaving_ends_the_run(folder: Path) -> None:
    """The child is asked to end when the application goes."""
    seen: list[ScenariosScreen] = []

    async def acts(s: Stand, screen: ScenariosScreen) -> None:
        (folder / "short.toml").write_text(scene(EXPECT, duration_s=86_400), "utf-8")
        assert screen.views["scenarios"].put_on("short.toml")
        await s.press("r")
        await until(s.app, s.pilot, result_path("short.toml").parent.exists)
        seen.append(screen)

    on_screen(SMALL, folder, acts)
    assert not seen[0].running
    asyncio.run(eventually(_no_children, 5, "the run's processes are gone"))


async def _no_children() -> bool | None:
    return await _children() == "" or None


async def _children() -> str:
    """Return the scenario processes of this test that still run."""
    asked = await asyncio.create_subprocess_exec(
        "pgrep", "-f", "sim run .*short.toml", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asked.communicate()
    return out.decode()


def test_at_120x35_the_list_has_room_for_the_scenarios_that_come_along(folder: Path) -> None:
    for number in range(3):
        (folder / f"more-{number}.toml").write_text(scene(EXPECT, duration_s=600), "utf-8")

    async def acts(s: Stand, screen: ScenariosScreen) -> None:
        screen.add_class("tipped")  # beside the demo's card
        await s.settle()
        rows = text(screen, "scenarios")
        assert all(f"{name}.toml" in rows for name in ("broken", "more-0", "more-1", "more-2"))
        assert "short.toml" in rows

    on_screen((120, 35), folder, acts)
