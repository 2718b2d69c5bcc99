"""Writes a serving exchange's log: about batches and connections. Shell.

Everything is taken from the gateway's output; a batch with only trading costs one call.
"""

from importlib import metadata

from websockets.asyncio.server import ServerConnection

from exchange.gateway import log_events
from exchange.gateway.batch import Batch
from exchange.gateway.log_events import HostLog, Who
from exchange.log import log
from exchange.recovery.loading import Loaded
from exchange.server.form import FORM
from exchange.units import MS_PER_SECOND


class ServerLog:
    """The log of one run."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._gateway = loaded.gateway
        hosts = loaded.engine.state.hosts
        self._hosts = HostLog(lambda host: hosts[host].name)

    def started(self, data: str, url: str) -> None:
        """Serving begins: log the exchange, its address and how long the restore took."""
        loaded, version = self._loaded, metadata.version("headroom")
        seq, replay_ms, snapshot_seq = loaded.engine.seq, loaded.replay_ms, loaded.restored_seq
        log.write(log_events.started(version, FORM, data, url, seq, replay_ms, snapshot_seq))
        if refused := len(self._gateway.guard.quarantined):
            log.write(log_events.quarantine(refused))

    def batch(self, batch: Batch, apply_s: float, took_s: float) -> None:
        """A batch is durable and being sent: log its notable events."""
        for note in batch.notes:
            for entry in self._hosts.lines(note):
                log.write(entry)
        took_ms = int(took_s * MS_PER_SECOND)
        if took_ms > log_events.SLOW_BATCH_MS:
            apply_ms = int(apply_s * MS_PER_SECOND)
            log.write(log_events.slow_batch(took_ms, apply_ms, len(batch.rows)))

    def swept(self, count: int) -> None:
        if count:
            log.write(log_events.images_swept(count))

    def turned_away(self, peer: str, status: int) -> None:
        log.write(log_events.turned_away(peer, status))

    def opened(self, peer: str, number: int) -> None:
        log.write(log_events.opened(peer, number))

    def closed(self, peer: str, number: int, connection: ServerConnection) -> None:
        """The connection is gone, its session is still there: log who it was and why it ended."""
        session = self._gateway.sessions.get(number)
        who = Who(peer, session.account, session.key_id) if session else Who(peer)
        protocol = connection.protocol
        ours = protocol.close_sent
        by_us = ours is not None and not protocol.close_rcvd_then_sent
        code = ours.code if ours is not None and by_us else (connection.close_code or 0)
        reason = ours.reason if ours is not None and by_us else ""
        log.write(log_events.closed(number, who, int(code), reason, by_us))
