"""Requests refused for everybody: those that crashed the exchange, writes on a full disk, and all
after shutdown.

Pure. A request whose handling raises stops the exchange. Its digest is kept, and after the restart
the same request is refused as `internal` instead of stopping it again. When the disk fills up,
trading ends before the journal has to: first only requests that wind down are accepted, then none
that must be written. After the shutdown frame no request is handled. Source: rules.md 7.5;
operations.md, "When the disk fills up".
"""

from hashlib import sha256
from typing import Any, Final, get_args

import msgspec

from exchange.model.commands import JournalMessage
from exchange.units import MS_PER_SECOND
from exchange.wire import admin_requests, requests
from exchange.wire.results import Refused
from exchange.wire.types import DiskLevel

WRITES: Final = frozenset(
    (
        *get_args(JournalMessage),
        requests.HostEnroll,
        requests.ImagePut,
        admin_requests.AdminApprove,
    )
)
"""Requests that write to the disk; all others are answered even when it is full."""
WINDING_DOWN: Final = frozenset(
    {
        requests.OrderCancel,
        requests.OrderMassCancel,
        requests.OrderCancelOnDisconnect,
        requests.OrderCancelAllAfter,
        requests.LeaseRelease,
        requests.LeaseRecall,
        requests.VmStop,
        requests.VmStatus,
        requests.UsageReport,
        requests.HostSynced,
        requests.HostAnnounce,
        requests.HostDrain,
        admin_requests.AdminKeyRevoke,
        admin_requests.AdminHalt,
        admin_requests.AdminKillSwitch,
    }
)
"""Accepted as well while only cancels are: they end running things or report on them."""
RETRY_AFTER_MS: Final = 10 * MS_PER_SECOND

_ENCODE: Final = msgspec.msgpack.Encoder().encode


class Guard:
    """Checks every readable request. ``handling`` is the current one, for a crash report."""

    __slots__ = ("disk", "handling", "quarantined", "shutting_down")

    def __init__(self) -> None:
        self.disk: DiskLevel = "ok"
        self.quarantined: dict[str, None] = {}
        self.handling: tuple[str, Any] | None = None
        self.shutting_down = False

    def refusal(self, account: str, message: Any) -> Refused | None:
        """Return why ``message`` must not be handled; otherwise it becomes the current one."""
        if self.shutting_down:
            return Refused("shutting_down", "the exchange goes down; ask again when it is back")
        if self.disk != "ok":
            refused = _full(self.disk, type(message))
            if refused is not None:
                return refused
        if self.quarantined and digest(account, message) in self.quarantined:
            return Refused("internal", "this request stopped the exchange before; see the operator")
        self.handling = account, message
        return None

    def set_disk(self, level: DiskLevel) -> None:
        """The shell measured the free disk space."""
        self.disk = level


def digest(account: str, message: Any) -> str:
    """Return a request's digest without its ``req_id``, so that it is equal on every connection."""
    if hasattr(message, "req_id"):
        message = msgspec.structs.replace(message, req_id=1)
    return sha256(_ENCODE([account, message])).hexdigest()


def _full(level: DiskLevel, kind: type) -> Refused | None:
    if kind not in WRITES:
        return None
    if level == "halt":
        return Refused("busy", "halted: the exchange's disk is full", None, RETRY_AFTER_MS)
    if kind in WINDING_DOWN:
        return None
    text = "only cancels are taken: the exchange's disk is nearly full"
    return Refused("busy", text, None, RETRY_AFTER_MS)
