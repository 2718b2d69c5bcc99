"""Applications for accounts, until the operator decides. Pure.

An application is not journalled, and a restart forgets it. An approved one becomes an account with
one trader key, journalled as two commands of the operator. Anybody may apply, so the number of
applications is bounded; `addresses` limits how often an address may apply. Source: protocol.md,
"Operator and sign-up".
"""

from typing import Final

from msgspec import Struct

from exchange.wire.admin_requests import AdminApprove
from exchange.wire.requests import AccountApply
from exchange.wire.results import Refused

PENDING_MAX: Final = 1_000
DECIDED_MAX: Final = 1_000
"""Approvals remembered, so that asking again gives the same answer."""


class Application(Struct, frozen=True):
    """One pending application, as shown to the operator."""

    application: str
    name: str
    contact: str
    public_key: str
    side: str
    at_ms: int


class SignUps:
    """Pending applications by id, oldest first, and the last decisions."""

    def __init__(self) -> None:
        self.pending: dict[str, Application] = {}
        self.approved: dict[str, AdminApprove] = {}
        self._ids: dict[str, str] = {}
        """Application by public key."""
        self._last_number = 0

    def add(self, message: AccountApply, epoch: int, now_ms: int) -> Application | Refused:
        """Keep an application; the same key again is the same application."""
        known = self._ids.get(message.public_key)
        if known is not None:
            return self.pending[known]
        if len(self.pending) >= PENDING_MAX:
            return Refused("busy", f"{PENDING_MAX} applications wait for the operator")
        self._last_number += 1
        # Contains the epoch: after a restart the same id must not mean another applicant.
        name = f"a-{epoch}-{self._last_number}"
        facts = message.name, message.contact, message.public_key, message.side
        self.pending[name] = Application(name, *facts, now_ms)
        self._ids[message.public_key] = name
        return self.pending[name]

    def remove(self, name: str) -> Application | None:
        """Remove and return an application, None when it is not there."""
        found = self.pending.pop(name, None)
        if found is not None:
            del self._ids[found.public_key]
        return found

    def approve(self, message: AdminApprove) -> None:
        """Remember the decision."""
        self.remove(message.application)
        self.approved[message.application] = message
        if len(self.approved) > DECIDED_MAX:
            del self.approved[next(iter(self.approved))]
