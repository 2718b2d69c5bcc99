"""What happened when in a run, for a player: load, units, price, what rules did, faults. Pure.

Source: scenario.md, "JSON output".
"""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from exchange.model.commands import Command, Out
from exchange.units import MS_PER_SECOND, UCR_PER_CREDIT
from exchange.wire.frames import Trade
from sim.results.service import Service, buckets
from sim.scenario.tables import Fault, Scenario

STEPS: Final = 240
"""Into how many equal parts a run is cut."""
ACTIONS_MAX: Final = 2_000


class Timeline(Struct, frozen=True):
    """Lists of `STEPS` values; ``price`` in credits, None before the first trade.

    ``actions``: ``(at_s, text)``, what the Manager's rules did.
    """

    load: list[float]
    units: list[float]
    need: list[float]
    price: list[float | None]
    actions: list[tuple[float, str]]


class Traded:
    """Folds `observe`: the last traded price of every part of the run, on any market."""

    def __init__(self, start_ms: int, duration_ms: int) -> None:
        self._start_ms = start_ms
        self._step_ms = duration_ms / STEPS
        self._last_ucr: dict[int, int] = {}

    def observe(self, command: Command, outs: list[Out], now_ms: int) -> None:
        for _, event in outs:
            if isinstance(event, Trade):
                at = int((now_ms - self._start_ms) / self._step_ms)
                self._last_ucr[max(-1, min(STEPS, at))] = event.price_ucr

    def values(self) -> list[float | None]:
        """Return the price of each part; where nothing was traded, the one before."""
        last = self._last_ucr.get(-1)
        found: list[float | None] = []
        for at in range(STEPS):
            last = self._last_ucr.get(at, last)
            found.append(None if last is None else last / UCR_PER_CREDIT)
        return found


def timeline(
    service: Service,
    loads: list[float],
    ready: list[tuple[int, int]],
    traded: Traded,
    fired: Sequence[tuple[int, str]],
) -> Timeline:
    """Return the timeline of a run; ``fired``: (ms since the start, what a rule did)."""
    units, need = buckets(service, loads, ready, STEPS)
    load = [loads[at * len(loads) // STEPS] for at in range(STEPS)]
    actions = [(at_ms / MS_PER_SECOND, text) for at_ms, text in fired[:ACTIONS_MAX]]
    return Timeline(load, units, need, traded.values(), actions)


def json_timeline(scenario: Scenario, runs: dict[str, Timeline | None]) -> dict[str, Any]:
    """Return the object ``timeline`` of ``--json``: each policy's run with the first seed."""
    return {
        "duration_s": scenario.duration_s,
        "start": scenario.start.isoformat(),
        "unit_rps": scenario.farm.unit_rps,
        "faults": [_fault(fault) for fault in scenario.fault],
        "policies": {name: found for name, found in runs.items() if found is not None},
    }


def _fault(fault: Fault) -> dict[str, Any]:
    at_s, until_s, text = fault_times(fault)
    return {"at_s": at_s, "until_s": until_s, "text": text}


def fault_times(fault: Fault) -> tuple[int, int | None, str]:
    """Return when ``fault`` begins and ends, and what it is in words."""
    who = fault.seller or (" and ".join(fault.between) if fault.between else "")
    text = fault.kind.replace("_", " ") + (f" of {who}" if who else "")
    return fault.at_s, None if fault.for_s is None else fault.at_s + fault.for_s, text
