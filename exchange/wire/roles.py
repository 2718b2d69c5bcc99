"""Who may send what: one static table from message type to roles.

viewer < trader; a host key touches its own host only; the operator does everything but trade.
The account always comes from the key, never from a message. Source: protocol.md, "Login".
"""

from typing import Final

from msgspec import Struct

from exchange.wire import admin_requests, console_requests, requests, session_requests
from exchange.wire.types import Role

_READERS: Final[tuple[Role, ...]] = ("viewer", "trader", "operator")
_OWNERS: Final[tuple[Role, ...]] = ("trader", "operator")
_TRADER: Final[tuple[Role, ...]] = ("trader",)
_HOST: Final[tuple[Role, ...]] = ("host",)
_OPERATOR: Final[tuple[Role, ...]] = ("operator",)

BEFORE_LOGIN: Final[tuple[type[Struct], ...]] = (
    requests.Auth,
    requests.HostEnroll,
    requests.AccountApply,
    requests.Subscribe,
    requests.Unsubscribe,
    requests.DirectorySearch,
)
"""These need no login; channel requests check for themselves whether their channel needs one."""

ROLES: Final[dict[type[Struct], tuple[Role, ...]]] = {
    session_requests.SessionClaim: _TRADER,
    requests.AccountState: _READERS,
    requests.AccountStatement: _READERS,
    requests.OrderList: _READERS,
    requests.OrderPlace: _TRADER,
    requests.OrderReplace: _TRADER,
    requests.OrderCancel: _TRADER,
    requests.OrderMassCancel: _TRADER,
    requests.OrderCancelOnDisconnect: _TRADER,
    requests.OrderCancelAllAfter: _TRADER,
    requests.ImageOffer: _TRADER,
    requests.ImageBuy: _TRADER,
    requests.VmStart: _TRADER,
    requests.VmStop: _TRADER,
    console_requests.VmConsole: _READERS,
    requests.LeaseRelease: _TRADER,
    requests.LeaseRecall: _TRADER,
    requests.ImagePut: _OWNERS,
    requests.ImageDelete: _OWNERS,
    requests.ImageGet: ("trader", "operator", "host"),
    requests.ImageStat: ("viewer", "trader", "operator", "host"),
    requests.ImageList: _READERS,
    requests.HostToken: _OWNERS,
    requests.HostApprove: _OWNERS,
    requests.HostOffer: _OWNERS,
    requests.HostDrain: _OWNERS,
    requests.HostAnnounce: _HOST,
    requests.HostHeartbeat: _HOST,
    requests.HostDone: _HOST,
    requests.HostSynced: _HOST,
    requests.VmStatus: _HOST,
    requests.UsageReport: _HOST,
    console_requests.ConsoleText: _HOST,
    admin_requests.AdminAccount: _OPERATOR,
    admin_requests.AdminKey: _OPERATOR,
    admin_requests.AdminKeyRevoke: _OPERATOR,
    admin_requests.AdminDeposit: _OPERATOR,
    admin_requests.AdminZone: _OPERATOR,
    admin_requests.AdminInstrument: _OPERATOR,
    admin_requests.AdminHalt: _OPERATOR,
    admin_requests.AdminKillSwitch: _OPERATOR,
    admin_requests.AdminLimits: _OPERATOR,
    admin_requests.AdminBalances: _OPERATOR,
    admin_requests.AdminApplications: _OPERATOR,
    admin_requests.AdminApprove: _OPERATOR,
    admin_requests.AdminDecline: _OPERATOR,
}

REPORTS: Final = frozenset(message for message, roles in ROLES.items() if roles == _HOST)
"""Messages that only a host may send, and only while it is serving."""
