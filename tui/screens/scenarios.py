"""F9, Scenarios: files and what they expect, a run in its own process, figures, the player."""

from collections.abc import Iterable, Sequence
from typing import Final

from textual.widget import Widget
from textual.worker import Worker

from tui.actions import Action
from tui.scenario_run import NotRunError, last_result, result_path, run_scenario, scenario_files
from tui.screens.base import Deed
from tui.screens.lists import ListScreen
from tui.shared import Shared
from tui.view.recording import Player, Recording
from tui.view.scenario_rows import (
    EXPECT_COLUMNS,
    SCENARIO_COLUMNS,
    TIMELINE_COLUMNS,
    ScenarioFile,
    expect_rows,
    result_columns,
    result_rows,
    scenario_rows,
    timeline_rows,
)
from tui.view.table import ListView, Row
from tui.widgets.player import PlayerView


def _act(name: str, title: str, text: str, keys: tuple[str, ...], label: str = "") -> Action:
    return Action(f"scenarios_{name}", title, text, "Look", keys, label)


ACTIONS: Final = (
    _act("run", "Run the scenario", "Run it with all its policies and seeds.", ("r",), "Run"),
    _act("stop", "End the run", "End the run, after a question.", ("c",)),
    _act("play", "Play or pause", "Play the timeline, or pause it.", ("space",), "Play"),
    _act("step", "Step", "Go on by one part of the timeline.", ("right",)),
    _act("step_back", "Step back", "Go back by one part of the timeline.", ("left",)),
    _act("faster", "Faster", "Play faster.", ("right_square_bracket",)),
    _act("slower", "Slower", "Play slower.", ("left_square_bracket",)),
    _act("policy", "Next policy", "Play the next policy's run.", ("p",)),
    _act("file", "Result file", "Tell and copy the name of the result's file.", ("v",)),
)


class ScenariosScreen(ListScreen):
    """One run at a time; it goes on while other tabs are on top."""

    CSS_PATH = "scenarios.tcss"
    ACTIONS = ACTIONS
    LISTS = ("scenarios", "expected", "results", "timeline")

    def __init__(self, shared: Shared, name: str) -> None:
        self.files: list[ScenarioFile] = []
        self.recordings: dict[str, Recording] = {}
        self.running: dict[str, str] = {}
        """The file that runs and how far it is; empty when none does."""
        self.player = Player()
        self._run: Worker[None] | None = None
        self._ticked_ms = 0
        super().__init__(shared, name)
        self.player_view = PlayerView(shared.paint, self.player)

    def column(self) -> Iterable[Widget]:
        return *self.panes.values(), self.player_view

    def list_view(self, name: str) -> ListView:
        match name:
            case "scenarios":
                empty = f"no scenario files in {self.shared.scenarios}/ (settings: scenarios)"
                return ListView("SCENARIOS", SCENARIO_COLUMNS, empty)
            case "expected":
                return ListView("EXPECTED", EXPECT_COLUMNS, "it expects nothing")
            case "results":
                return ListView("POLICIES", result_columns(None), "not run yet: r runs it")
            case _:
                return ListView("TIMELINE", TIMELINE_COLUMNS, "not run yet: r runs it")

    def rows(self, name: str) -> Sequence[Row]:
        match name:
            case "scenarios":
                return scenario_rows(self.files, self.recordings, self.running)
            case "expected":
                return expect_rows(self.file, self.recording)
            case "results":
                return result_rows(self.recording)
            case _:
                return timeline_rows(self.recording, self.player.policy)

    @property
    def file(self) -> ScenarioFile | None:
        """The scenario under the cursor."""
        row = self.views["scenarios"].row
        return next((each for each in self.files if row and each.name == row.key), None)

    @property
    def recording(self) -> Recording | None:
        return self.recordings.get(self.file.name) if self.file else None

    def seen(self) -> None:
        """Files may have come or gone, and another terminal may have run one."""
        self.files = scenario_files(self.shared.scenarios)
        found = {file.name: last_result(file.name) for file in self.files}
        self.recordings = {name: each for name, each in found.items() if each is not None}
        self.redraw()

    def draw(self) -> None:
        wide = self.all_at_once()
        self.set_class(wide, "wide")
        self.views["scenarios"].take(self.rows("scenarios"))
        self.player.load(self.recording)
        self.views["results"].columns = result_columns(self.recording)
        if self.player.playing:
            self._follow_playhead()
        self.player_view.display = wide or self.focus_on == "timeline"
        super().draw()
        self.player_view.draw(self.focus_on == "timeline")

    def _follow_playhead(self) -> None:
        """Keep the timeline's cursor on what happened last."""
        view = self.views["timeline"]
        view.take(self.rows("timeline"))
        past = [row for row in view.rows if row.data["at_s"] <= self.player.at_s]
        if past:
            view.put_on(max(past, key=lambda row: float(row.data["at_s"])).key)

    def alive(self) -> bool:
        """A run that is played moves all the time."""
        return super().alive() or self.player.playing

    def pulse(self) -> None:
        now_ms = self.shared.now_ms()
        self.player.tick(now_ms - self._ticked_ms)
        self._ticked_ms = now_ms
        super().pulse()

    # --- acts ---

    def deeds(self) -> dict[str, Deed]:
        player = self.player
        return {
            "scenarios_run": self._begin,
            "scenarios_stop": self._stop,
            "scenarios_play": self._play,
            "scenarios_step": lambda: player.step(1),
            "scenarios_step_back": lambda: player.step(-1),
            "scenarios_faster": lambda: player.faster(1),
            "scenarios_slower": lambda: player.faster(-1),
            "scenarios_policy": player.next_policy,
            "scenarios_file": self._tell_file,
        }

    def opened(self, row: Row) -> None:
        if self.focus_on == "timeline":
            self.player.playing = False
            self.player.seek(row.data["at_s"])
        elif self.focus_on == "scenarios":
            self.focus_on = "timeline" if self.recording else "expected"

    def _play(self) -> None:
        """Play or pause, where it is seen."""
        if self.recording is None:
            self.notify("There is no result yet: r runs it.", timeout=4)
            return
        if not self.player_view.display:
            self.focus_on = "timeline"
        self.player.toggle()

    def _begin(self) -> None:
        file = self.file
        if self.running:
            self.notify(f"{next(iter(self.running))} runs; c ends it.", timeout=4, markup=False)
        elif file is not None:
            self.running = {file.name: "starting"}
            self._run = self.run_worker(self._follow(file.name))

    async def _follow(self, name: str) -> None:
        """Run a scenario and say what came of it."""
        try:
            path = self.shared.scenarios / name
            self.recordings[name] = found = await run_scenario(path, self._progress)
            said = "passed" if found.passed else "failed what it expects"
            self.shared.tell("done", f"{name} {said}; result: {result_path(name)}", ident=name)
        except NotRunError as error:
            self.shared.tell("refusal", f"{name}: {error}", "warn", name)
        finally:
            self.running = {}
            self.redraw()

    def _progress(self, line: str) -> None:
        """Take a line such as ``[3/20] threshold, seed 1: ...``."""
        if line.startswith("["):
            self.running = {name: line.partition("]")[0][1:] for name in self.running}
            self.redraw()

    def _stop(self) -> None:
        if not self.running:
            self.notify("Nothing runs.", timeout=4)
            return
        name = next(iter(self.running))
        self.ask(f"End the run of {name}?", self._end, "Its result so far is lost.")

    def _end(self) -> None:
        if self._run is not None and self.running:
            self._run.cancel()
            self.shared.tell("done", f"The run of {next(iter(self.running))} was ended")

    def _tell_file(self) -> None:
        if self.file is None or self.recording is None:
            self.notify("There is no result yet.", timeout=4)
            return
        path = str(result_path(self.file.name))
        self.app.copy_to_clipboard(path)
        self.notify(f"Copied {path}", timeout=6, markup=False)
