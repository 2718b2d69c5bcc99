"""What every request costs, and out of which budget: one table. Pure.

Whatever is not in it cannot be asked: `limits` looks every request up. A question costs what its
answer weighs, and whatever may make a row of the journal has a budget, whoever sends it.
"""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from exchange import operator_requests, protocol

Budget: TypeAlias = Literal[
    "orders", "cancels", "changes", "questions", "host", "operator", "enrolments", "applications"
]
"""``orders``, ``cancels``, ``changes``: three of an account, each at its rate of orders;
``questions``: of a connection; ``host``: of a host; ``operator``: of an operator's account;
``enrolments`` and ``applications``: of an address."""

KIB: Final = 1024
STATEMENT_BYTES: Final = 32 * KIB
"""A page of the past is read off the loop; it counts as so much, whatever it holds."""
STATE_BYTES: Final = 4 * KIB
"""Looking through everything costs this much even if nothing is found."""


class Cost(Struct, frozen=True):
    """``weighed``: what is answered is charged too, ``least`` bytes at the least."""

    budget: Budget
    weighed: bool = False
    least: int = 0


_ORDERS: Final = Cost("orders")
_CANCELS: Final = Cost("cancels")
_CHANGES: Final = Cost("changes")
_QUESTIONS: Final = Cost("questions")
_WEIGHED: Final = Cost("questions", weighed=True)
_STATE: Final = Cost("questions", weighed=True, least=STATE_BYTES)
_HOST: Final = Cost("host")
_OPERATOR: Final = Cost("operator")

COSTS: Final[dict[type[Struct], Cost]] = {
    protocol.Auth: _QUESTIONS,
    protocol.AccountApply: Cost("applications"),
    protocol.HostEnroll: Cost("enrolments"),
    protocol.Subscribe: _WEIGHED,
    protocol.Unsubscribe: _QUESTIONS,
    protocol.DirectorySearch: _STATE,
    protocol.AccountState: _STATE,
    protocol.AccountStatement: Cost("questions", weighed=True, least=STATEMENT_BYTES),
    protocol.OrderList: _STATE,
    protocol.VmConsole: _WEIGHED,
    protocol.ImageStat: _QUESTIONS,
    protocol.ImageGet: _QUESTIONS,
    protocol.ImageList: _STATE,
    protocol.OrderPlace: _ORDERS,
    protocol.OrderReplace: _ORDERS,
    protocol.OrderCancel: _CANCELS,
    protocol.OrderMassCancel: _CANCELS,
    protocol.OrderCancelOnDisconnect: _CHANGES,
    protocol.OrderCancelAllAfter: _CHANGES,
    protocol.ImageOffer: _CHANGES,
    protocol.ImageBuy: _CHANGES,
    protocol.ImagePut: _CHANGES,
    protocol.ImageDelete: _CHANGES,
    protocol.VmStart: _CHANGES,
    protocol.VmStop: _CHANGES,
    protocol.LeaseRelease: _CHANGES,
    protocol.LeaseRecall: _CHANGES,
    protocol.HostToken: _CHANGES,
    protocol.HostApprove: _CHANGES,
    protocol.HostOffer: _CHANGES,
    protocol.HostDrain: _CHANGES,
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
    operator_requests.AdminApprove: _OPERATOR,
    operator_requests.AdminDecline: _OPERATOR,
    operator_requests.AdminBalances: _STATE,
    operator_requests.AdminApplications: _STATE,
}
