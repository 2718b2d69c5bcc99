"""What the exchange calls this host, as far as its answers tell. Pure.

A host is live once it has announced its offer and answered ``host.sync``, in either order. An
announcement is answered with the host's status, the answer to ``host.sync`` is a report and is not:
after it a host that was ``syncing`` is live.
"""

from typing import Any

from exchange.log.line import LogLine
from hostagent.core import log_events


class Listing:
    """Returns a line to log whenever the status is another than before."""

    def __init__(self) -> None:
        self._host, self._status, self._synced = "", "", False

    def link_up(self, host: str) -> None:
        self._host, self._status, self._synced = host, "", False

    def answered(self, result: Any) -> LogLine | None:
        """Take in what a request was answered with; most answers say nothing of the host."""
        if not isinstance(result, dict) or result.get("host") != self._host:
            return None
        return self._now(str(result.get("status", self._status)))

    def refused(self, reason: str) -> LogLine | None:
        return self._now("pending") if reason == "not_approved" else None

    def synced(self) -> LogLine | None:
        """The answer to ``host.sync`` has been sent."""
        self._synced = True
        return self._now(self._status)

    def _now(self, status: str) -> LogLine | None:
        status = "live" if status == "syncing" and self._synced else status
        if status == self._status:
            return None
        self._status = status
        return log_events.listed(self._host, status)
