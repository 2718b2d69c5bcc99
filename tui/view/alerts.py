"""What is wrong now and stays in sight until it is over: silent hosts, recalls, money that ends.

Messages come and go; these are the account's state. Pure: folds frames, reads no clock.
"""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

from exchange.units import count_text
from exchange.wire.frames import LeaseUpdate, Notice
from tui.view.text import span_text

Kind: TypeAlias = Literal["recall", "host_silent", "funds_low"]
URGENCY: Final[tuple[Kind, ...]] = ("recall", "host_silent", "funds_low")
ENDED_BY: Final = ("host_back", "host_lost")
ALERTS_MAX: Final = 200
"""Alerts kept; an account's leases have no bound, one line does not show more anyway."""


class Alert(NamedTuple):
    """One thing that is not over. ``at_ms``: when it ends, or, of a silence, since when it is."""

    kind: Kind
    lease_id: str
    host: str
    units: int
    at_ms: int | None


class Alerts:
    """Folds notices and leases; at most one silence and one shortage a lease, every recall."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str, int | None], Alert] = {}

    def reset(self, leases: Iterable[LeaseUpdate]) -> None:
        """Take what the rows of an account state say as the whole truth."""
        self._open = {}
        for lease in leases:
            if lease.silent_since_ms is not None:
                self._add(
                    Alert("host_silent", lease.lease_id, lease.host, 0, lease.silent_since_ms)
                )
            for recall in lease.recalls or ():
                self._add(Alert("recall", lease.lease_id, lease.host, recall.units, recall.at_ms))

    def told(self, notice: Notice) -> None:
        """Fold one notice; those that say nothing lasting change nothing."""
        lease_id, host = notice.lease_id or "", notice.host or ""
        if notice.kind in ENDED_BY:
            self._open.pop(("host_silent", lease_id, None), None)
        for kind in URGENCY:
            if notice.kind == kind:
                self._add(Alert(kind, lease_id, host, notice.units or 0, notice.at_ms))

    def ended(self, lease_id: str) -> None:
        """With a lease all that was wrong with it is over."""
        self._open = {key: alert for key, alert in self._open.items() if alert.lease_id != lease_id}

    def silent(self, lease_id: str) -> bool:
        """Tell whether the host of a lease is silent now."""
        return ("host_silent", lease_id, None) in self._open

    def open(self, now_ms: int) -> list[Alert]:
        """Return what is not over at the exchange's time ``now_ms``, the most urgent first."""
        alive = [
            alert
            for alert in self._open.values()
            if alert.kind == "host_silent" or alert.at_ms is None or now_ms < alert.at_ms
        ]
        return sorted(alive, key=lambda alert: (URGENCY.index(alert.kind), alert.at_ms or 0))

    def _add(self, alert: Alert) -> None:
        at_ms = alert.at_ms if alert.kind == "recall" else None
        self._open[alert.kind, alert.lease_id, at_ms] = alert
        if len(self._open) > ALERTS_MAX:
            del self._open[next(iter(self._open))]


def alert_text(alert: Alert, now_ms: int) -> str:
    """Return it in a few words: ``recall of 2 units l-3 in 1m 40s``."""
    at_ms = alert.at_ms
    match alert.kind:
        case "recall":
            left = span_text(at_ms - now_ms) if at_ms is not None else "2m 00s"
            units = f"{count_text(alert.units, 'unit')} of " if alert.units else ""
            return f"recall: {units}{alert.lease_id} in {left}"
        case "host_silent":
            since = f" for {span_text(now_ms - at_ms)}" if at_ms is not None else ""
            return f"{alert.host or 'host'} silent{since}: {alert.lease_id} waits"
        case "funds_low":
            left = f" in {span_text(at_ms - now_ms)}" if at_ms is not None else ""
            return f"money short: {alert.lease_id} ends{left}"


def summary(alerts: list[Alert], now_ms: int) -> str:
    """Return the most urgent one and how many more there are, "" when all is well."""
    if not alerts:
        return ""
    more = f" (+{len(alerts) - 1})" if len(alerts) > 1 else ""
    return f"! {alert_text(alerts[0], now_ms)}{more}"
