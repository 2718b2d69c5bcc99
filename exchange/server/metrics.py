"""What an operator watches: `GET /metrics` in the Prometheus text format. Shell.

Counted where it happens, and only by the batch: the journal's commits, the batches' work, what was
sent and who was cut. Everything that can be read off the exchange is read when somebody asks.
Names and meanings are in docs/metrics.md.
"""

from collections import Counter as Counted
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from exchange.wire.schema import tag

if TYPE_CHECKING:
    from exchange.server.pump import Pump

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
COMMIT_BUCKETS_S: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
)
APPLY_BUCKETS_S: Final = (
    *(0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005),
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0),
)


class Metrics:
    """One exchange's figures; `text` is what Prometheus reads."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.commit_s = Histogram(
            "headroom_journal_commit_seconds",
            "Time to make one batch durable",
            buckets=COMMIT_BUCKETS_S,
            registry=self._registry,
        )
        self.apply_s = Histogram(
            "headroom_batch_apply_seconds",
            "Time to decode, apply and encode one batch",
            buckets=APPLY_BUCKETS_S,
            registry=self._registry,
        )
        self.rows = self._counter("headroom_journal_rows", "Commands made durable")
        self.frames = self._counter("headroom_sent_frames", "Frames handed to connections")
        self.cut = self._counter("headroom_slow_clients_cut", "Connections cut for reading slowly")

    def watch(self, pump: "Pump") -> None:
        """Read the rest off ``pump`` and its gateway from now on."""
        self._registry.register(_State(pump))

    def text(self) -> bytes:
        """Return all figures, as of now."""
        return generate_latest(self._registry)

    def _counter(self, name: str, what: str) -> Counter:
        return Counter(name, what, registry=self._registry)


class _State(Collector):
    """The figures that are simply there to be read."""

    def __init__(self, pump: "Pump") -> None:
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
