"""Scenario files, what they expect, and the table of a run's figures, as rows. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from exchange.units import MS_PER_SECOND
from tui.view.recording import Recording
from tui.view.table import Cell, Column, Row
from tui.view.text import span_text

SCENARIO_COLUMNS: Final = (
    Column("scenario", 0, least=10),
    Column("what", 2, least=12),
    Column("policies", 3, least=8),
    Column("runs", 1, number=True),
    Column("length", 1, number=True),
    Column("last run", 0, least=8),
)
EXPECT_COLUMNS: Final = (
    Column("expected", 0, least=14),
    Column("verdict", 0, least=8),
    Column("value", 1, number=True),
)
TIMELINE_COLUMNS: Final = (
    Column("at", 0, number=True),
    Column("kind", 0, least=5),
    Column("what", 0, least=20),
)


class Wanted(Struct, frozen=True):
    """One ``[[expect]]`` of a file."""

    policy: str
    metric: str
    max: float | None = None
    min: float | None = None
    less_than_policy: str | None = None


class Head(Struct, frozen=True):
    """What the list shows of a file; the rest of it is the simulation's."""

    title: str
    duration_s: int
    policy: dict[str, Any]
    runs: int = 1
    expect: list[Wanted] = []


class ScenarioFile(NamedTuple):
    """``head`` None: it cannot be read, ``wrong`` says why."""

    name: str
    head: Head | None
    wrong: str = ""


class Bound(NamedTuple):
    """One bound of an expectation, as a run judges it."""

    policy: str
    metric: str
    bound: float
    text: str


def scenario_file(name: str, data: bytes) -> ScenarioFile:
    try:
        return ScenarioFile(name, msgspec.toml.decode(data, type=Head))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return ScenarioFile(name, None, str(error))


def scenario_rows(
    files: Sequence[ScenarioFile], recordings: Mapping[str, Recording], running: Mapping[str, str]
) -> list[Row]:
    """``recordings`` and ``running`` (how far it is) by the file's name."""
    rows = []
    for file in files:
        if file.head is None:
            cells = [Cell(file.name), Cell(file.wrong, "warn"), *[Cell("")] * 3]
        else:
            head = file.head
            cells = [
                Cell(file.name),
                Cell(head.title, "label"),
                Cell(", ".join(head.policy), "dim"),
                Cell(str(head.runs), "label", head.runs),
                Cell(span_text(head.duration_s * MS_PER_SECOND), "label", head.duration_s),
            ]
        last = _last(file.name, recordings, running)
        rows.append(Row(file.name, (*cells, last), {"file": file.name}))
    return rows


def _last(name: str, recordings: Mapping[str, Recording], running: Mapping[str, str]) -> Cell:
    if name in running:
        return Cell(running[name], "accent")
    found = recordings.get(name)
    if found is None:
        return Cell("–", "dim")
    return Cell("passed") if found.passed else Cell("! FAILED", "warn")


def bounds(head: Head) -> list[Bound]:
    """Return every bound that the file sets, in its order."""
    found: list[Bound] = []
    for one in head.expect:
        about = f"{one.policy}: {one.metric}"
        if one.max is not None:
            found.append(Bound(one.policy, one.metric, one.max, f"{about} <= {one.max:g}"))
        if one.min is not None:
            found.append(Bound(one.policy, one.metric, one.min, f"{about} >= {one.min:g}"))
        if one.less_than_policy is not None:
            text = f"{about} below {one.less_than_policy}"
            found.append(Bound(one.policy, one.metric, 0.0, text))
    return found


def expect_rows(file: ScenarioFile | None, recording: Recording | None) -> list[Row]:
    """Return what the file expects, with what the last run said to it."""
    if file is None:
        return []
    if file.head is None:
        cells = (Cell(file.wrong, "warn"), Cell("! cannot be read", "warn"), Cell(""))
        return [Row(file.name, cells)]
    judged = (
        {(one.policy, one.metric, one.bound): one for one in recording.expect}
        if (recording)
        else {}
    )
    rows = []
    for bound in bounds(file.head):
        verdict = judged.get((bound.policy, bound.metric, bound.bound))
        said, value = Cell("not run", "dim"), Cell("–", "dim")
        if verdict is not None:
            said = Cell("passed") if verdict.passed else Cell("! FAILED", "warn")
            value = Cell(f"{verdict.value:.4f}", "label", verdict.value)
        rows.append(Row(bound.text, (Cell(bound.text), said, value), bound._asdict()))
    return rows


def result_columns(recording: Recording | None) -> tuple[Column, ...]:
    """One column a policy, so that they stand beside each other."""
    policies = list(recording.policies) if recording else []
    return (
        Column("figure", 0, least=12),
        *(Column(name, 1 + at, number=True) for at, name in enumerate(policies)),
    )


def result_rows(recording: Recording | None) -> list[Row]:
    """Return every figure of every policy: the mean, with half its 95 % interval."""
    if recording is None or not recording.policies:
        return []
    names = list(next(iter(recording.policies.values())))
    rows = []
    for name in names:
        found = [figures.get(name) for figures in recording.policies.values()]
        cells = [
            Cell("–", "dim") if one is None else Cell(_mean(one.mean, one.ci95), "text", one.mean)
            for one in found
        ]
        rows.append(Row(name, (Cell(name.replace("_", " "), "label"), *cells), {"figure": name}))
    return rows


def _mean(mean: float, ci95: float) -> str:
    return f"{mean:.4f} ± {ci95:.4f}" if ci95 else f"{mean:.4f}"


def timeline_rows(recording: Recording | None, policy: str) -> list[Row]:
    """Return faults and the acts of the policy's rules in the order of time."""
    if recording is None:
        return []
    rows: list[Row] = []
    for at_s, kind, text in recording.happened(policy):
        ink = {"fault": "warn", "over": "label"}.get(kind, "text")
        clock = span_text(round(at_s * MS_PER_SECOND))
        cells = (Cell(clock, "dim", at_s), Cell(kind, ink), Cell(text, ink))
        rows.append(Row(f"{at_s:g}/{len(rows)}", cells, {"at_s": at_s, "what": text}))
    return rows
