"""Shows what rules would have done on a recorded load: runs the core on a paper market. Pure.

Supply is unlimited at each rule's highest price, so the cost is an upper bound and only the rules'
own limits hold them back. Between two rows of the series the last one counts.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from exchange.units import MS_PER_HOUR
from manager.core.core import Manager
from manager.core.farm import ManagerConfig
from manager.core.library import StoredVm
from manager.core.messages import LoadSample
from manager.core.paper import Paper
from manager.core.thin import thinned

STALE_STEPS: Final = 2.5
POINTS_MAX: Final = 1_000
PAPER_VM: Final = StoredVm(name="vm", image="0" * 64, vm_class="small", ports=(80,))


class Fired(Struct, frozen=True):
    """``rule`` acted at ``t_s`` of the series, ``units`` were bought before it."""

    t_s: float
    rule: str
    what: str
    units: int


class Outcome(Struct, frozen=True):
    """``cost_ucr`` at the rules' highest price."""

    fired: list[Fired]
    peak_units: int
    unit_hours: float
    cost_ucr: int
    units: list[tuple[float, int]] = []
    """(seconds of the series, how many units were bought from then on)."""
    load: list[tuple[float, float]] = []
    """What was played, as (seconds, requests/s), thinned to `POINTS_MAX`."""


def dry_run(
    config: ManagerConfig, samples: Sequence[tuple[int, float]], boot_ms: int, start_ms: int = 0
) -> Outcome:
    """Play ``samples``, at least one row of (ms, requests/s) in order of time.

    ``start_ms``: the UTC time of the series' second 0, for rules with hours.
    """
    samples = [(start_ms + at_ms, value) for at_ms, value in samples]
    longest_ms = max((after - at for (at, _), (after, _) in pairwise(samples)), default=0)
    price_ucr = max((rule.price_max_ucr for rule in config.rules), default=0)
    whole = replace(
        config,
        # One image is used for all: the paper market boots anything.
        library=[PAPER_VM],
        rules=tuple(replace(rule, vm=None) for rule in config.rules),
        stale_ms=max(config.stale_ms, int(STALE_STEPS * longest_ms)),
    )
    paper = Paper(Manager(whole), price_ucr, boot_ms)
    fired: list[Fired] = []
    peak = 0
    paper.feed(paper.connected(), samples[0][0])
    for at_ms, load_rps in samples:
        seen = len(paper.log)
        paper.feed(LoadSample(load_rps, at_ms), at_ms)
        peak = max(peak, len(paper.leases))
        acted = [fired_of(line, start_ms) for line in paper.log[seen:]]
        fired += [one for one in acted if one is not None]
    first_ms = samples[0][0]
    steps = [((at_ms - start_ms) / 1000, units) for at_ms, units in [(first_ms, 0), *paper.units]]
    ends_ms = [at_ms for at_ms, _ in paper.units[1:]] + [samples[-1][0]]
    pairs = zip(paper.units, ends_ms, strict=False)
    unit_ms = sum(units * (end_ms - at_ms) for (at_ms, units), end_ms in pairs)
    load = [((at_ms - start_ms) / 1000, value) for at_ms, value in samples]
    cost_ucr, shown = paper.owed_ucr(), thinned(load, POINTS_MAX)
    return Outcome(fired, peak, unit_ms / MS_PER_HOUR, cost_ucr, steps, shown)


def fired_of(line: tuple[int, str, int], start_ms: int = 0) -> Fired | None:
    """Return what a line of the Manager's log says of a rule that acted, ``None`` for others."""
    at_ms, text, units = line
    rule, _, what = text.removeprefix("rule ").partition(": ")
    done = what.rpartition(": ")[2]
    acted = done != what and done.startswith(("buy", "take back", "release", "cancel"))
    return Fired((at_ms - start_ms) / 1000, rule, what, units) if acted else None
