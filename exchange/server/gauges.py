"""Metrics that are read from the exchange when ``/metrics`` is requested. Shell."""

from collections import Counter as Counted
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from exchange.server.form import FORM
from exchange.server.pump import Pump
from exchange.storage import disk
from exchange.wire.schema import tag
from exchange.wire.types import DiskLevel


class Gauges(Collector):
    """Of the pump, its gateway and its engine, and of the disk below ``data_dir``."""

    def __init__(self, pump: Pump, data_dir: Path) -> None:
        self._pump = pump
        self._data_dir = data_dir

    def collect(self) -> Iterator[Metric]:
        pump, gateway = self._pump, self._pump.gateway
        engine = gateway.engine
        yield _gauge("headroom_connections", "Open WebSocket connections", len(pump.connections))
        yield _gauge("headroom_queue_depth", "Work items that wait for the pump", pump.depth)
        yield _gauge("headroom_journal_seq", "Number of the last command", engine.seq)
        yield _gauge("headroom_epoch", "How many times the exchange was started", engine.epoch)
        waiting = len(gateway.sign_ups.pending)
        yield _gauge("headroom_applications", "Sign-ups that wait for the operator", waiting)
        quarantined = len(gateway.guard.quarantined)
        yield _gauge(
            "headroom_quarantined_requests",
            "Requests refused because they stopped the exchange once",
            quarantined,
        )
        yield self._disk()
        yield _build()
        with suppress(OSError):  # a lost disk stops the exchange; that is housekeeping's to find
            free = disk.free_bytes(self._data_dir)
            yield _gauge("headroom_disk_free_bytes", "Free space on the journal's disk", free)
        yield self._sessions()
        yield self._subscriptions()
        yield self._requests()
        hosts = GaugeMetricFamily("headroom_hosts", "Hosts by status", labels=["status"])
        for status, count in sorted(engine.host_statuses().items()):
            hosts.add_metric([status], count)
        yield hosts

    def _disk(self) -> Metric:
        """1 for what the journal's disk allows, 0 for the other levels."""
        found = GaugeMetricFamily(
            "headroom_disk_level", "1 for what the disk allows", labels=["level"]
        )
        for level in get_args(DiskLevel):
            found.add_metric([level], float(level == self._pump.gateway.guard.disk))
        return found

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


def _build() -> Metric:
    found = GaugeMetricFamily(
        "headroom_build_info", "Always 1; what runs is in the labels", labels=["version", "form"]
    )
    found.add_metric([metadata.version("headroom"), FORM], 1)
    return found


def _gauge(name: str, what: str, value: int) -> Metric:
    return GaugeMetricFamily(name, what, value=value)
