"""The cost of every request and the budget that pays for it, in one table. Pure.

`limits` looks up every request here. A question costs the bytes of its answer, and every request
that may add a row to the journal has a budget.
"""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from exchange.wire import admin_requests, console_requests, requests, session_requests

Budget: TypeAlias = Literal[
    "orders", "cancels", "changes", "questions", "host", "operator", "enrollments", "applications"
]
"""``orders``, ``cancels``, ``changes``: three of an account, each at its rate of orders;
``questions``: of a connection; ``host``: of a host; ``operator``: of an operator's account;
``enrollments`` and ``applications``: of an address."""

KIB: Final = 1024
STATEMENT_BYTES: Final = 32 * KIB
"""Charged for a page of history, whatever its size: a thread reads it."""
STATE_BYTES: Final = 4 * KIB
"""Charged for a search even when it finds nothing."""


class Cost(Struct, frozen=True):
    """``weighed``: the bytes of the answer are charged too, at least ``least`` of them."""

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
    requests.Auth: _QUESTIONS,
    requests.AccountApply: Cost("applications"),
    requests.HostEnroll: Cost("enrollments"),
    requests.Subscribe: _WEIGHED,
    requests.Unsubscribe: _QUESTIONS,
    session_requests.SessionClaim: _QUESTIONS,
    requests.DirectorySearch: _STATE,
    requests.AccountState: _STATE,
    requests.AccountStatement: Cost("questions", weighed=True, least=STATEMENT_BYTES),
    requests.OrderList: _STATE,
    console_requests.VmConsole: _WEIGHED,
    requests.ImageStat: _QUESTIONS,
    requests.ImageGet: _QUESTIONS,
    requests.ImageList: _STATE,
    requests.OrderPlace: _ORDERS,
    requests.OrderReplace: _ORDERS,
    requests.OrderCancel: _CANCELS,
    requests.OrderMassCancel: _CANCELS,
    requests.OrderCancelOnDisconnect: _CHANGES,
    requests.OrderCancelAllAfter: _CHANGES,
    requests.ImageOffer: _CHANGES,
    requests.ImageBuy: _CHANGES,
    requests.ImagePut: _CHANGES,
    requests.ImageDelete: _CHANGES,
    requests.VmStart: _CHANGES,
    requests.VmStop: _CHANGES,
    requests.LeaseRelease: _CHANGES,
    requests.LeaseRecall: _CHANGES,
    requests.HostToken: _CHANGES,
    requests.HostApprove: _CHANGES,
    requests.HostOffer: _CHANGES,
    requests.HostDrain: _CHANGES,
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
    admin_requests.AdminApprove: _OPERATOR,
    admin_requests.AdminDecline: _OPERATOR,
    admin_requests.AdminBalances: _STATE,
    admin_requests.AdminApplications: _STATE,
}
