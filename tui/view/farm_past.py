"""What the Manager showed over time: the farm's load, and the steps of each unit. Bounded, pure."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from exchange.units import MS_PER_MINUTE, MS_PER_SECOND
from manager.control.frames import BurstRow, LoadRow, UnitRow
from manager.core.unit import UnitState

FINE_MS: Final = MS_PER_SECOND
FINE_MAX: Final = 1_800
COARSE_MS: Final = MS_PER_MINUTE
COARSE_MAX: Final = 1_440
"""A day of minutes."""
UNITS_MAX: Final = 200
"""Units that are remembered; those that are gone are forgotten first."""
STEPS_MAX: Final = 64
"""Steps that are remembered of one unit."""

Step: TypeAlias = Literal["bought", "starting", "ready", "in service", "draining", "ending", "gone"]
STEPS: Final[dict[UnitState, Step]] = {
    "leased": "bought",
    "requested": "starting",
    "starting": "starting",
    "joining": "ready",
    "ready": "in service",
    "draining": "draining",
    "stopping": "ending",
    "stopped": "ending",
}


class Point(NamedTuple):
    """What was so from ``at_ms`` until the next point; None: not known.

    ``serves_rps``: what the units in service serve at 100 %.
    """

    at_ms: int
    load_rps: float | None
    serves_rps: float | None = None


class LoadPast:
    """The last half hour by the second, the day before by the minute (its peaks)."""

    def __init__(self) -> None:
        self._before: list[Point] = []
        self._coarse: deque[Point] = deque(maxlen=COARSE_MAX)
        self._fine: deque[Point] = deque(maxlen=FINE_MAX)

    def add(self, at_ms: int, load: LoadRow) -> None:
        known = None if load.stale else load.load_rps
        self._put(Point(at_ms, known, load.ready * load.unit_rps))

    def gap(self) -> None:
        """Nothing is known from now on, until the next figure."""
        if self._fine:
            self._put(Point(self._fine[-1].at_ms + FINE_MS, None))

    def read(self, rows: Iterable[Sequence[float]]) -> None:
        """Take what was before the terminal looked: pairs of milliseconds and requests/s."""
        first = self._fine[0].at_ms if self._fine else None
        points = [Point(int(at_ms), rps) for at_ms, rps in rows]
        self._before = [one for one in points if first is None or one.at_ms < first][-COARSE_MAX:]

    def points(self) -> list[Point]:
        """Return all that is known, in order of time."""
        fine = list(self._fine)
        coarse = [one for one in self._coarse if not fine or one.at_ms < fine[0].at_ms]
        return [*self._before, *coarse, *fine]

    def _put(self, point: Point) -> None:
        if self._fine and point.at_ms < self._fine[-1].at_ms:
            return  # a clock that was set back: what is drawn must be in order
        fine = self._fine[-1] if self._fine else None
        if fine is not None and fine.at_ms // FINE_MS == point.at_ms // FINE_MS:
            self._fine[-1] = point._replace(at_ms=fine.at_ms)
        else:
            self._fine.append(point)
        last = self._coarse[-1] if self._coarse else None
        if last is None or last.at_ms // COARSE_MS != point.at_ms // COARSE_MS:
            self._coarse.append(point)
        elif (point.load_rps or 0) >= (last.load_rps or 0):
            self._coarse[-1] = point._replace(at_ms=last.at_ms)


class UnitPast(NamedTuple):
    """A unit of the burst ``burst``, and since when it was at each step."""

    unit: str
    burst: str
    steps: list[tuple[int, Step]]

    @property
    def gone(self) -> bool:
        return self.steps[-1][1] == "gone"


class StepPast:
    """Every unit that was seen, oldest first."""

    def __init__(self) -> None:
        self._units: dict[str, UnitPast] = {}

    def add(self, at_ms: int, bursts: Sequence[BurstRow]) -> None:
        """Note at which step each unit is now; one that is no more is gone."""
        seen = {unit.unit: (burst, unit) for burst in bursts for unit in burst.units}
        for name, (burst, unit) in seen.items():
            self._step(at_ms, burst, name, unit)
        for name, past in self._units.items():
            if name not in seen and not past.gone:
                past.steps.append((at_ms, "gone"))
        while len(self._units) > UNITS_MAX:
            gone = (name for name, past in self._units.items() if past.gone)
            del self._units[next(gone, next(iter(self._units)))]

    def since_ms(self, unit: str) -> int | None:
        """Return since when a unit is at its step, None for one that was never seen."""
        past = self._units.get(unit)
        return past.steps[-1][0] if past else None

    def between(self, from_ms: int) -> list[UnitPast]:
        """Return the units that were there at ``from_ms`` or came later."""
        return [
            past for past in self._units.values() if not past.gone or past.steps[-1][0] >= from_ms
        ]

    def _step(self, at_ms: int, burst: BurstRow, name: str, unit: UnitRow) -> None:
        step = STEPS[unit.state]
        past = self._units.get(name)
        if past is None:
            # A unit that is in service says since when; of others only the step is known.
            first = unit.joined_ms if step == "in service" and unit.joined_ms else at_ms
            self._units[name] = UnitPast(name, burst.name, [(min(first, at_ms), step)])
        elif past.steps[-1][1] != step:
            past.steps.append((at_ms, step))
            del past.steps[:-STEPS_MAX]
