"""Metrics that are read from the exchange when ``/metrics`` is requested. Shell."""

from collections import Counter as Counted
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from exchange.server.pump import Pump
from exchange.wire.schema import tag


class Gauges(Collector):
    """Of the pump, its gateway and its engine."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump

    def collect(self) -> Iterator[Metric]:
        pump, gateway = self._pump, self._pump.gateway
        engine = gateway.engine
        yield _gauge("headroom_connections", "Open WebSocket connections", len(pump.connections))
        yield _gauge("headroom_queue_depth", "Work items that wait for the pump", pump.depth)
        yield _gauge("headroom_journal_seq", "Number of the last command", engine.seq)
        yield _gauge("headroom_epoch", "How many times the exchange was started", engine.epoch)
        waiting = len(gateway.sign_ups.pending)
        yield _gauge("headroom_applications", "Sign-ups that wait for the operator", waiting)
        yield self._sessions()
        yield self._subscriptions()
        yield self._requests()
        hosts = GaugeMetricFamily("headroom_hosts", "Hosts by status", labels=["status"])
        for status, count in sorted(engine.host_statuses().items()):
            hosts.add_metric([status], count)
        yield hosts

    def _sessions(self) -> Metric:
        found = GaugeMetricFamily("headroom_sessions", "Sessions by role", labels=["role"])
        sessions = self._pump.gateway.sessions.values()
        counts = Counted(session.role or "anonymous" for session in sessions)
        for role, count in sorted(counts.items()):
            found.add_metric([role], count)
        return found

    def _subscriptions(self) -> Metric:
        found = GaugeMetricFamily(
            "headroom_subscriptions", "Subscriptions by channel", labels=["channel"]
        )
        sessions = self._pump.gateway.sessions.values()
        counts = Counted(channel for session in sessions for channel, _ in session.channels)
        for channel, count in sorted(counts.items()):
            found.add_metric([channel], count)
        return found

    def _requests(self) -> Metric:
        found = CounterMetricFamily(
            "headroom_requests",
            "Requests by type and outcome: done, duplicate, or why it was refused",
            labels=["type", "outcome"],
        )
        for (message, outcome), count in self._pump.gateway.notes.outcomes.items():
            found.add_metric([tag(message), outcome], count)
        return found


def _gauge(name: str, what: str, value: int) -> Metric:
    return GaugeMetricFamily(name, what, value=value)
