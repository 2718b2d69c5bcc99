"""What an operator watches: `GET /metrics` in the Prometheus text format. Shell.

The pump counts here, and only by the batch: the journal's commits, the batches' work, what was sent
and who was cut. Figures that can be read from the exchange on request are in `gauges`. Names and
meanings are in docs/metrics.md.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
COMMIT_BUCKETS_S: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
)
APPLY_BUCKETS_S: Final = (
    *(0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005),
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0),
)
PAUSE_BUCKETS_S: Final = (0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 1.0)


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
        self.pause_s = Histogram(
            "headroom_pause_seconds",
            "Pauses of 5 ms or more in which nothing else went on, without waiting for the disk",
            buckets=PAUSE_BUCKETS_S,
            registry=self._registry,
        )
        self.rows = self._counter("headroom_journal_rows", "Commands made durable")
        self.frames = self._counter("headroom_sent_frames", "Frames handed to connections")
        self.cut = self._counter("headroom_slow_clients_cut", "Connections cut for reading slowly")

    def register(self, gauges: Collector) -> None:
        """Show these figures too, read when somebody asks."""
        self._registry.register(gauges)

    def text(self) -> bytes:
        """Return all figures, as of now."""
        return generate_latest(self._registry)

    def _counter(self, name: str, what: str) -> Counter:
        return Counter(name, what, registry=self._registry)
