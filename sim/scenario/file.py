"""Read a scenario file and name its mistakes, each in one clear line with its place.

Shell module: it reads the file and the traces it names. msgspec finds wrong keys and types; what
only the whole file shows (a seller that a fault names, a policy that another is like) is checked in
`scenario_check.py`.
"""

import math
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from exchange import files
from exchange.choices import choices, keys, there_is
from exchange.log.line import clean
from sim.scenario.check import mistakes
from sim.scenario.farms import filled, with_load
from sim.scenario.outages import Outage, read_outages
from sim.scenario.tables import LABEL, LABEL_TEXT, Label, Policy, Scenario
from sim.scenario.trace_file import TraceError, read_series
from sim.scenario.workload import AMOUNT_MAX, Series, Trace, Workload, trace_key, traces_of

Wanted = TypeVar("Wanted")

MAX_FILE_BYTES = 4 * 1024 * 1024


class ScenarioError(Exception):
    """A scenario cannot be run as written. ``str(error)`` is one line for the user."""


Check: TypeAlias = Literal["full", "laws"]
"""How closely a run is watched: the laws alone, or everything recomputed by the rules."""


class Loaded(Struct, frozen=True):
    """A checked scenario with what is in the files that it names.

    ``outages``: the host failures of each file of a fault ``trace``.
    """

    scenario: Scenario
    traces: dict[str, Series]
    outages: dict[str, list[Outage]] = {}
    check: Check | None = None
    """None: as the size of the scenario allows."""


def load(path: Path, workload: Workload | None = None) -> Loaded:
    """Return the scenario in ``path``; ``workload`` takes the place of the file's own.

    Trace files are found relative to the scenario file. Raises `ScenarioError`.
    """
    try:
        scenario = decode(_text(path))
        if workload is not None:
            scenario = with_load(scenario, workload)
        found = mistakes(scenario)
        if found:
            raise ScenarioError(found[0])
        traces = _read_traces(scenario, path.parent)
        return Loaded(scenario, traces, _read_outages(scenario, path.parent))
    except ScenarioError as error:
        # What a person wrote is in it, such as a line break.
        raise ScenarioError(clean(f"scenario {path}: {error}")) from error


def decode(text: str) -> Scenario:
    """Return the scenario that the TOML ``text`` spells. Raises `ScenarioError` without a path."""
    try:
        raw = files.toml(text)
    except ValueError as error:
        raise ScenarioError(f"is not TOML: {error}") from error
    for place, value in _leaves("", raw):
        if isinstance(value, float) and not math.isfinite(value):
            raise ScenarioError(f"{place}: must be a finite number, not {value}")
    policies = raw.get("policy")
    for name, policy in policies.items() if isinstance(policies, dict) else ():
        # One by one, since msgspec names places in lists but not the keys of a dictionary.
        _convert(name, Label, f"policy.{name}")
        _convert(policy, Policy, f"policy.{name}")
    return _convert(filled(raw), Scenario, "")


def short_traces(loaded: Loaded) -> list[str]:
    """Return a line for each trace that ends before the run does; its last value is held."""
    scenario = loaded.scenario
    return [
        f"trace {trace.file}: ends {last_s - trace.from_s:g} s into the run of "
        f"{scenario.duration_s} s; its last value is held"
        for trace in _traces(scenario)
        if (last_s := loaded.traces[trace_key(trace)].end_s) < trace.from_s + scenario.duration_s
    ]


def _text(path: Path) -> str:
    try:
        # Some editors begin a text with a byte order mark.
        return files.read(path, MAX_FILE_BYTES).removeprefix(BOM_UTF8).decode("utf-8")
    except OSError as error:
        raise ScenarioError(files.why(error)) from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"is not UTF-8 text (byte {error.start})") from error


def _leaves(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{place}.{key}" if place else key, inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(f"{place}[{index}]", inner)
    else:
        yield place, value


def _convert(value: Any, kind: type[Wanted], place: str) -> Wanted:
    try:
        return msgspec.convert(value, type=kind)
    except msgspec.ValidationError as error:
        raise ScenarioError(_line(str(error), place, kind, value)) from error


def _line(message: str, place: str, kind: type[Any], value: Any) -> str:
    """Turn msgspec's ``Expected `int`, got `str` - at `$.farm.units` `` into ``place: text``."""
    text, _, where = message.partition(" - at `$")
    where = where.rstrip("`")
    joined = ".".join(part for part in (place, where.removeprefix(".")) if part).replace(".[", "[")
    text = text[:1].lower() + text[1:].replace("`", "'")
    text = text.replace("object contains unknown field", "unknown key")
    text = text.replace("object missing required field", "missing key")
    text = text.replace(f"expected 'str' matching regex {LABEL!r}", LABEL_TEXT)
    if text.startswith("unknown key"):
        text += f"; {there_is(keys(kind, where, value))}"
    if text.startswith("invalid") and (words := choices(kind, where)):
        text += f"; {there_is(words)}"
    return f"{joined or 'the file'}: {text}"


def files_of(scenario: Scenario) -> list[str]:
    """Return the files that the scenario names; their paths are relative to it."""
    return [trace.file for trace in _traces(scenario)] + _outage_files(scenario)


def _outage_files(scenario: Scenario) -> list[str]:
    return [fault.file for fault in scenario.fault if fault.file is not None]


def _traces(scenario: Scenario) -> list[Trace]:
    loads = [scenario.workload, *(s.own_load for s in scenario.seller if s.own_load)]
    loads += [farm.workload for farm in scenario.farms if farm.workload]
    return [trace for load in loads for trace in traces_of(load)]


def _read_traces(scenario: Scenario, folder: Path) -> dict[str, Series]:
    found: dict[str, Series] = {}
    for trace in _traces(scenario):
        key = trace_key(trace)
        try:
            if key not in found:
                found[key] = read_series(folder / trace.file, trace.time, trace.column)
        except TraceError as error:
            raise ScenarioError(str(error)) from error
        if trace.from_s > found[key].end_s:
            end_s = found[key].end_s
            raise ScenarioError(f"trace {trace.file}: from_s lies behind its end ({end_s:g} s)")
        most = max(found[key].values) / trace.per_s * trace.scale
        if most > AMOUNT_MAX:
            where = f"trace {trace.file}: {trace.column} / per_s * scale"
            raise ScenarioError(f"{where} comes to {most:g}; {AMOUNT_MAX:g} at most")
    return found


def _read_outages(scenario: Scenario, folder: Path) -> dict[str, list[Outage]]:
    try:
        names = dict.fromkeys(_outage_files(scenario))
        return {name: read_outages(folder / name) for name in names}
    except TraceError as error:
        raise ScenarioError(str(error)) from error
