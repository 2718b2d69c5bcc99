"""Load over time, as a scenario writes it: profile, trace, flash, diurnal, sum.

A workload answers "how much, this many seconds after the start"; it is a pure function of time.
Noise is the only random part and comes from the stream the caller passes, one per actor, so that
two policies of the same seed see the same load. Source: scenario.md, ``[workload]``.
"""

import math
from bisect import bisect_right
from typing import Annotated, Final, Protocol, TypeAlias

from msgspec import Meta, Struct

SECONDS_PER_DAY = 86_400

AMOUNT_MAX: Final = 10.0**12
"""Of what any load comes to: with more, figures would no longer be exact, or finite."""
Amount: TypeAlias = Annotated[float, Meta(ge=0, le=AMOUNT_MAX)]
Seconds: TypeAlias = Annotated[float, Meta(ge=0, le=10**12)]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]


class Noise(Protocol):
    """A stream of normal noise, such as `random.Random`."""

    def gauss(self, mu: float, sigma: float) -> float: ...


class _Load(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True):
    """What every kind has: ``noise`` is the standard deviation of a factor around 1."""

    noise: Share = 0.0


class Profile(_Load, frozen=True, tag="profile"):
    """Breakpoints ``[seconds, value]``, linear in between, the outer values held outside."""

    points: Annotated[list[tuple[Seconds, Amount]], Meta(min_length=1)]


class Trace(_Load, frozen=True, tag="trace"):
    """A column of a CSV file; ``time`` names the column of seconds (or of ISO timestamps).

    A row's value holds until the next row. ``per_s`` is the time a value was counted over,
    ``from_s`` where in the file the run begins, ``scale`` a factor.
    """

    file: Annotated[str, Meta(min_length=1)]
    column: str
    time: str = "t_s"
    per_s: Annotated[float, Meta(ge=0.001, le=10**9)] = 1.0
    from_s: Annotated[float, Meta(ge=-(10**12), le=10**12)] = 0.0
    scale: Amount = 1.0


class Flash(_Load, frozen=True, tag="flash"):
    """``base``, from ``at_s`` to ``peak`` in ``ramp_s``, held ``hold_s``, back in ``decay_s``."""

    base: Amount
    peak: Amount
    at_s: Seconds
    ramp_s: Seconds
    hold_s: Seconds
    decay_s: Seconds


class Diurnal(_Load, frozen=True, tag="diurnal"):
    """A cosine over the day: ``mean x (1 + swing)`` at ``peak_s``, never below zero."""

    mean: Amount
    swing: Annotated[float, Meta(ge=0, le=1000)]
    peak_s: Seconds


Single: TypeAlias = Profile | Trace | Flash | Diurnal


class Sum(_Load, frozen=True, tag="sum"):
    parts: Annotated[list["Single | Sum"], Meta(min_length=1)]


Workload: TypeAlias = Single | Sum


class Series(Struct, frozen=True):
    """Measured values: ``values[i]`` holds from ``times_s[i]`` until the next time."""

    times_s: list[float]
    values: list[float]

    @property
    def end_s(self) -> float:
        """Until when the last value stands: one more step of the series' last length."""
        step = self.times_s[-1] - self.times_s[-2] if len(self.times_s) > 1 else 0.0
        return self.times_s[-1] + step


def load_at(workload: Workload, at_s: float, traces: dict[str, Series]) -> float:
    """Return the load ``at_s`` seconds after the start, without noise.

    ``traces`` holds the series of every `Trace` in ``workload``, by `trace_key`.
    """
    match workload:
        case Profile():
            return _profile(workload.points, at_s)
        case Trace():
            series = traces[trace_key(workload)]
            return _held(series, at_s + workload.from_s) * workload.scale / workload.per_s
        case Flash():
            return _flash(workload, at_s)
        case Diurnal():
            angle = 2 * math.pi * (at_s - workload.peak_s) / SECONDS_PER_DAY
            return max(0.0, workload.mean * (1 + workload.swing * math.cos(angle)))
        case Sum():
            return sum(load_at(part, at_s, traces) for part in workload.parts)


def sampled(
    workload: Workload,
    duration_s: int,
    step_s: int,
    random: Noise,
    traces: dict[str, Series],
) -> list[float]:
    """Return the load with noise at 0, ``step_s``, ... up to but not including ``duration_s``."""
    return [noisy_load(workload, at_s, random, traces) for at_s in range(0, duration_s, step_s)]


def trace_key(trace: Trace) -> str:
    """Name the series a trace reads: its file, time column and value column."""
    return f"{trace.file}\0{trace.time}\0{trace.column}"


def traces_of(workload: Workload) -> list[Trace]:
    """Return every trace that ``workload`` reads, in file order."""
    match workload:
        case Trace():
            return [workload]
        case Sum():
            return [trace for part in workload.parts for trace in traces_of(part)]
        case _:
            return []


def noisy_load(workload: Workload, at_s: float, random: Noise, traces: dict[str, Series]) -> float:
    """Return the load at ``at_s`` with its noise, drawn from ``random``."""
    if isinstance(workload, Sum):
        value = sum(noisy_load(part, at_s, random, traces) for part in workload.parts)
    else:
        value = load_at(workload, at_s, traces)
    if workload.noise == 0:
        return value
    return value * max(0.0, random.gauss(1.0, workload.noise))


def _profile(points: list[tuple[float, float]], at_s: float) -> float:
    index = bisect_right(points, at_s, key=lambda point: point[0])
    if index == 0:
        return points[0][1]
    if index == len(points):
        return points[-1][1]
    (left_s, left), (right_s, right) = points[index - 1], points[index]
    return left + (right - left) * (at_s - left_s) / (right_s - left_s)


def _held(series: Series, at_s: float) -> float:
    return series.values[max(0, bisect_right(series.times_s, at_s) - 1)]


def _flash(flash: Flash, at_s: float) -> float:
    top_s = flash.at_s + flash.ramp_s
    fall_s = top_s + flash.hold_s
    points = [
        (flash.at_s, flash.base),
        (top_s, flash.peak),
        (fall_s, flash.peak),
        (fall_s + flash.decay_s, flash.base),
    ]
    return flash.base if at_s < flash.at_s else _profile(points, at_s)
