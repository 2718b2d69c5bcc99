"""A run as its JSON tells it, and the player of its timeline: play, step, seek, speed. Pure.

What is not needed here is skipped. Source: scenario.md, "JSON output".
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from exchange.units import MS_PER_SECOND
from sim.results.judged import Judged
from tui.view.bars import column
from tui.view.text import Line, Span, fit, span, span_text, title_line, width_of

SPEEDS: Final = (60, 300, 600, 1_800, 3_600)
"""Virtual seconds in a real one."""
USUAL_SPEED: Final = 600
SCALE: Final = 1_000
MARKS: Final = 3
"""Rows below the chart: faults, what rules did, the hours."""
LEGEND: Final = (
    ("█", "accent", "in service"),
    ("░", "warn", "needed beyond"),
    ("━", "warn", "a fault"),
    ("+", "own", "a rule acted"),
    ("▲", "dim", "now"),
)
LEGEND_FROM: Final = 8
"""Rows from which on one tells what the marks are."""


class Figure(Struct, frozen=True):
    mean: float
    ci95: float


class Trouble(Struct, frozen=True):
    """A fault of the scenario."""

    at_s: float
    text: str
    until_s: float | None = None


class Course(Struct, frozen=True):
    """One policy's run, in equal parts."""

    load: list[float]
    units: list[float]
    need: list[float]
    price: list[float | None]
    actions: list[tuple[float, str]]


class Timeline(Struct, frozen=True):
    duration_s: float
    faults: list[Trouble]
    policies: dict[str, Course]


class Recording(Struct, frozen=True):
    """A result file. ``timeline`` is missing in those of an older release."""

    scenario: str
    seed: int
    runs: int
    policies: dict[str, dict[str, Figure]]
    expect: list[Judged]
    passed: bool
    timeline: Timeline | None = None

    def happened(self, policy: str) -> list[tuple[float, str, str]]:
        """Return ``(at_s, kind, text)`` of faults, their ends and what rules did, in order."""
        if self.timeline is None:
            return []
        found: list[tuple[float, str, str]] = []
        for fault in self.timeline.faults:
            found.append((fault.at_s, "fault", fault.text))
            if fault.until_s is not None:
                found.append((fault.until_s, "over", fault.text))
        course = self.timeline.policies.get(policy)
        found += [(at_s, "rule", text) for at_s, text in (course.actions if course else [])]
        return sorted(found)


def recording_of(data: bytes) -> Recording | None:
    """Return what a result file holds, None when it is none."""
    try:
        return msgspec.json.decode(data, type=Recording)
    except (msgspec.DecodeError, RecursionError):
        return None


class Player:
    """Where the timeline stands. ``at_s`` goes from 0 to the run's length."""

    def __init__(self) -> None:
        self.recording: Recording | None = None
        self.policy = ""
        self.at_s = 0.0
        self.playing = False
        self.speed = USUAL_SPEED

    def load(self, recording: Recording | None) -> None:
        """Show another run, from its start; the policy that buys most first."""
        if recording is self.recording:
            return
        self.recording, self.at_s, self.playing = recording, 0.0, False
        courses = recording.timeline.policies if recording and recording.timeline else {}
        self.policy = max(courses, key=lambda name: len(courses[name].actions), default="")

    @property
    def course(self) -> Course | None:
        found = self.recording.timeline if self.recording else None
        return found.policies.get(self.policy) if found else None

    @property
    def duration_s(self) -> float:
        found = self.recording.timeline if self.recording else None
        return found.duration_s if found else 0.0

    @property
    def part(self) -> int:
        """The part of the run that the playhead is in."""
        course = self.course
        if course is None or not self.duration_s:
            return 0
        return min(len(course.units) - 1, int(self.at_s * len(course.units) / self.duration_s))

    def toggle(self) -> None:
        """Play or pause; at the end, play from the start."""
        if self.course is None:
            return
        self.playing = not self.playing
        if self.playing and self.at_s >= self.duration_s:
            self.at_s = 0.0

    def tick(self, real_ms: int) -> None:
        """So much real time has passed."""
        if self.playing:
            self.seek(self.at_s + self.speed * real_ms / MS_PER_SECOND)
            self.playing = self.at_s < self.duration_s

    def seek(self, at_s: float) -> None:
        self.at_s = max(0.0, min(self.duration_s, at_s))

    def step(self, by: int) -> None:
        """Pause, and go to the start of the part before or after."""
        course = self.course
        if course is not None:
            self.playing = False
            self.seek((self.part + by) * self.duration_s / len(course.units))

    def faster(self, by: int) -> None:
        at = SPEEDS.index(self.speed)
        self.speed = SPEEDS[max(0, min(len(SPEEDS) - 1, at + by))]

    def next_policy(self) -> None:
        """Show the next policy's run at the same time of day."""
        names = (
            list(self.recording.timeline.policies)
            if self.course and self.recording and (self.recording.timeline)
            else []
        )
        if names:
            self.policy = names[(names.index(self.policy) + 1) % len(names)]

    def seek_cell(self, x: int, width: int) -> None:
        """Go to the time at column ``x`` of the chart."""
        self.seek(self.duration_s * x / max(1, width))


def player_lines(player: Player, width: int, height: int, focused: bool = False) -> list[Line]:
    """Return the player as ``height`` lines: units against need, faults, rules, the playhead."""
    course, recording = player.course, player.recording
    if course is None or recording is None or recording.timeline is None:
        title = title_line("PLAYER", (), width, focused)
        why = "run a scenario to play it" if recording is None else "this result has no timeline"
        return _filled([title, fit((span(f" {why}", "dim"),), width)], width, height)
    note = (span("▶ " if player.playing else "‖ ", "accent!"), span(f"{player.speed} x", "dim"))
    lines = [title_line(f"PLAYER {player.policy}", note, width, focused), _now(player, width)]
    legend = [_legend(width)] if height >= LEGEND_FROM else []
    rows = height - len(lines) - MARKS - len(legend)
    if rows > 0:
        lines += _chart(player, course, width, rows)
    lines += [*_marks(player, recording, width), *legend]
    return _filled(lines, width, height)


def _filled(lines: Sequence[Line], width: int, height: int) -> list[Line]:
    return [*lines[:height], *[fit((), width)] * (height - len(lines))]


def _now(player: Player, width: int) -> Line:
    course, at = player.course, player.part
    assert course is not None, "only drawn with a course"
    price = course.price[at]
    short = course.units[at] < course.need[at]
    ink = "warn" if short else "text"
    said = [
        span(f" {span_text(round(player.at_s * MS_PER_SECOND))}", "text!"),
        span(f"  {'! ' if short else ''}units {course.units[at]:.1f}", ink),
        span(f" of {course.need[at]:.1f} needed", ink),
        span("  price –" if price is None else f"  price {price:.4f}", "label"),
        span(f"  load {course.load[at]:,.0f}/s", "label"),
    ]
    while said and width_of(tuple(said)) > width:
        said.pop()  # whole figures, never a part of one
    return fit(tuple(said), width)


def _chart(player: Player, course: Course, width: int, rows: int) -> list[Line]:
    """Bars of the units in service; ``░`` is what was needed beyond them."""
    top = max(1, round(SCALE * max(*course.units, *course.need)))
    head = _cell(player, width)
    columns: list[list[Span]] = []
    for x in range(width):
        at = x * len(course.units) // width
        has, wants = (round(SCALE * each[at]) for each in (course.units, course.need))
        bar, missing = column(has, top, rows), column(wants, top, rows)
        later, ground = x > head, "cursor" if x == head else ""
        columns.append(
            [
                span("░", "warn", ground)
                if char == " " and lack != " "
                else span(char, "dim" if later else "accent", ground)
                for char, lack in zip(bar, missing, strict=True)
            ]
        )
    return [fit(tuple(one[row] for one in columns), width) for row in range(rows)]


def _cell(player: Player, width: int) -> int:
    return min(width - 1, int(player.at_s * width / max(1.0, player.duration_s)))


def _legend(width: int) -> Line:
    """Tell what the marks are, as many as there is room for."""
    line: Line = ()
    for mark, ink, text in LEGEND:
        more = (span(f" {mark}", ink), span(f" {text} ", "dim"))
        if width_of((*line, *more)) <= width:
            line = (*line, *more)
    return fit(line, width)


def _marks(player: Player, recording: Recording, width: int) -> list[Line]:
    """The rows below: ``━`` while a fault lasts, ``+`` where a rule acted, the playhead ``▲``."""
    timeline = recording.timeline
    assert timeline is not None, "only drawn with a timeline"

    def at(time_s: float) -> int:
        return min(width - 1, int(time_s * width / max(1.0, timeline.duration_s)))

    faults, acts = [" "] * width, [" "] * width
    for fault in timeline.faults:
        for x in range(at(fault.at_s), at(fault.until_s or fault.at_s) + 1):
            faults[x] = "━"
    for time_s, _ in timeline.policies[player.policy].actions:
        acts[at(time_s)] = "+"
    head = _cell(player, width)
    hours = f"{span_text(round(timeline.duration_s * MS_PER_SECOND))}"
    scale = "0".ljust(width - len(hours)) + hours
    scale = scale[:head] + "▲" + scale[head + 1 :]
    inks = (("".join(faults), "warn"), ("".join(acts), "own"), (scale, "dim"))
    return [fit((span(text, ink),), width) for text, ink in inks]
