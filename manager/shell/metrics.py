"""What a Manager shows to Prometheus: its snapshot as gauges, read when somebody asks. Shell.

Names and meanings are in docs/metrics.md.
"""

from collections import Counter as Counted
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from exchange.units import UCR_PER_CREDIT
from manager.control.frames import Snapshot

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


class ManagerMetrics(Collector):
    """``shown`` returns what there is now; ``alerts`` counts alerts by kind."""

    def __init__(self, shown: Callable[[], Snapshot], alerts: Mapping[str, int]) -> None:
        self._shown = shown
        self._alerts = alerts
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """Return all figures, as of now."""
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Registering must not ask for a snapshot."""
        return []

    def collect(self) -> Iterator[Metric]:
        shown = self._shown()
        yield from _farm(shown)
        yield from _rules(shown)
        yield from _units(shown)
        yield _asks(shown)
        alerts = CounterMetricFamily("headroom_manager_alerts", "Alerts by kind", labels=["kind"])
        for kind, count in sorted(self._alerts.items()):
            alerts.add_metric([kind], count)
        yield alerts


def _farm(shown: Snapshot) -> Iterator[Metric]:
    load = shown.load
    if load.load_rps is not None:
        yield _one("load", "The farm's load per second", load.load_rps)
    if load.util_pct is not None:
        yield _one("util_percent", "Load in percent of what is in service", load.util_pct)
    yield _one("units_ready", "Units in service, your own included", load.ready)
    yield _one("units_pending", "Units on order or on their way", load.pending)
    yield _one("connected", "1 while the exchange can be asked", load.online)
    yield _one("load_stale", "1 while no rule acts for want of a load figure", load.stale)
    yield _one("buying", "0 while the administrator has stopped buying", load.buying)


def _rules(shown: Snapshot) -> Iterator[Metric]:
    state = _many("rule_state", "1 for the state that the rule is in", "rule", "state")
    spent = _many("rule_spent_credits", "Spent since midnight UTC", "rule")
    units = _many("rule_units", "Units that the rule has rented", "rule")
    for row in shown.rules:
        state.add_metric([row.name, row.state], 1)
        spent.add_metric([row.name], row.spent_ucr / UCR_PER_CREDIT)
        units.add_metric([row.name], row.units)
    yield from (state, spent, units)


def _units(shown: Snapshot) -> Iterator[Metric]:
    states = _many("rented_units", "Rented units by state", "state")
    counts = Counted(unit.state for burst in shown.bursts for unit in burst.units)
    for state, count in sorted(counts.items()):
        states.add_metric([state], count)
    yield states
    hour_ucr = sum(burst.hour_ucr for burst in shown.bursts)
    yield _one("hour_credits", "What an hour of all rented units costs", hour_ucr / UCR_PER_CREDIT)


def _asks(shown: Snapshot) -> Metric:
    asks = _many("ask_units", "Units that groups ask for in the book", "group", "symbol")
    units: Counted[tuple[str, str]] = Counted()
    for row in shown.groups:
        for ask in row.asks:
            units[row.name, ask.symbol] += ask.units
    for labels, count in sorted(units.items()):
        asks.add_metric(list(labels), count)
    return asks


def _one(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"headroom_manager_{name}", what, value=float(value))


def _many(name: str, what: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"headroom_manager_{name}", what, labels=labels)
