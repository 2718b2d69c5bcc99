"""Who may send what: one static table from message type to roles.

viewer < trader; a host key touches its own host only; the operator does everything but trade.
The account always comes from the key, never from a message. Source: protocol.md, "Login".
"""

from typing import Final

from msgspec import Struct

from exchange import operator_requests, protocol
from exchange.wire import Role

_READERS: Final[tuple[Role, ...]] = ("viewer", "trader", "operator")
_OWNERS: Final[tuple[Role, ...]] = ("trader", "operator")
_TRADER: Final[tuple[Role, ...]] = ("trader",)
_HOST: Final[tuple[Role, ...]] = ("host",)
_OPERATOR: Final[tuple[Role, ...]] = ("operator",)

BEFORE_LOGIN: Final[tuple[type[Struct], ...]] = (
    protocol.Auth,
    protocol.HostEnroll,
    protocol.AccountApply,
    protocol.Subscribe,
    protocol.Unsubscribe,
    protocol.DirectorySearch,
)
"""These pass without a key; those about channels check themselves whether one is needed."""

ROLES: Final[dict[type[Struct], tuple[Role, ...]]] = {
    protocol.AccountState: _READERS,
    protocol.AccountStatement: _READERS,
    protocol.OrderList: _READERS,
    protocol.OrderPlace: _TRADER,
    protocol.OrderReplace: _TRADER,
    protocol.OrderCancel: _TRADER,
    protocol.OrderMassCancel: _TRADER,
    protocol.OrderCancelOnDisconnect: _TRADER,
    protocol.OrderCancelAllAfter: _TRADER,
    protocol.ImageOffer: _TRADER,
    protocol.ImageBuy: _TRADER,
    protocol.VmStart: _TRADER,
    protocol.VmStop: _TRADER,
    protocol.VmConsole: _READERS,
    protocol.LeaseRelease: _TRADER,
    protocol.LeaseRecall: _TRADER,
    protocol.ImagePut: _OWNERS,
    protocol.ImageDelete: _OWNERS,
    protocol.ImageGet: ("trader", "operator", "host"),
    protocol.ImageStat: ("viewer", "trader", "operator", "host"),
    protocol.ImageList: _READERS,
    protocol.HostToken: _OWNERS,
    protocol.HostApprove: _OWNERS,
    protocol.HostOffer: _OWNERS,
    protocol.HostDrain: _OWNERS,
    protocol.HostAnnounce: _HOST,
    protocol.HostHeartbeat: _HOST,
    protocol.HostDone: _HOST,
    protocol.HostSynced: _HOST,
    protocol.VmStatus: _HOST,
    protocol.UsageReport: _HOST,
    protocol.ConsoleText: _HOST,
    operator_requests.AdminAccount: _OPERATOR,
    operator_requests.AdminKey: _OPERATOR,
    operator_requests.AdminKeyRevoke: _OPERATOR,
    operator_requests.AdminDeposit: _OPERATOR,
    operator_requests.AdminZone: _OPERATOR,
    operator_requests.AdminInstrument: _OPERATOR,
    operator_requests.AdminHalt: _OPERATOR,
    operator_requests.AdminKillSwitch: _OPERATOR,
    operator_requests.AdminLimits: _OPERATOR,
    operator_requests.AdminBalances: _OPERATOR,
    operator_requests.AdminApplications: _OPERATOR,
    operator_requests.AdminApprove: _OPERATOR,
    operator_requests.AdminDecline: _OPERATOR,
}

REPORTS: Final = frozenset(message for message, roles in ROLES.items() if roles == _HOST)
"""What a host alone says, and says only while it serves."""
